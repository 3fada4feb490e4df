import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Deployment, Pod } from '../generated/types.ts';
import type { KubeObject } from '../meta.ts';
import { builtinKind } from '../registry.ts';
import { defaulted, type Loose, META, SELECTOR, TEMPLATE } from '../testing/make.ts';
import { objectWarnings } from './warnings.ts';

const podDef = builtinKind('v1', 'Pod');

function warnings(spec: Loose, container: Loose = {}): string[] {
  const containers = [{ name: 'c', image: 'i', ...container }];
  return objectWarnings(podDef, defaulted<Pod>(podDef, { spec: { containers, ...spec } }));
}

describe('pods', () => {
  test('a plain one gives no cause', () => {
    assert.deepEqual(warnings({}), []);
  });

  const cases: readonly [Loose, Loose, string[]][] = [
    [
      { volumes: [{ name: 'a', rbd: { monitors: ['m'], image: 'i' } }] },
      {},
      ['spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+'],
    ],
    [
      { volumes: [{ name: 'a', projected: { sources: [{}] } }] },
      {},
      ['volume "a" (Projected) has no sources provided'],
    ],
    [
      {
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule' },
        ],
      },
      {},
      [
        'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod',
      ],
    ],
    [
      { nodeSelector: { 'beta.kubernetes.io/os': 'linux' } },
      {},
      [
        'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
      ],
    ],
    [
      {},
      {
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
        ],
      },
      [
        'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
      ],
    ],
    [
      {},
      { ports: [{ containerPort: 80 }, { containerPort: 80, name: 'b' }] },
      ['spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]'],
    ],
    [
      {},
      { resources: { limits: { memory: '100m' } } },
      [
        'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
        'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
      ],
    ],
    [
      {
        volumes: [
          {
            name: 'p',
            projected: {
              sources: [{ serviceAccountToken: { path: 't' } }, { configMap: { name: 'c' } }],
            },
          },
          {
            name: 'm',
            configMap: {
              name: 'c',
              items: [
                { key: 'a', path: 'x/y' },
                { key: 'b', path: 'x/' },
              ],
            },
          },
        ],
      },
      {},
      [
        'volume "p" (Projected): overlapping paths: "t" (ServiceAccountToken) with "t" (ServiceAccountToken)',
        'volume "m" (ConfigMap "c"): overlapping paths: "x" with "x/y"',
      ],
    ],
    [
      {
        hostAliases: [{ ip: '1.1.1.1' }, { ip: '1.1.1.1' }],
        imagePullSecrets: [{ name: 's' }, { name: 's' }],
        terminationGracePeriodSeconds: -1,
      },
      { ports: [{ containerPort: 80, hostIP: '1.2.3.4', protocol: 'TCP' }] },
      [
        'spec.hostAliases[1].ip: duplicate ip "1.1.1.1"',
        'spec.imagePullSecrets[1].name: duplicate name "s"',
        'spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:1.2.3.4}',
        'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
      ],
    ],
  ];
  for (const [spec, container, expected] of cases) {
    test(expected[0] ?? '', () => {
      assert.deepEqual(warnings(spec, container), expected);
    });
  }
});

describe('workloads', () => {
  const def = builtinKind('apps/v1', 'Deployment');
  const body = (replicas: number): Loose => ({
    spec: {
      replicas,
      selector: SELECTOR,
      template: {
        ...TEMPLATE,
        spec: { ...(TEMPLATE.spec as object), imagePullSecrets: [{ name: '' }] },
      },
    },
  });

  test('warn of their template, and again when their spec changes', () => {
    const old = defaulted<Deployment>(def, body(1));
    const texts = ['spec.template.spec.imagePullSecrets[0].name: invalid empty name ""'];
    assert.deepEqual(objectWarnings(def, old), texts);
    assert.deepEqual(objectWarnings(def, defaulted<Deployment>(def, body(1)), old), []);
    assert.deepEqual(objectWarnings(def, defaulted<Deployment>(def, body(2)), old), texts);
  });

  test('names that are no label of a host', () => {
    const named = defaulted<Deployment>(def, { ...body(1), metadata: { ...META, name: 'a.b' } });
    assert.equal(
      objectWarnings(def, named)[0],
      `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]`,
    );
  });
});

describe('other objects', () => {
  test('volumes and classes of yesterday', () => {
    const def = builtinKind('v1', 'PersistentVolume');
    const metadata = { name: 'v', annotations: { 'volume.beta.kubernetes.io/storage-class': 'a' } };
    const spec = { persistentVolumeReclaimPolicy: 'Recycle', cephfs: { monitors: [] } };
    assert.deepEqual(objectWarnings(def, { metadata, spec } as KubeObject), [
      'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead',
      'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
      'spec.cephfs: deprecated in v1.28, non-functional in v1.31+',
    ]);
    const ingress = builtinKind('networking.k8s.io/v1', 'Ingress');
    const old = { metadata: { name: 'i', annotations: { 'kubernetes.io/ingress.class': 'x' } } };
    assert.deepEqual(objectWarnings(ingress, old), [
      `annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`,
    ]);
    assert.deepEqual(objectWarnings(ingress, old, old), []);
  });

  test('certificates that are none', () => {
    const def = builtinKind('v1', 'Secret');
    const secret = defaulted(def, {
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': 'AA==', 'tls.key': 'AA==' },
    });
    assert.deepEqual(objectWarnings(def, secret), [
      'tls: failed to find any PEM data in certificate input',
    ]);
  });
});

