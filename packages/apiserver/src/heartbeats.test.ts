import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { Heartbeats, isHeartbeat, isHeartbeatCall } from './heartbeats.ts';
import { HEARTBEAT_ROUND_MS, HEARTBEATS_A_ROUND } from './limits.ts';
import type { RequestInfo } from './ports.ts';
import { requestInfoOf } from './rest/request-info.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

/** What has been served, and how to send one more. */
function scene() {
  const clock = new ManualClock();
  const heartbeats = new Heartbeats(clock);
  const served: string[] = [];
  const send = async (name: string): Promise<void> => {
    const later = heartbeats.turn();
    if (later !== undefined) await later;
    served.push(name);
  };
  return { clock, served, send };
}

describe('rounds of heartbeats', () => {
  it('serves the first at once, those after it together', async () => {
    const { clock, served, send } = scene();
    const sent = [send('a'), send('b')];
    clock.advance(HEARTBEAT_ROUND_MS - 5);
    sent.push(send('c'));
    assert.deepEqual(served, ['a']);
    clock.advance(5);
    await Promise.all(sent);
    assert.deepEqual(served, ['a', 'b', 'c']);
    const next = send('d');
    assert.deepEqual(served, ['a', 'b', 'c'], 'the time counts from the last round');
    clock.advance(HEARTBEAT_ROUND_MS);
    await next;
    clock.advance(HEARTBEAT_ROUND_MS);
    void send('e');
    assert.equal(served.at(-1), 'e', 'after a quiet time at once again');
    assert.equal(clock.pendingTimers, 0);
  });

  it('does not wait for the end of a round that is full', async () => {
    const { clock, served, send } = scene();
    await send('first');
    const sent = Array.from({ length: HEARTBEATS_A_ROUND }, (_, i) => send(`${i}`));
    await Promise.all(sent);
    assert.equal(served.length, HEARTBEATS_A_ROUND + 1);
    assert.equal(clock.pendingTimers, 0, 'its timer is gone');
    const next = send('next');
    clock.advance(HEARTBEAT_ROUND_MS);
    await next;
  });
});

describe('what is a heartbeat', () => {
  const cases: readonly [string, string, boolean][] = [
    ['PUT', `${LEASES}/n`, true],
    ['PUT', `${LEASES}/n?fieldManager=kubelet&timeout=10s`, true],
    ['PATCH', `${LEASES}/n`, true],
    ['GET', `${LEASES}/n`, false],
    ['POST', LEASES, false],
    ['DELETE', `${LEASES}/n`, false],
    ['PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler', false],
    ['PUT', '/api/v1/namespaces/kube-node-lease/configmaps/n', false],
    ['PUT', '/api/v1/nodes/n/status', false],
  ];
  for (const [method, url, wanted] of cases) {
    it(`${method} ${url}: ${wanted ? 'yes' : 'no'}`, () => {
      assert.equal(isHeartbeat(method, url), wanted);
      assert.equal(isHeartbeatCall(infoOf(method, url)), wanted, 'and as a call');
    });
  }
});

function infoOf(method: string, url: string): RequestInfo {
  const [path = '', query] = url.split('?');
  return requestInfoOf(method, path, new URLSearchParams(query));
}
