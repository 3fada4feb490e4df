/** Owners named twice: when they go, and what their author is told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '@kubets/api';
import { configMap, make } from '../testing/index.ts';
import { at, useScene } from '../testing/scene.ts';

const s = useScene();

const owner = (uid: string) => ({ apiVersion: 'v1', kind: 'Pod', name: 'p', uid });

const text = (uids: string, when = ''): string =>
  `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, ` +
  `and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${uids}`;
const LATE = ' after mutating admission happens';

function owned(...owners: object[]): KubeObject {
  const object = configMap('a');
  Object.assign(object.metadata, { ownerReferences: owners });
  return object;
}

/** What the writes of the test warned of. */
function warnings(): string[] {
  const texts: string[] = [];
  s.t.ctx.warn = (said) => void texts.push(said);
  return texts;
}

describe('owners named twice', () => {
  it('go before admission where a body is the object', async () => {
    const seen: (number | undefined)[] = [];
    const admit = ({ object }: { object: KubeObject | undefined }): void =>
      void seen.push(object?.metadata.ownerReferences?.length);
    s.open({ admission: { admit, validate: () => undefined } });
    const said = warnings();
    const made = await make(s.t, owned(owner('u'), owner('u'), owner('u'), owner('v')));
    assert.deepEqual(said.splice(0), [text('u, u')]);
    const { object } = await s.put(at('a'), owned(owner('v'), owner('v')));
    assert.deepEqual(said, [text('v')]);
    assert.deepEqual(seen, [2, 1]);
    assert.equal(made.metadata.ownerReferences?.length, 2);
    assert.equal(object.metadata.ownerReferences?.length, 1);
  });

  it('go after admission where a patch made them', async () => {
    await make(s.t, owned(owner('u')));
    const said = warnings();
    const twice = { metadata: { ownerReferences: [owner('u'), owner('u')] } };
    const { object } = await s.merge(at('a'), twice);
    assert.deepEqual(said, [text('u', LATE)]);
    assert.equal(object.metadata.ownerReferences?.length, 1);
  });

  it('go after admission where admission made them', async () => {
    const admit = ({ object }: { object: KubeObject | undefined }): void =>
      void object?.metadata.ownerReferences?.push(owner('u'));
    s.open({ admission: { admit, validate: () => undefined } });
    const said = warnings();
    const { metadata } = await make(s.t, owned(owner('u')));
    assert.deepEqual(said, [text('u', LATE)]);
    assert.equal(metadata.ownerReferences?.length, 1);
  });

  it('are another owner each when they say something else of it', async () => {
    const said = warnings();
    const { metadata } = await make(s.t, owned(owner('u'), { ...owner('u'), controller: true }));
    assert.deepEqual(said, []);
    assert.equal(metadata.ownerReferences?.length, 2);
  });
});
