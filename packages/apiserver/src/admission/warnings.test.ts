import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject, PodSpec } from '@kubets/api';
import { admission } from '../edge-testing.ts';
import { SERVER_CERT } from '../streaming/testing-certificates.ts';
import { objectWarnings, podWarnings } from './warnings.ts';

async function create(object: KubeObject, old?: KubeObject): Promise<string[]> {
  const warnings: string[] = [];
  await objectWarnings().validate?.(
    admission(old ? 'UPDATE' : 'CREATE', object, { warnings, oldObject: old }),
  );
  return warnings;
}

describe('remarks about pods', () => {
  const cases: [string, Partial<PodSpec>, string[]][] = [
    ['nothing to say', { containers: [{ name: 'c', env: [{ name: 'A' }, { name: 'B' }] }] }, []],
    [
      'a constraint that matches no pod',
      {
        topologySpreadConstraints: [
          { labelSelector: {}, maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'x' },
          { maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'x' },
        ],
      },
      [
        'spec.topologySpreadConstraints[1].labelSelector: a null labelSelector results in matching no pod',
      ],
    ],
    [
      'volumes of yesterday',
      {
        volumes: [
          { name: 'a', emptyDir: {} },
          { name: 'b', rbd: { image: 'i', monitors: [] } },
        ],
      },
      ['spec.volumes[1].rbd: deprecated in v1.28, non-functional in v1.31+'],
    ],
    [
      'a projected volume of nothing',
      { volumes: [{ name: 'a', projected: { sources: [{}] } }] },
      ['volume "a" (Projected) has no sources provided'],
    ],
    [
      'a pull secret without a name',
      { imagePullSecrets: [{}] },
      ['spec.imagePullSecrets[0].name: invalid empty name ""'],
    ],
    [
      'a variable twice',
      { containers: [{ name: 'c', env: [{ name: 'A' }, { name: 'A' }] }] },
      [
        'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
      ],
    ],
    [
      'parts of a byte',
      { initContainers: [{ name: 'i', resources: { requests: { memory: '100m' } } }] },
      [
        'spec.initContainers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
      ],
    ],
    [
      'a negative grace period',
      { terminationGracePeriodSeconds: -1 },
      [
        'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
      ],
    ],
  ];
  for (const [what, spec, texts] of cases) {
    it(what, () => assert.deepEqual(podWarnings({ containers: [], ...spec }, 'spec'), texts));
  }

  const spec = { containers: [], imagePullSecrets: [{}] };
  const metadata = { namespace: 'ns', name: 'x' };

  it('come with a new pod, not with its updates', async () => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec };
    assert.equal((await create(pod)).length, 1);
    assert.deepEqual(await create(pod, pod), []);
  });

  it('come with templates, at their path', async () => {
    const template = { metadata: {}, spec };
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template } };
    const text = 'spec.template.spec.imagePullSecrets[0].name: invalid empty name ""';
    assert.deepEqual(await create(deployment), [text]);
    assert.deepEqual(await create(deployment, deployment), [text]);
    const jobTemplate = { spec: { template } };
    const [first] = await create({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata,
      spec: { jobTemplate },
    });
    assert.match(first ?? '', /^spec\.jobTemplate\.spec\.template\.spec\.imagePullSecrets\[0\]/);
  });
});

it('versions that only a conversion webhook could show are pointed out', async () => {
  const version = (name: string, storage: boolean) => ({ name, served: true, storage });
  const remarks = (strategy: string, ...versions: object[]): Promise<string[]> =>
    create({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'c' },
      spec: { conversion: { strategy }, versions },
    });
  assert.deepEqual(await remarks('None', version('v1', true), version('v2', false)), []);
  assert.deepEqual(await remarks('Webhook', version('v1', true)), []);
  const [text] = await remarks('Webhook', version('v1', true), version('v2', false));
  assert.match(text ?? '', /only the storage version is served, not v2$/);
});

it('owners named twice are pointed out', () => {
  const owner = (uid: string) => ({ apiVersion: 'v1', kind: 'Pod', name: 'p', uid });
  const remarks = (...uids: string[]) => {
    const warnings: string[] = [];
    const metadata = { namespace: 'ns', name: 'x', ownerReferences: uids.map(owner) };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
    objectWarnings().admit?.(admission('CREATE', object, { warnings }));
    return warnings;
  };
  assert.deepEqual(remarks('a', 'b'), []);
  assert.match(remarks('a', 'b', 'a', 'a')[0] ?? '', /duplicate UID\(s\) observed: a$/);
});

describe('remarks about TLS secrets', () => {
  const secret = (text: string, type = 'kubernetes.io/tls') => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'ns', name: 's' },
    type,
    data: { 'tls.crt': Buffer.from(text).toString('base64') },
  });
  it('none for a certificate, or another type', async () => {
    assert.deepEqual(await create(secret(SERVER_CERT)), []);
    assert.deepEqual(await create(secret('c', 'Opaque')), []);
  });
  it('no PEM, or nothing that can be read', async () => {
    assert.deepEqual(await create(secret('c')), [
      'tls: failed to find any PEM data in certificate input',
    ]);
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    assert.deepEqual(await create(secret(broken)), ['tls: failed to parse certificate input']);
  });
});
