import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type {
  CronJob,
  DaemonSet,
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  LimitRange,
  Namespace,
  NetworkPolicy,
  Node,
  PersistentVolumeClaim,
  Pod,
  PodStatus,
  ReplicationController,
  RoleBinding,
  Secret,
  Service,
  StatefulSet,
  StorageClass,
} from '../generated/types.ts';
import { builtinKind } from '../registry.ts';
import { defaulted, pod, SELECTOR, specOf, TEMPLATE } from '../testing/make.ts';
import { defaultPullPolicy } from './pod.ts';

describe('pods', () => {
  test('the spec', () => {
    const spec = specOf(pod());
    assert.equal(spec.restartPolicy, 'Always');
    assert.equal(spec.dnsPolicy, 'ClusterFirst');
    assert.equal(spec.schedulerName, 'default-scheduler');
    assert.equal(spec.terminationGracePeriodSeconds, 30);
    assert.equal(spec.enableServiceLinks, true);
    assert.deepEqual(spec.securityContext, {});
  });

  test('containers', () => {
    const [c] = specOf(
      pod({}, { ports: [{ containerPort: 80 }], readinessProbe: { httpGet: { port: 80 } } }),
    ).containers;
    assert.equal(c?.terminationMessagePath, '/dev/termination-log');
    assert.equal(c?.terminationMessagePolicy, 'File');
    assert.equal(c?.imagePullPolicy, 'IfNotPresent');
    assert.deepEqual(c?.ports, [{ containerPort: 80, protocol: 'TCP' }]);
    assert.deepEqual(c?.readinessProbe, {
      httpGet: { path: '/', port: 80, scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    });
  });

  const images: readonly [string, string][] = [
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.2', 'IfNotPresent'],
    ['registry:5000/nginx', 'Always'],
    ['registry:5000/nginx:1', 'IfNotPresent'],
    ['nginx@sha256:abc', 'IfNotPresent'],
  ];
  for (const [image, policy] of images) {
    test(`${image} is pulled ${policy}`, () => {
      assert.equal(defaultPullPolicy(image), policy);
    });
  }

  test('requests are taken from limits, for what is not requested', () => {
    const resources = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '100m' } };
    const [c] = specOf(pod({}, { resources })).containers;
    assert.deepEqual(c?.resources?.requests, { cpu: '100m', memory: '1Gi' });
  });

  test('amounts finer than a thousandth are rounded up', () => {
    const [c] = specOf(pod({}, { resources: { requests: { cpu: '100u' } } })).containers;
    assert.deepEqual(c?.resources?.requests, { cpu: '1m' });
  });

  test('so are those of kinds without pods', () => {
    const amounts = { cpu: '1500u', memory: '1Gi' };
    const rounded = { cpu: '2m', memory: '1Gi' };
    const node = defaulted<Node>(builtinKind('v1', 'Node'), { status: { capacity: amounts } });
    assert.deepEqual([node.status?.capacity, node.status?.allocatable], [rounded, rounded]);
    const limits = [{ type: 'Container', max: amounts }];
    const range = defaulted<LimitRange>(builtinKind('v1', 'LimitRange'), { spec: { limits } });
    const [item] = range.spec?.limits ?? [];
    assert.deepEqual([item?.max, item?.default], [rounded, rounded]);
  });

  test('on the host’s network, host ports are container ports', () => {
    const [c] = specOf(pod({ hostNetwork: true }, { ports: [{ containerPort: 80 }] })).containers;
    assert.equal(c?.ports?.[0]?.hostPort, 80);
  });

  test('volumes', () => {
    const volumes = [
      { name: 'a' },
      { name: 'b', configMap: { name: 'c' } },
      { name: 'c', hostPath: { path: '/x' } },
      { name: 'd', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    ];
    const [a, b, c, d] = specOf(pod({ volumes })).volumes ?? [];
    assert.deepEqual(a?.emptyDir, {});
    assert.equal(b?.configMap?.defaultMode, 420);
    assert.equal(c?.hostPath?.type, '');
    assert.equal(d?.projected?.sources?.[0]?.serviceAccountToken?.expirationSeconds, 3600);
  });

  test('both names of the service account', () => {
    assert.equal(specOf(pod({ serviceAccountName: 's' })).serviceAccount, 's');
    assert.equal(specOf(pod({ serviceAccount: 's' })).serviceAccountName, 's');
  });
});

