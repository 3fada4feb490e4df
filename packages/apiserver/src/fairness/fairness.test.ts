import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { FlowSchema, PriorityLevelConfiguration } from '@kubets/api';
import { ManualClock } from '@kubets/platform';
import { FLOW_SCHEMAS, PRIORITY_LEVELS } from '../bootstrap/flow-control.ts';
import { user } from '../edge-testing.ts';
import { MAX_QUEUE_WAIT_MS } from '../limits.ts';
import type { RequestInfo, UserInfo } from '../ports.ts';
import { requestInfoOf } from '../rest/request-info.ts';
import { Fairness, levelConfigs, type Ticket } from './fairness.ts';
import { deal, hashOf } from './shuffle.ts';

const PODS = '/api/v1/namespaces/ns/pods';
const info = (method = 'GET', path = PODS): RequestInfo =>
  requestInfoOf(method, path, new URLSearchParams());

/** One level for everybody, by user. */
function setting(limited: object): readonly [FlowSchema[], PriorityLevelConfiguration[]] {
  const metadata = (name: string) => ({ name, uid: `uid-of-${name}` });
  const schema: FlowSchema = {
    metadata: metadata('all'),
    spec: {
      priorityLevelConfiguration: { name: 'only' },
      matchingPrecedence: 100,
      distinguisherMethod: { type: 'ByUser' },
      rules: [
        {
          subjects: [{ kind: 'Group', group: { name: '*' } }],
          resourceRules: [
            {
              verbs: ['*'],
              apiGroups: ['*'],
              resources: ['*'],
              clusterScope: true,
              namespaces: ['*'],
            },
          ],
        },
      ],
    },
  };
  const level = { metadata: metadata('only'), spec: { type: 'Limited', limited } };
  const none = { nominalConcurrencyShares: 0, limitResponse: { type: 'Reject' } };
  const catchAll = { metadata: metadata('catch-all'), spec: { type: 'Limited', limited: none } };
  return [[schema], [level, catchAll]];
}

const QUEUES = { type: 'Queue', queuing: { queues: 64, handSize: 6, queueLengthLimit: 100 } };
let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock();
});

function fairnessOf(seats: number, limited: object): Fairness {
  const fairness = new Fairness({ seats, clock });
  fairness.configure(...setting({ nominalConcurrencyShares: 10, ...limited }));
  return fairness;
}

const enter = (fairness: Fairness, who: UserInfo, width = 1, at = info()) =>
  fairness.enter(fairness.classify(who, at), { user: who, info: at, width });

describe('classification', () => {
  const fairness = () => new Fairness({ seats: 600, clock });
  const cases: readonly [UserInfo, RequestInfo, string, string][] = [
    [user('root', 'system:masters'), info('DELETE'), 'exempt', 'exempt'],
    [user('joe'), info('GET', '/healthz'), 'probes', 'exempt'],
    [user('joe'), info('GET', '/version'), 'global-default', 'global-default'],
    [user('joe'), info(), 'global-default', 'global-default'],
    [user('system:kube-scheduler'), info(), 'kube-scheduler', 'workload-high'],
    [
      user('system:kube-scheduler'),
      info('PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x'),
      'system-leader-election',
      'leader-election',
    ],
    [user('system:node:a', 'system:nodes'), info('GET', PODS), 'system-nodes', 'system'],
    [
      user('system:node:a', 'system:nodes'),
      info('PATCH', '/api/v1/nodes/a/status'),
      'system-node-high',
      'node-high',
    ],
    [
      user('system:serviceaccount:kube-system:x', 'system:serviceaccounts'),
      info(),
      'kube-system-service-accounts',
      'workload-high',
    ],
    [
      user('system:serviceaccount:ns:x', 'system:serviceaccounts'),
      info(),
      'service-accounts',
      'workload-low',
    ],
    [
      user('system:kube-controller-manager'),
      info('PUT', '/api/v1/namespaces/ns/endpoints/x'),
      'endpoint-controller',
      'workload-high',
    ],
  ];
  for (const [who, what, schema, level] of cases) {
    it(`${who.name} ${what.verb} ${what.path || what.resource} → ${schema}`, () => {
      const flow = fairness().classify(who, what);
      assert.deepEqual([flow.schema.name, flow.level.config.name], [schema, level]);
    });
  }

  it('goes by precedence, then by name, and passes over schemas without a level', () => {
    const all = fairness();
    const extra = (name: string, precedence: number, level: string): FlowSchema => {
      const { spec } =
        FLOW_SCHEMAS.find(({ metadata }) => metadata.name === 'global-default') ?? {};
      const to = { priorityLevelConfiguration: { name: level }, matchingPrecedence: precedence };
      return { metadata: { name }, spec: { ...spec, ...to } };
    };
    all.configure(
      [...FLOW_SCHEMAS, extra('b', 50, 'system'), extra('a', 50, 'system'), extra('0', 40, 'gone')],
      PRIORITY_LEVELS,
    );
    assert.equal(all.classify(user('joe'), info()).schema.name, 'a');
  });

  it('has a last resort when an administrator took everything away', () => {
    const all = fairness();
    all.configure([], []);
    assert.equal(all.classify(user('joe'), info()).schema.name, 'catch-all');
    assert.equal(all.classify(user('root', 'system:masters'), info()).schema.name, 'exempt');
  });
});

