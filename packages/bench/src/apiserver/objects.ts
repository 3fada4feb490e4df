/** The objects the load makes. */

export const NAMESPACE = 'bench';
export const PODS_PATH = `/api/v1/namespaces/${NAMESPACE}/pods`;
export const LEASES_PATH = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

/** A pod as a deployment's would be: some 1.9 kB once the server has filled it in. */
export function pod(name?: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(name === undefined ? { generateName: 'web-7c5ddbdf54-' } : { name }),
      namespace: NAMESPACE,
      labels: { app: 'web', 'pod-template-hash': '7c5ddbdf54', tier: 'frontend' },
      annotations: { 'example.org/checksum': '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c' },
    },
    spec: {
      // No account's token is mounted: the row is about the server, not about how many volumes a pod has.
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'web',
          image: 'registry.example.org/web:1.27.3',
          ports: [{ name: 'http', containerPort: 8080 }],
          env: [
            { name: 'LOG_LEVEL', value: 'info' },
            { name: 'REGION', value: 'eu-central-1' },
          ],
          resources: {
            requests: { cpu: '100m', memory: '128Mi' },
            limits: { cpu: '500m', memory: '256Mi' },
          },
        },
      ],
    },
  };
}

/** What a kubelet writes every ten seconds. */
export function lease(name: string, renewTime: string, resourceVersion?: string): object {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace: 'kube-node-lease',
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime },
  };
}
