import assert from 'node:assert/strict';
import { it } from 'node:test';
import { user } from './edge-testing.ts';
import { Inflight } from './inflight.ts';
import { requestInfoOf } from './rest/request-info.ts';

const asking = (method: string) => ({
  user: user('joe'),
  info: requestInfoOf(method, '/api/v1/nodes', new URLSearchParams()),
});

it('reads and writes have a bound each, and beyond it come back later', () => {
  const gate = new Inflight({ reads: 2, writes: 1 });
  const first = gate.enter(asking('GET'));
  gate.enter(asking('GET'));
  assert.throws(() => gate.enter(asking('GET')), { code: 429 });
  const write = gate.enter(asking('POST'));
  assert.throws(() => gate.enter(asking('DELETE')), { code: 429 });
  gate.leave(first);
  gate.leave(write);
  gate.enter(asking('GET'));
  assert.deepEqual(gate.running, { reads: 2, writes: 0 });
});

it('without a bound everybody comes in', () => {
  const gate = new Inflight({ reads: 0, writes: 0 });
  for (let i = 0; i < 1_000; i += 1) gate.enter(asking('GET'));
  assert.equal(gate.running.reads, 1_000);
});