describe('workloads', () => {
  const of = <T extends Deployment>(apiVersion: string, kind: string, spec: object): T =>
    defaulted<T>(builtinKind(apiVersion, kind), { spec: { ...spec } });

  test('Deployment', () => {
    const { spec } = of('apps/v1', 'Deployment', { selector: SELECTOR, template: TEMPLATE });
    assert.equal(spec?.replicas, 1);
    assert.equal(spec?.revisionHistoryLimit, 10);
    assert.equal(spec?.progressDeadlineSeconds, 600);
    assert.deepEqual(spec?.strategy, {
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' },
    });
    assert.equal(spec?.template.spec?.restartPolicy, 'Always');
    assert.equal(spec?.template.spec?.enableServiceLinks, undefined);
  });

  test('a Recreate strategy has no rolling update', () => {
    const strategy = { type: 'Recreate' };
    const d = of('apps/v1', 'Deployment', { selector: SELECTOR, template: TEMPLATE, strategy });
    assert.deepEqual(d.spec?.strategy, strategy);
  });

  test('zero replicas stay zero', () => {
    const d = of('apps/v1', 'Deployment', { replicas: 0, selector: SELECTOR, template: TEMPLATE });
    assert.equal(d.spec?.replicas, 0);
  });

  test('DaemonSet', () => {
    const ds = defaulted<DaemonSet>(builtinKind('apps/v1', 'DaemonSet'), {
      spec: { selector: SELECTOR, template: TEMPLATE },
    });
    assert.deepEqual(ds.spec?.updateStrategy, {
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
    });
  });

  test('StatefulSet', () => {
    const s = defaulted<StatefulSet>(builtinKind('apps/v1', 'StatefulSet'), {
      spec: {
        selector: SELECTOR,
        template: TEMPLATE,
        volumeClaimTemplates: [{ metadata: { name: 'v' } }],
      },
    });
    assert.equal(s.spec?.podManagementPolicy, 'OrderedReady');
    assert.deepEqual(s.spec?.updateStrategy, {
      type: 'RollingUpdate',
      rollingUpdate: { partition: 0 },
    });
    const [claim] = s.spec?.volumeClaimTemplates ?? [];
    assert.equal(claim?.kind, 'PersistentVolumeClaim');
    assert.equal(claim?.spec?.volumeMode, 'Filesystem');
    assert.equal(claim?.status?.phase, 'Pending');
  });

  test('a ReplicationController takes labels and selector from its template', () => {
    const rc = defaulted<ReplicationController>(builtinKind('v1', 'ReplicationController'), {
      spec: { template: TEMPLATE },
    });
    assert.deepEqual(rc.spec?.selector, { app: 'a' });
    assert.deepEqual(rc.metadata.labels, { app: 'a' });
  });

  test('Job and CronJob', () => {
    const job = defaulted<Job>(builtinKind('batch/v1', 'Job'), { spec: { template: TEMPLATE } });
    assert.equal(job.spec?.completions, 1);
    assert.equal(job.spec?.parallelism, 1);
    assert.equal(job.spec?.backoffLimit, 6);
    assert.equal(job.spec?.completionMode, 'NonIndexed');
    const queue = defaulted<Job>(builtinKind('batch/v1', 'Job'), {
      spec: { parallelism: 3, template: TEMPLATE },
    });
    assert.equal(queue.spec?.completions, undefined);
    const cron = defaulted<CronJob>(builtinKind('batch/v1', 'CronJob'), {
      spec: { schedule: '* * * * *', jobTemplate: { spec: { template: TEMPLATE } } },
    });
    assert.equal(cron.spec?.concurrencyPolicy, 'Allow');
    assert.equal(cron.spec?.successfulJobsHistoryLimit, 3);
    assert.equal(cron.spec?.jobTemplate.spec?.backoffLimit, undefined);
  });
});

describe('services', () => {
  const service = (spec: object): Service =>
    defaulted<Service>(builtinKind('v1', 'Service'), { spec: { ...spec } });

  test('type, affinity, protocol, target port', () => {
    const { spec } = service({ ports: [{ port: 80 }] });
    assert.equal(spec?.type, 'ClusterIP');
    assert.equal(spec?.sessionAffinity, 'None');
    assert.equal(spec?.internalTrafficPolicy, 'Cluster');
    assert.deepEqual(spec?.ports, [{ port: 80, protocol: 'TCP', targetPort: 80 }]);
    assert.equal(spec?.externalTrafficPolicy, undefined);
  });

  test('sticky sessions last three hours', () => {
    const { spec } = service({ sessionAffinity: 'ClientIP' });
    assert.equal(spec?.sessionAffinityConfig?.clientIP?.timeoutSeconds, 10_800);
  });

  test('what is reachable from outside has a traffic policy', () => {
    assert.equal(service({ type: 'NodePort' }).spec?.externalTrafficPolicy, 'Cluster');
    const balanced = service({ type: 'LoadBalancer' }).spec;
    assert.equal(balanced?.allocateLoadBalancerNodePorts, true);
    assert.equal(service({ type: 'ExternalName' }).spec?.internalTrafficPolicy, undefined);
  });
});

