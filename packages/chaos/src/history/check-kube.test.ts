import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkKube } from './check-kube.ts';
import type { KubeEvent, KubeRecords, KubeRequest } from './kube-records.ts';

const event = (rv: number, counter: number, token = `t${counter}`): KubeEvent => ({
  ...{ type: counter === 1 ? 'ADDED' : 'MODIFIED', name: 'a', rv, token, counter },
});

function write(counter: number, base: number, rv: number): KubeRequest {
  return {
    ...{
      type: counter === 1 ? 'create' : 'update',
      name: 'a',
      begunMs: rv * 10,
      endedMs: rv * 10 + 5,
    },
    ...{ outcome: 'ok', rv, token: `t${counter}`, counter, base },
  };
}

function records(parts: Partial<KubeRecords> = {}): KubeRecords {
  const events = [event(10, 1), event(12, 2), event(15, 3)];
  return {
    requests: [write(1, 0, 10), write(2, 10, 12), write(3, 12, 15)],
    streams: [{ server: 's1', from: 5, events }],
    rollouts: [{ revision: 1, begunMs: 0, endedMs: 10 }],
    finalRv: 15,
    ...parts,
  };
}

test('what is in order passes, a stream that ended early, too', () => {
  const [whole] = records().streams;
  assert.ok(whole);
  const early = { server: 's2', from: 5, events: [event(10, 1)] };
  assert.deepEqual(checkKube(records({ streams: [whole, early] })), []);
});

test('an acknowledged write that is not there is lost', () => {
  const streams = [{ server: 's1', from: 5, events: [event(10, 1), event(12, 2)] }];
  assert.match(checkKube(records({ streams }))[0] ?? '', /lost write: a at 15/);
});

test('an update that does not build on what was there loses it', () => {
  const requests = [write(1, 0, 10), write(2, 10, 12), { ...write(3, 10, 15) }];
  assert.match(
    checkKube(records({ requests }))[0] ?? '',
    /lost update: a at 15 follows 12, not 10/,
  );
});

test('a refused write must not show', () => {
  const refused = { ...write(3, 12, 15), outcome: 'conflict' as const, rv: 0 };
  const requests = [write(1, 0, 10), write(2, 10, 12), refused];
  assert.match(checkKube(records({ requests }))[0] ?? '', /nobody made a at 15/);
});

test('a write of unknown fate may show', () => {
  const open = { ...write(3, 12, 0), outcome: 'unknown' as const, endedMs: null };
  assert.deepEqual(checkKube(records({ requests: [write(1, 0, 10), write(2, 10, 12), open] })), []);
});

test('watches that go back, miss something, or differ are noticed', () => {
  const [whole] = records().streams;
  assert.ok(whole);
  const said = (events: KubeEvent[]): string =>
    checkKube(records({ streams: [whole, { server: 's2', from: 5, events }] })).join('\n');
  assert.match(said([event(12, 2), event(10, 1)]), /a at 10 after 12/);
  assert.match(said([event(10, 1), event(15, 3)]), /was not told of a at 12/);
  assert.match(said([event(10, 1, 'other')]), /not the same everywhere/);
});

test('an answer older than an earlier one is noticed', () => {
  const stale: KubeRequest = {
    ...{ type: 'read', name: 'a', begunMs: 200, endedMs: 205, outcome: 'ok' },
    ...{ rv: 12, token: 't2', counter: 2, base: 0 },
  };
  const { requests } = records();
  const wrong = checkKube(records({ requests: [...requests, stale] }));
  assert.deepEqual(wrong, ['read of a went back from 15 to 12']);
});

test('a rollout without an end is noticed', () => {
  const rollouts = [{ revision: 2, begunMs: 0, endedMs: null }];
  assert.match(checkKube(records({ rollouts }))[0] ?? '', /deployment 2 does not come/);
});