describe('seats', () => {
  it('are shared out as upstream does', () => {
    const seats = levelConfigs(PRIORITY_LEVELS, 600).map((one) => [one.name, one.nominal]);
    assert.deepEqual(Object.fromEntries(seats), {
      exempt: 0,
      'catch-all': 13,
      system: 74,
      'node-high': 98,
      'leader-election': 25,
      'workload-high': 98,
      'workload-low': 245,
      'global-default': 49,
    });
  });

  it('that are free cost no allocation', () => {
    const fairness = new Fairness({ seats: 600, clock });
    const first = enter(fairness, user('joe'));
    fairness.leave(first as Ticket);
    const second = enter(fairness, user('ann'));
    assert.equal(first, second, 'the same ticket is handed out again and again');
    assert.ok(!(second instanceof Promise));
  });

  it('are refused beyond the limit where there is no queue', () => {
    const fairness = fairnessOf(2, { limitResponse: { type: 'Reject' } });
    const first = enter(fairness, user('joe'));
    enter(fairness, user('joe'));
    assert.throws(() => enter(fairness, user('joe')), { code: 429 });
    fairness.leave(first as Ticket);
    enter(fairness, user('joe'));
  });

  it('are taken by the wide as by so many', async () => {
    const fairness = fairnessOf(20, { limitResponse: QUEUES });
    const joe = user('joe');
    const wide = enter(fairness, joe, 50) as Ticket;
    assert.equal(wide.width, 3, 'no request takes more than a part of its level');
    for (let i = 0; i < 17; i += 1) enter(fairness, joe);
    const next = enter(fairness, joe);
    assert.ok(next instanceof Promise);
    fairness.leave(wide);
    assert.equal((await next).width, 1);
  });

  it('are lent to others while nobody needs them, but not those that are reserved', () => {
    const fairness = new Fairness({ seats: 100, clock });
    const busy = user('system:serviceaccount:ns:x', 'system:serviceaccounts');
    let taken = 0;
    while (!(enter(fairness, busy) instanceof Promise)) taken += 1;
    const config = (name: string) =>
      fairness.levels.find((one) => one.config.name === name)?.config;
    const own = config('workload-low')?.nominal ?? 0;
    assert.ok(taken > own, `${taken} of ${own}`);
    const reserved = config('leader-election')?.nominal ?? 0;
    const lease = info('PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x');
    for (let i = 0; i < reserved; i += 1) {
      const seat = enter(fairness, user('system:kube-scheduler'), 1, lease);
      assert.ok(!(seat instanceof Promise), 'leader election finds its seats free');
    }
  });
});