describe('custom objects', () => {
  const custom = { ...builtinKind('v1', 'ConfigMap'), rules: { unstructured: true } };
  const withFinalizers = (...finalizers: string[]): KubeObject => ({
    ...{ apiVersion: 'a.example/v1', kind: 'A' },
    metadata: { name: 'x', finalizers },
  });

  test('a finalizer without a domain is told of when it is new', () => {
    const advice =
      'prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers';
    const next = withFinalizers('z', 'a.example/b', 'orphan', 'c');
    const of = (name: string): string => `metadata.finalizers: "${name}": ${advice}`;
    assert.deepEqual(objectWarnings(custom, next), [of('c'), of('z')]);
    assert.deepEqual(objectWarnings(custom, next, withFinalizers('c')), [of('z')]);
  });
});

describe('kinds of their own', () => {
  const told = (kind: readonly [string, string], body: Loose, was?: Loose): string[] => {
    const def = builtinKind(...kind);
    const old = was && defaulted<KubeObject>(def, was);
    return objectWarnings(def, defaulted<KubeObject>(def, body), old);
  };

  test('a quota that allows to ask for more than may be used', () => {
    const quota = ['v1', 'ResourceQuota'] as const;
    const hard = { cpu: '3', 'limits.cpu': '2', 'requests.memory': '1Gi', 'limits.memory': '2Gi' };
    assert.deepEqual(told(quota, { spec: { hard } }), [
      'ResourceQuota cpu (3) should be less than limits.cpu (2)',
    ]);
    assert.deepEqual(told(quota, { spec: { hard } }, { spec: { hard } }), []);
  });

  test('an account that begins to insist on its secrets', () => {
    const account = ['v1', 'ServiceAccount'] as const;
    const name = 'kubernetes.io/enforce-mountable-secrets';
    const metadata = { name: 'x', namespace: 'n', annotations: { [name]: 'true' } };
    const advice = 'prefer separate namespaces to isolate access to mounted secrets';
    const expected = [`metadata.annotations[${name}]: deprecated in v1.32+; ${advice}`];
    assert.deepEqual(told(account, { metadata }), expected);
    assert.deepEqual(told(account, { metadata }, {}), expected);
    assert.deepEqual(told(account, { metadata }, { metadata }), []);
  });

  test('parts of bytes in what claims may grow to, and in templates of claims', () => {
    const storage = '1500m';
    const spec = { accessModes: ['ReadWriteOnce'], resources: { limits: { storage } } };
    const why = 'fractional byte value "1500m" is invalid, must be an integer';
    const at = 'resources.limits[storage]';
    assert.deepEqual(told(['v1', 'PersistentVolumeClaim'], { spec }), [`spec.${at}: ${why}`]);
    const volumeClaimTemplates = [{ metadata: { name: 'c' }, spec }];
    const set = { spec: { selector: SELECTOR, template: TEMPLATE, volumeClaimTemplates } };
    const expected = [`spec.volumeClaimTemplates[0].${at}: ${why}`];
    assert.deepEqual(told(['apps/v1', 'StatefulSet'], set), expected);
    assert.deepEqual(told(['apps/v1', 'StatefulSet'], set, set), expected);
  });

  test('addresses that later parsers refuse, or that are written unusually', () => {
    const spec = {
      clusterIP: '010.0.0.1',
      clusterIPs: ['010.0.0.1'],
      externalIPs: ['2001:DB8::1', '::ffff:1.2.3.4'],
      loadBalancerIP: '1.2.3.4',
      loadBalancerSourceRanges: ['010.0.0.0/8', '2001:0db8::/32', '10.0.0.0/08'],
    };
    const future = 'was accepted, but will be invalid in a future Kubernetes release';
    const zero = 'IPv4 field has octet with leading zero';
    const loops = 'which may cause controller apply-loops';
    const rfc = 'is not in RFC 5952 canonical format';
    assert.deepEqual(told(['v1', 'Service'], { spec }), [
      `spec.clusterIPs[0]: IP address ${future}: ParseAddr("010.0.0.1"): ${zero}`,
      `spec.externalIPs[0]: IPv6 address "2001:DB8::1" ${rfc} ("2001:db8::1"), ${loops}`,
      `spec.loadBalancerSourceRanges[0]: IP prefix ${future}: netip.ParsePrefix("010.0.0.0/8"): ParseAddr("010.0.0.0"): ${zero}`,
      `spec.loadBalancerSourceRanges[1]: IPv6 prefix "2001:0db8::/32" ${rfc} ("2001:db8::/32"), ${loops}`,
      `spec.loadBalancerSourceRanges[2]: IP prefix ${future}: netip.ParsePrefix("10.0.0.0/08"): bad bits after slash: "08"`,
    ]);
  });
});
