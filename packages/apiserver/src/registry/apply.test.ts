import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject, KubeObject } from '@kubets/api';
import { configMap, make, targetOf } from '../testing/index.ts';
import { at, refusal, useScene } from '../testing/scene.ts';
import type { ObjectResult, Target } from './context.ts';

const s = useScene();

interface Wish {
  readonly manager?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  mayCreate?(): Promise<void>;
}

function apply(target: Target, config: object, o: Wish = {}): Promise<ObjectResult> {
  const { manager = 'm', force = false, ...rest } = o;
  const ctx = { ...s.t.ctx, ...rest, fieldManager: manager };
  return s.t.registry.apply(target, { config: config as JsonObject, force }, ctx);
}

const dataOf = (object: KubeObject | undefined): unknown => (object as { data?: unknown })?.data;
const managers = (object: KubeObject | undefined): string[] =>
  (object?.metadata.managedFields ?? []).map(({ manager, operation }) => `${manager} ${operation}`);

const pod = (image: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'c', image }] },
});

describe('applying', () => {
  it('creates, changes, and leaves alone', async () => {
    const made = await apply(at('a'), configMap('a'));
    assert.equal(made.created, true);
    const changed = await apply(at('a'), configMap('a', { n: 1 }));
    assert.equal(changed.created, false);
    assert.deepEqual(dataOf(await s.stored(at('a'))), { n: '1' });
    const same = await apply(at('a'), configMap('a', { n: 1 }));
    const version = changed.object.metadata.resourceVersion;
    assert.equal(same.object.metadata.resourceVersion, version, 'nothing was written');
  });

  it('stores defaults without owning them', async () => {
    const target = targetOf('v1', 'Pod', { name: 'p' });
    const { object } = await apply(target, pod('img:1'));
    assert.equal((object.spec as { restartPolicy?: string }).restartPolicy, 'Always');
    const [entry] = object.metadata.managedFields ?? [];
    assert.deepEqual(entry?.fieldsV1, {
      'f:spec': {
        'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {} } },
      },
    });
  });

  it('refuses what others own, unless forced', async () => {
    await make(s.t, configMap('a'));
    const wish = configMap('a', { n: 2 });
    await assert.rejects(
      apply(at('a'), wish),
      refusal(409, 'Conflict', /Apply failed with 1 conflict/),
    );
    assert.deepEqual(dataOf(await s.stored(at('a'))), { n: '0' });
    await apply(at('a'), wish, { force: true });
    assert.deepEqual(dataOf(await s.stored(at('a'))), { n: '2' });
  });

  it('looks at no version of what is not there', async () => {
    const config = configMap('a');
    Object.assign(config.metadata, { resourceVersion: '5' });
    const { object, created } = await apply(at('a'), config);
    assert.equal(created, true);
    assert.notEqual(object.metadata.resourceVersion, '5');
  });

  it('without a trace when it is a dry run', async () => {
    const { object } = await apply(at('a'), configMap('a'), { dryRun: true });
    assert.deepEqual(managers(object), ['m Apply']);
    assert.equal(await s.stored(at('a')), undefined);
  });

  it('needs the right to create only where it creates', async () => {
    const mayCreate = (): Promise<void> => Promise.reject(new Error('no'));
    await assert.rejects(apply(at('a'), configMap('a'), { mayCreate }), /no/);
    await apply(at('a'), configMap('a'));
    await apply(at('a'), configMap('a', { n: 1 }), { mayCreate });
  });

  it('refuses another object’s name and an old version', async () => {
    await assert.rejects(
      apply(at('a'), configMap('b')),
      refusal(400, 'BadRequest', /does not match/),
    );
    await apply(at('a'), configMap('a'));
    const old = configMap('a', { n: 1 });
    Object.assign(old.metadata, { resourceVersion: '1' });
    await assert.rejects(apply(at('a'), old, { force: true }), refusal(409, 'Conflict'));
  });

  it('makes an object of a configuration that names a version, not of one without a name', async () => {
    const nameless = { ...configMap('a'), metadata: {} };
    await assert.rejects(
      apply(at('a'), nameless),
      refusal(400, 'BadRequest', /^the name of the object \(a based on URL\) was undeterminable/),
    );
    const old = configMap('a');
    Object.assign(old.metadata, { resourceVersion: '1' });
    assert.equal((await apply(at('a'), old)).created, true);
    assert.equal((await apply(at('a'), nameless)).created, false);
  });

  it('by two at once brings both wishes', async () => {
    const wishes = ['a', 'b', 'c', 'd'].map((key) =>
      apply(at('x'), { ...configMap('x'), data: { [key]: '1' } }, { manager: key }),
    );
    await Promise.all(wishes);
    assert.deepEqual(dataOf(await s.stored(at('x'))), { a: '1', b: '1', c: '1', d: '1' });
  });

  it('does not create through a subresource', async () => {
    const target = targetOf('v1', 'Pod', { name: 'p', subresource: 'status' });
    await assert.rejects(apply(target, pod('img:1')), refusal(404, 'NotFound'));
  });

  it('through the status changes only that', async () => {
    await apply(targetOf('v1', 'Pod', { name: 'p' }), pod('img:1'));
    const target = targetOf('v1', 'Pod', { name: 'p', subresource: 'status' });
    const { object } = await apply(
      target,
      { ...pod('img:2'), status: { phase: 'Running' } },
      { manager: 'kubelet', force: true },
    );
    assert.equal((object.status as { phase?: string }).phase, 'Running');
    const [container] = (object.spec as { containers: { image: string }[] }).containers;
    assert.equal(container?.image, 'img:1');
    const mine = object.metadata.managedFields?.find(({ manager }) => manager === 'kubelet');
    assert.deepEqual(mine?.fieldsV1, { 'f:status': { 'f:phase': {} } });
    assert.equal(mine?.subresource, 'status');
  });
});

describe('the account of other writes', () => {
  it('is kept by patches and replacements, not by what the server does itself', async () => {
    await make(s.t, configMap('a'));
    const ctx = { ...s.t.ctx, fieldManager: 'patcher' };
    const request = { type: 'merge', patch: { data: { x: '1' } }, validation: 'Strict' } as const;
    await s.t.registry.patch(at('a'), request, ctx);
    assert.deepEqual(managers(await s.stored(at('a'))), ['patcher Update', 'unknown Update']);
  });

  it('does not make a write of one that changes nothing', async () => {
    const made = await make(s.t, configMap('a'));
    const { object } = await s.put(at('a'), configMap('a'));
    assert.equal(object.metadata.resourceVersion, made.metadata.resourceVersion);
    assert.deepEqual(object.metadata.managedFields, made.metadata.managedFields);
  });

  it('knows who scales', async () => {
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd' },
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: pod('i').spec },
      },
    };
    await make(s.t, deployment as KubeObject);
    const target = targetOf('apps/v1', 'Deployment', { name: 'd' });
    const ctx = { ...s.t.ctx, fieldManager: 'scaler' };
    const patch = { spec: { replicas: 4 } };
    const request = { type: 'merge', patch, validation: 'Strict' } as const;
    await s.t.registry.patch({ ...target, subresource: 'scale' }, request, ctx);
    const entries = (await s.stored(target))?.metadata.managedFields ?? [];
    const scaled = entries.find(({ subresource }) => subresource === 'scale');
    assert.equal(scaled?.manager, 'scaler');
    assert.deepEqual(scaled?.fieldsV1, { 'f:spec': { 'f:replicas': {} } });
  });
});