describe('queues', () => {
  /** Enters and notes in which order requests run. */
  function ordered(fairness: Fairness) {
    const order: string[] = [];
    const running: Ticket[] = [];
    const come = (who: string): void => {
      const entered = enter(fairness, user(who));
      const ran = (ticket: Ticket): void => {
        order.push(who);
        running.push(ticket);
      };
      if (entered instanceof Promise) void entered.then(ran);
      else ran(entered);
    };
    const finishOne = async (): Promise<void> => {
      const ticket = running.shift();
      assert.ok(ticket);
      fairness.leave(ticket);
      await new Promise(setImmediate);
    };
    return { order, running, come, finishOne };
  }

  it('a flood of one user does not hold another up', async () => {
    const fairness = fairnessOf(2, { limitResponse: QUEUES });
    const { order, come, finishOne } = ordered(fairness);
    for (let i = 0; i < 200; i += 1) come('flood');
    for (let i = 0; i < 5; i += 1) come('quiet');
    for (let i = 0; i < 20; i += 1) await finishOne();
    const last = order.lastIndexOf('quiet');
    assert.equal(order.filter((who) => who === 'quiet').length, 5);
    // Ten flows (six of the flood's hand at most) take turns: five of the quiet one are through in five rounds.
    assert.ok(last <= 2 + 5 * 7, `the last of the quiet user ran as number ${last}`);
    const before = order.slice(2, last).filter((who) => who === 'flood').length;
    assert.ok(before <= 5 * 6, `${before} of the flood ran before`);
  });

  it('users who ask alike are served alike', async () => {
    const fairness = fairnessOf(1, { limitResponse: QUEUES });
    const { order, come, finishOne } = ordered(fairness);
    come('first');
    for (let i = 0; i < 30; i += 1) for (const who of ['a', 'b', 'c']) come(who);
    for (let i = 0; i < 60; i += 1) await finishOne();
    for (const who of ['a', 'b', 'c']) {
      const served = order.filter((one) => one === who).length;
      assert.ok(served >= 14 && served <= 27, `${who} was served ${served} of 60 times`);
    }
  });

  it('have a length; beyond it come back later', () => {
    const queuing = { queues: 1, handSize: 1, queueLengthLimit: 3 };
    const fairness = fairnessOf(1, { limitResponse: { type: 'Queue', queuing } });
    const joe = user('joe');
    enter(fairness, joe);
    const waiting = [1, 2, 3].map(() => enter(fairness, joe));
    assert.ok(waiting.every((one) => one instanceof Promise));
    assert.throws(() => enter(fairness, joe), { code: 429 });
    assert.equal(fairness.classify(joe, info()).rejected['queue-full'], 1);
  });

  it('are left after a while, or when the client goes away', async () => {
    const fairness = fairnessOf(1, { limitResponse: QUEUES });
    const joe = user('joe');
    enter(fairness, joe);
    const slow = enter(fairness, joe) as Promise<Ticket>;
    const gone = new AbortController();
    const flow = fairness.classify(joe, info());
    const asking = { user: joe, info: info(), width: 1, signal: () => gone.signal };
    const left = fairness.enter(flow, asking) as Promise<Ticket>;
    gone.abort();
    await assert.rejects(left, { code: 429 });
    clock.advance(MAX_QUEUE_WAIT_MS);
    await assert.rejects(slow, { code: 429 });
    assert.deepEqual([flow.rejected['time-out'], flow.rejected.cancelled], [1, 1]);
    assert.equal(flow.level.waiting, 0);
  });

  it('stay when the configuration changes under them', async () => {
    const fairness = fairnessOf(1, { limitResponse: QUEUES });
    const { order, come, finishOne } = ordered(fairness);
    for (const who of ['a', 'b', 'c', 'd']) come(who);
    const queuing = { queues: 2, handSize: 1, queueLengthLimit: 1 };
    fairness.configure(
      ...setting({ nominalConcurrencyShares: 10, limitResponse: { type: 'Queue', queuing } }),
    );
    for (let i = 0; i < 3; i += 1) await finishOne();
    assert.deepEqual(order.toSorted(), ['a', 'b', 'c', 'd']);
  });

  it('of a level that is deleted are served to the end', async () => {
    const fairness = fairnessOf(1, { limitResponse: QUEUES });
    const { order, come, finishOne } = ordered(fairness);
    for (const who of ['a', 'b', 'c']) come(who);
    fairness.configure(FLOW_SCHEMAS, PRIORITY_LEVELS);
    for (let i = 0; i < 2; i += 1) await finishOne();
    assert.equal(order.length, 3);
  });
});

describe('shuffle sharding', () => {
  it('deals hands of different queues, the same for the same flow', () => {
    for (let i = 0; i < 500; i += 1) {
      const hand = deal(hashOf(`flow-${i}`), 64, 6);
      assert.equal(new Set(hand).size, 6);
      assert.ok(hand.every((queue) => queue >= 0 && queue < 64));
      assert.deepEqual(hand, deal(hashOf(`flow-${i}`), 64, 6));
    }
    assert.deepEqual(deal(1, 4, 4).toSorted(), [0, 1, 2, 3]);
  });

  it('spreads flows over all queues', () => {
    const loads = new Array<number>(64).fill(0);
    for (let i = 0; i < 6_400; i += 1) {
      for (const queue of deal(hashOf(`user-${i}`), 64, 1)) loads[queue] = (loads[queue] ?? 0) + 1;
    }
    assert.ok(Math.min(...loads) > 50 && Math.max(...loads) < 150, loads.join(' '));
  });
});

describe('what a flow does now', () => {
  it('is known while requests run and wait, also after another configuration', async () => {
    const limited = { limitResponse: QUEUES };
    const fairness = fairnessOf(1, limited);
    const now = () => fairness.flows.find(({ schema }) => schema.name === 'all')?.now;
    const first = enter(fairness, user('a'));
    const second = enter(fairness, user('b'));
    assert.deepEqual(now(), { executing: 1, seats: 1, waiting: 1 });
    fairness.configure(...setting({ nominalConcurrencyShares: 10, ...limited }));
    fairness.leave((await first) as Ticket);
    assert.deepEqual(now(), { executing: 1, seats: 1, waiting: 0 });
    fairness.leave(await second);
    assert.deepEqual(now(), { executing: 0, seats: 0, waiting: 0 });
    enter(fairness, user('a'));
    const late = Promise.resolve(enter(fairness, user('b'))).catch(() => undefined);
    clock.advance(MAX_QUEUE_WAIT_MS);
    await late;
    assert.deepEqual(now(), { executing: 1, seats: 1, waiting: 0 });
  });
});
