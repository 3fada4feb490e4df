/** A kubeconfig with everything inside. */

export function kubeconfigOf(o: { url: string; ca: string; token: string }): string {
  return `apiVersion: v1
kind: Config
clusters:
- name: embedded
  cluster:
    server: ${o.url}
    certificate-authority-data: ${Buffer.from(o.ca).toString('base64')}
users:
- name: kubernetes-admin
  user:
    token: ${o.token}
contexts:
- name: embedded
  context:
    cluster: embedded
    user: kubernetes-admin
current-context: embedded
`;
}
