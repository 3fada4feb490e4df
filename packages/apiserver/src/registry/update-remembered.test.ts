/** Updates that begin at a state this server wrote before, while others may have written since. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { KubeObject } from '@kubets/api';
import { make, testRegistry } from '../testing/index.ts';
import { at, refusal, useScene } from '../testing/scene.ts';

const s = useScene();
const target = at('a');

type Note = KubeObject & { readonly data: { readonly text: string } };

const note = (words: string, metadata: object = {}): Note => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap', data: { text: words } },
  metadata: { name: 'a', namespace: 'default', ...metadata },
});

async function text(): Promise<unknown> {
  const stored = (await s.stored(target)) ?? assert.fail('the object is gone');
  return (stored as Note).data.text;
}

/** This server has written the object, then another server on the same store did. */
async function changedElsewhere() {
  await make(s.t, note('nobody'));
  const { object } = await s.put(target, note('here'));
  const other = testRegistry({ store: s.t.store });
  const body = { json: JSON.stringify(note('there')), validation: 'Strict' } as const;
  await other.registry.update(target, body, other.ctx);
  other.caches.close();
  return { written: object.metadata.resourceVersion, other };
}

it('reads nothing before it writes when nobody watches the kind', async () => {
  await make(s.t, note('nobody'));
  await s.put(target, note('one'));
  let reads = 0;
  const { store } = s.t;
  const get = store.get.bind(store);
  store.get = (...asked) => {
    reads += 1;
    return get(...asked);
  };
  await s.put(target, note('two'));
  assert.equal(reads, 0);
  assert.equal(await text(), 'two');
});

it('writes although it would change nothing in the state remembered', async () => {
  await changedElsewhere();
  await s.put(target, note('here'));
  assert.equal(await text(), 'here');
});

it('is a conflict on the version remembered, whether it changes anything or not', async () => {
  const { written: resourceVersion } = await changedElsewhere();
  for (const name of ['here', 'elsewhere']) {
    const conflict = refusal(409, 'Conflict', /has been modified/);
    await assert.rejects(s.put(target, note(name, { resourceVersion })), conflict);
  }
  assert.equal(await text(), 'there');
});

it('works a dry run out on the newest state', async () => {
  const { other } = await changedElsewhere();
  await other.registry.delete(target, {}, other.ctx);
  const patch = { data: { more: 'x' } };
  const change = { type: 'merge', patch, validation: 'Strict' } as const;
  const tried = s.t.registry.patch(target, change, { ...s.t.ctx, dryRun: true });
  await assert.rejects(tried, refusal(404, 'NotFound'));
});

it('begins anew once the object was removed here and made again elsewhere', async () => {
  const { other } = await changedElsewhere();
  await s.remove(target);
  await make(other, note('later'));
  const { object } = await s.put(target, note('here'));
  const later = await s.stored(target);
  assert.equal(object.metadata.uid, later?.metadata.uid);
  assert.equal(await text(), 'here');
});
