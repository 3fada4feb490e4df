import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { proposalFor, USAGE_RULES, type UsageView } from './usage.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const AGO = (ms: number): string => new Date(NOW - ms).toISOString();

interface Draft {
  readonly use?: number;
  readonly request?: string;
  readonly phase?: string;
  readonly going?: boolean;
  /** Since when it is ready, in milliseconds before now; undefined: it is not. */
  readonly readyMs?: number | undefined;
  readonly startedMs?: number;
}

const DEFAULT = {
  use: 100,
  request: '100m',
  phase: 'Running',
  readyMs: 1_000_000,
  startedMs: 2_000_000,
};

function view(drafts: readonly Draft[], more: Partial<UsageView> = {}): UsageView {
  const metrics = new Map();
  const pods = drafts.map((draft, i): Pod => {
    const { use, request, phase, going, readyMs, startedMs } = {
      ...DEFAULT,
      going: false,
      ...draft,
    };
    const name = `p${i}`;
    if (use >= 0) metrics.set(name, { milli: use, atMs: NOW, windowMs: 30_000 });
    const requests = request === '' ? {} : { cpu: request };
    const status = readyMs === undefined ? 'False' : 'True';
    const lastTransitionTime = AGO(readyMs ?? startedMs);
    return {
      metadata: { name, ...(going && { deletionTimestamp: 't' }) },
      spec: { containers: [{ name: 'c', image: 'i', resources: { requests } }] },
      status: {
        ...{ phase, startTime: AGO(startedMs) },
        conditions: [{ type: 'Ready', status, lastTransitionTime }],
      },
    };
  });
  return {
    ...{ pods, metrics, resource: 'cpu', nowMs: NOW, currentReplicas: drafts.length },
    ...{ target: { kind: 'utilization', percent: 50 }, rules: USAGE_RULES },
    ...more,
  };
}

const replicas = (drafts: readonly Draft[], more: Partial<UsageView> = {}): number =>
  proposalFor(view(drafts, more)).replicas;
const NONE = { use: -1 };
const average = { target: { kind: 'average', milli: 50 } } as const;

describe('the pods that a use asks for', () => {
  const cases: readonly [string, readonly Draft[], number, Partial<UsageView>?][] = [
    ['twice as much as wanted', [{ use: 100 }, { use: 100 }], 4],
    ['half as much', [{ use: 25 }, { use: 25 }, { use: 25 }, { use: 25 }], 2],
    ['nearly as much changes nothing', [{ use: 54 }, { use: 46 }], 2],
    ['the sum counts, not each', [{ use: 200 }, { use: 0 }], 4],
    ['an average', [{ use: 100 }, { use: 100 }], 4, average],
    ['what goes does not count', [{ use: 100 }, { use: 100, going: true }], 2],
    ['what failed does not count', [{ use: 100 }, { use: 100, phase: 'Failed' }], 2],
    ['what is not known used nothing, growing', [{ use: 200 }, NONE], 4],
    ['and all it asked for, shrinking', [{ use: 10 }, { use: 10 }, NONE], 3],
    [
      'what is not ready used nothing, growing',
      [{ use: 300 }, { readyMs: undefined, phase: 'Pending' }],
      6,
    ],
    [
      'and does not hold up shrinking',
      [{ use: 10 }, { use: 10 }, { readyMs: undefined, phase: 'Pending' }],
      1,
    ],
    [
      'a start counts as not ready',
      [{ use: 100 }, { use: 900, startedMs: 60_000, readyMs: 10_000 }],
      2,
    ],
    [
      'one that is over does not',
      [{ use: 100 }, { use: 100, startedMs: 60_000, readyMs: 31_000 }],
      4,
    ],
    [
      'of memory there is no start',
      [{ use: 100 }, { use: 100, startedMs: 60_000, readyMs: 1 }],
      4,
      { ...average, resource: 'memory' },
    ],
    [
      'that is not ready any more counts',
      [{ use: 100 }, { use: 100, startedMs: 2_000_000, readyMs: undefined }],
      2,
    ],
  ];
  for (const [what, drafts, expected, more] of cases) {
    it(`${what}: ${expected}`, () => assert.equal(replicas(drafts, more), expected));
  }

  it('are told with the share and the average', () => {
    const { utilization, averageMilli } = proposalFor(view([{ use: 100 }, { use: 50 }]));
    assert.deepEqual([utilization, averageMilli], [75, 75]);
  });

  it('may be those of one container', () => {
    const one = view([{ use: 100 }], { container: 'other' });
    assert.throws(() => proposalFor(one), /no metrics returned matched known pods/);
  });

  const failures: readonly [string, UsageView, RegExp][] = [
    ['no pods', view([]), /^UsageError: no pods returned by selector/],
    [
      'no metrics',
      view([NONE]),
      /did not receive metrics for targeted pods \(pods might be unready\)/,
    ],
    ['no requests', view([{ request: '' }]), /missing request for cpu in container c of Pod p0/],
  ];
  for (const [what, given, message] of failures) {
    it(`are not known with ${what}`, () => assert.throws(() => proposalFor(given), message));
  }
});
