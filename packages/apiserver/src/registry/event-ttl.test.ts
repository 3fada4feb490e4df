/** Which objects vanish by themselves, and when. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { builtinKind, type KubeObject } from '@kubets/api';
import type { Store } from '../storage/store.ts';
import { make, type TestRegistry, targetOf, testRegistry } from '../testing/index.ts';
import { ttlSecondsOf } from './kind-rules.ts';

const metadata = { name: 'e', namespace: 'default' };
const involvedObject = { kind: 'Pod', name: 'p', namespace: 'default' };
const event: KubeObject = { apiVersion: 'v1', kind: 'Event', metadata, ...{ involvedObject } };

/** The seconds every write to a store asks for. */
function watched({ store }: { store: Store }): (number | undefined)[] {
  const seen: (number | undefined)[] = [];
  const swap = store.swap.bind(store);
  store.swap = (key, value, expected, o) => {
    seen.push(o?.ttlSeconds);
    return swap(key, value, expected, o);
  };
  return seen;
}

/** Makes an event and changes it. */
async function written(t: TestRegistry): Promise<(number | undefined)[]> {
  const seen = watched(t);
  await make(t, event);
  const patch = { type: 'merge', patch: { reason: 'Changed' }, validation: 'Strict' } as const;
  await t.registry.patch(targetOf('v1', 'Event', metadata), patch, t.ctx);
  t.caches.close();
  return seen;
}

it('an event has the time that is set, and has it again when it is changed', async () => {
  assert.deepEqual(await written(testRegistry({ eventTtlSeconds: 90 })), [90, 90]);
});

it('without a time events stay', async () => {
  assert.deepEqual(await written(testRegistry({ eventTtlSeconds: 0 })), [undefined, undefined]);
});

it('events of both groups vanish, kinds of others that happen to be called so do not', () => {
  const ours = builtinKind('v1', 'Event');
  const seconds = (group: string) => ttlSecondsOf({ ...ours, group }, 60);
  assert.deepEqual(['', 'events.k8s.io', 'example.com'].map(seconds), [60, 60, undefined]);
});
