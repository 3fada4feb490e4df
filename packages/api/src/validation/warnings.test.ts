import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Deployment, Pod } from '../generated/types.ts';
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
      ['spec.containers[0].env[1]: hides previous definition of "A", which may be unexpected'],
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

  test('warn of their template, and not again when it stays', () => {
    const old = defaulted<Deployment>(def, body(1));
    assert.deepEqual(objectWarnings(def, old), [
      'spec.template.spec.imagePullSecrets[0]: invalid empty name ""',
    ]);
    assert.deepEqual(objectWarnings(def, defaulted<Deployment>(def, body(2)), old), []);
  });
});

describe('other objects', () => {
  test('repeated owners', () => {
    const def = builtinKind('v1', 'ConfigMap');
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' };
    const metadata = { ...META, ownerReferences: [owner, owner] };
    const [warning = ''] = objectWarnings(def, defaulted(def, { metadata }));
    assert.match(warning, /duplicate UID\(s\) observed: u$/);
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
