import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject, KubeObject } from '../meta.ts';
import { builtinKind } from '../registry.ts';
import { created, type Loose, TEMPLATE } from '../testing/make.ts';
import { validateUpdate } from './index.ts';

/** Paths of what an update is refused for, in order. */
function paths(kind: readonly [string, string], was: Loose, now: Loose, subresource?: string) {
  const def = builtinKind(...kind);
  const old = created<KubeObject>(def, was);
  const next = structuredClone(old) as unknown as JsonObject;
  Object.assign(next, now);
  if (now.metadata) next.metadata = { ...old.metadata, ...(now.metadata as JsonObject) };
  const options = subresource === undefined ? {} : { subresource };
  return validateUpdate(def, next as unknown as KubeObject, old, options).map((e) => e.field);
}

// Two of each come before the kind's own rules are asked.
describe('how often an update’s parts are checked', () => {
  const RULES = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
  const selector = { matchLabels: { app: 'a' } };

  test('labels that are no labels, by kind', () => {
    const bad = { metadata: { labels: { 'a b': 'x' } } };
    const cases = [
      [['v1', 'ConfigMap'], {}, 4],
      [['v1', 'LimitRange'], { spec: { limits: [] } }, 3],
      [['v1', 'Event'], { involvedObject: { namespace: 'n' } }, 2],
      [['rbac.authorization.k8s.io/v1', 'Role'], { rules: RULES }, 5],
      [['apps/v1', 'Deployment'], { spec: { selector, template: TEMPLATE } }, 3],
      [['apps/v1', 'DaemonSet'], { spec: { selector, template: TEMPLATE } }, 4],
      [['policy/v1', 'PodDisruptionBudget'], { spec: { selector } }, 2],
    ] as const;
    for (const [kind, was, times] of cases) {
      const found = paths(kind, was as Loose, bad);
      assert.deepEqual(found.filter((path) => path === 'metadata.labels').length, times, kind[1]);
    }
  });

  test('a role’s rules are told about twice, a deployment’s spec once', () => {
    const rules = [{ apiGroups: [''], resources: ['pods'] }];
    const role = paths(['rbac.authorization.k8s.io/v1', 'Role'], { rules: RULES }, { rules });
    assert.deepEqual(role, ['rules[0].verbs', 'rules[0].verbs']);
    const spec = { selector, template: TEMPLATE };
    const minReadySeconds = -1;
    const deployment = created<KubeObject>(builtinKind('apps/v1', 'Deployment'), { spec });
    const changed = { spec: { ...(deployment.spec as JsonObject), minReadySeconds } };
    const found = paths(['apps/v1', 'Deployment'], { spec }, changed);
    assert.deepEqual(found, ['spec.minReadySeconds']);
  });

  test('a job’s spec is checked again before what has changed', () => {
    const template = { spec: { ...(TEMPLATE.spec as JsonObject), restartPolicy: 'Never' } };
    const spec = created<KubeObject>(builtinKind('batch/v1', 'Job'), { spec: { template } })
      .spec as JsonObject;
    const found = paths(
      ['batch/v1', 'Job'],
      { spec: { template } },
      { spec: { ...spec, parallelism: -1, completions: 3 } },
    );
    assert.deepEqual(found, ['spec.parallelism', 'spec.parallelism', 'spec.completions']);
  });

  test('what is frozen comes before what is wrong', () => {
    const now = { data: { 'a b': 'eA==' }, immutable: false };
    const was = { data: { a: 'eA==' }, immutable: true };
    const found = paths(['v1', 'Secret'], was, now);
    assert.deepEqual(found, ['immutable', 'data', 'data[a b]']);
  });

  test('a status of some kinds is taken as it comes', () => {
    const bad = { metadata: { annotations: { 'a b': 'x' } } };
    const cron = { spec: { schedule: '* * * * *', jobTemplate: { spec: { template: TEMPLATE } } } };
    assert.equal(paths(['batch/v1', 'CronJob'], cron, bad, 'status').length, 2);
    const sts = { spec: { selector, template: TEMPLATE, serviceName: 's' } };
    const status = { replicas: 0, readyReplicas: 1 };
    const found = paths(['apps/v1', 'StatefulSet'], sts, { ...bad, status }, 'status');
    const meta = 'metadata.annotations';
    assert.deepEqual(found, [meta, meta, 'status.readyReplicas', meta]);
  });
});

describe('what an update or a status may not say', () => {
  test('a node’s addresses, amounts and networks', () => {
    const addresses = [
      { type: 'InternalIP', address: '1.2.3.4' },
      { type: 'InternalIP', address: '1.2.3.4' },
    ];
    const node = ['v1', 'Node'] as const;
    assert.deepEqual(paths(node, {}, { status: { addresses } }, 'status'), ['status.addresses[1]']);
    const spec = { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24'] };
    const moved = { podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24'] };
    assert.deepEqual(paths(node, { spec }, { spec: moved }), ['spec.podCIDRs']);
  });

  test('an ingress status names an address or a host, not both kinds in one', () => {
    const spec = { defaultBackend: { service: { name: 's', port: { number: 80 } } } };
    const status = { loadBalancer: { ingress: [{ ip: 'x' }, { hostname: '1.2.3.4' }] } };
    const found = paths(['networking.k8s.io/v1', 'Ingress'], { spec }, { status }, 'status');
    assert.deepEqual(found, [
      'status.loadBalancer.ingress[0].ip',
      'status.loadBalancer.ingress[1].hostname',
    ]);
  });

  test('an attachment’s volume stays', () => {
    const spec = { attacher: 'a', nodeName: 'n', source: { persistentVolumeName: 'p' } };
    const other = { ...spec, source: { persistentVolumeName: 'q' } };
    const kind = ['storage.k8s.io/v1', 'VolumeAttachment'] as const;
    assert.deepEqual(paths(kind, { spec }, { spec: other }), ['spec']);
    const neither = paths(kind, { spec }, { spec: { ...spec, source: {} } });
    assert.deepEqual(new Set(neither), new Set(['spec.source', 'spec']));
  });
});