describe('other kinds', () => {
  test('Namespace', () => {
    const ns = defaulted<Namespace>(builtinKind('v1', 'Namespace'), {});
    assert.equal(ns.metadata.labels?.['kubernetes.io/metadata.name'], 'x');
    assert.equal(ns.status?.phase, 'Active');
  });

  test('Pod: the address is the first of the addresses, and goes before others', () => {
    const addresses = (status: PodStatus) => {
      const def = builtinKind('v1', 'Pod');
      const { podIP, podIPs } = defaulted<Pod>(def, { status: { ...status } }).status ?? {};
      return [podIP, podIPs?.map(({ ip }) => ip)];
    };
    assert.deepEqual(addresses({ podIP: '1.1.1.1' }), ['1.1.1.1', ['1.1.1.1']]);
    const podIPs = [{ ip: '2.2.2.2' }, { ip: 'fd::1' }];
    assert.deepEqual(addresses({ podIPs }), ['2.2.2.2', ['2.2.2.2', 'fd::1']]);
    assert.deepEqual(addresses({ podIP: '1.1.1.1', podIPs }), ['1.1.1.1', ['1.1.1.1']]);
    const [first, second] = addresses({ podIP: '2.2.2.2', podIPs });
    assert.deepEqual([first, second], ['2.2.2.2', ['2.2.2.2', 'fd::1']]);
  });

  test('Node: allocatable is capacity, podCIDRs hold podCIDR', () => {
    const node = defaulted<Node>(builtinKind('v1', 'Node'), {
      spec: { podCIDR: '10.0.0.0/24' },
      status: { capacity: { cpu: '2' } },
    });
    assert.deepEqual(node.status?.allocatable, { cpu: '2' });
    assert.deepEqual(node.spec?.podCIDRs, ['10.0.0.0/24']);
  });

  test('Secret: text becomes data', () => {
    const secret = defaulted<Secret>(builtinKind('v1', 'Secret'), {
      data: { a: 'AA==' },
      stringData: { b: 'hi' },
    });
    assert.deepEqual(secret.data, { a: 'AA==', b: 'aGk=' });
    assert.equal(secret.stringData, undefined);
    assert.equal(secret.type, 'Opaque');
  });

  test('LimitRange: defaults follow from limits', () => {
    const range = defaulted<LimitRange>(builtinKind('v1', 'LimitRange'), {
      spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' } }] },
    });
    const [item] = range.spec?.limits ?? [];
    assert.deepEqual(item?.default, { cpu: '2' });
    assert.deepEqual(item?.defaultRequest, { cpu: '2', memory: '1Mi' });
  });

  test('claims, classes, policies, bindings, autoscalers', () => {
    const claim = defaulted<PersistentVolumeClaim>(builtinKind('v1', 'PersistentVolumeClaim'), {
      spec: {},
    });
    assert.equal(claim.spec?.volumeMode, 'Filesystem');
    const sc = defaulted<StorageClass>(builtinKind('storage.k8s.io/v1', 'StorageClass'), {});
    assert.equal(sc.reclaimPolicy, 'Delete');
    const np = defaulted<NetworkPolicy>(builtinKind('networking.k8s.io/v1', 'NetworkPolicy'), {
      spec: { egress: [{ ports: [{ port: 1 }] }] },
    });
    assert.deepEqual(np.spec?.policyTypes, ['Ingress', 'Egress']);
    assert.equal(np.spec?.egress?.[0]?.ports?.[0]?.protocol, 'TCP');
    const rb = defaulted<RoleBinding>(builtinKind('rbac.authorization.k8s.io/v1', 'RoleBinding'), {
      roleRef: { kind: 'Role', name: 'r' },
      subjects: [{ kind: 'User', name: 'u' }],
    });
    assert.equal(rb.roleRef.apiGroup, 'rbac.authorization.k8s.io');
    assert.equal(rb.subjects?.[0]?.apiGroup, 'rbac.authorization.k8s.io');
    const hpa = defaulted<HorizontalPodAutoscaler>(
      builtinKind('autoscaling/v2', 'HorizontalPodAutoscaler'),
      { spec: { maxReplicas: 3, behavior: { scaleUp: {} } } },
    );
    assert.equal(hpa.spec?.minReplicas, 1);
    assert.equal(hpa.spec?.metrics?.[0]?.resource?.target.averageUtilization, 80);
    assert.equal(hpa.spec?.behavior?.scaleUp?.policies?.length, 2);
    const old = defaulted<HorizontalPodAutoscaler>(
      builtinKind('autoscaling/v1', 'HorizontalPodAutoscaler'),
      { apiVersion: 'autoscaling/v1', spec: { maxReplicas: 3 } } as never,
    );
    assert.equal(old.spec?.minReplicas, 1);
    assert.equal(old.spec?.metrics, undefined);
  });
});
