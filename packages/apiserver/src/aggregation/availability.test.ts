import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { APIService, Endpoints, Service } from '@kubets/api';
import { judge, LOCAL, PASSED, withVerdict } from './availability.ts';

const metadata = { namespace: 'kube-system', name: 'metrics' };
const api = (port?: number): APIService => ({
  metadata: { name: 'v1beta1.metrics.k8s.io' },
  spec: {
    groupPriorityMinimum: 100,
    versionPriority: 10,
    service: { ...metadata, ...(port && { port }) },
  },
});
const service = (type = 'ClusterIP'): Service => ({
  metadata,
  spec: { type, ports: [{ port: 443, name: 'https' }] },
});
const endpoints = (name: string, ...ips: string[]): Endpoints => ({
  metadata,
  subsets: [{ addresses: ips.map((ip) => ({ ip })), ports: [{ name, port: 4443 }] }],
});

const CASES: readonly [string, Parameters<typeof judge>, string][] = [
  [
    'no service object',
    [api(), undefined, undefined],
    'ServiceNotFound service/metrics in "kube-system" is not present',
  ],
  [
    'another port',
    [api(8443), service(), undefined],
    'ServicePortError service/metrics in "kube-system" is not listening on port 8443',
  ],
  [
    'no endpoints',
    [api(), service(), undefined],
    'EndpointsNotFound cannot find endpoints for service/metrics in "kube-system"',
  ],
  [
    'no address',
    [api(), service(), endpoints('https')],
    'MissingEndpoints endpoints for service/metrics in "kube-system" have no addresses with port name "https"',
  ],
  [
    'addresses of another port',
    [api(), service(), endpoints('other', '10.0.0.1')],
    'MissingEndpoints endpoints for service/metrics in "kube-system" have no addresses with port name "https"',
  ],
  ['an address', [api(), service(), endpoints('https', '10.0.0.1')], 'probe'],
  ['a name outside', [api(), service('ExternalName'), undefined], 'probe'],
];

describe('an extension server', () => {
  for (const [what, args, expected] of CASES) {
    it(`with ${what}`, () => {
      const verdict = judge(...args);
      const text = 'probe' in verdict ? 'probe' : `${verdict.reason} ${verdict.message}`;
      assert.equal(text, expected);
    });
  }

  it('that is this server needs no looking at', () => {
    assert.equal(judge({ metadata: {} }, undefined, undefined), LOCAL);
  });
});

describe('the condition', () => {
  it('is written when something changes, its time when it turns', () => {
    const first = withVerdict([], LOCAL, 't1');
    assert.deepEqual(first, [{ type: 'Available', ...LOCAL, lastTransitionTime: 't1' }]);
    assert.equal(withVerdict(first ?? [], LOCAL, 't2'), undefined);
    const [same] = withVerdict(first ?? [], PASSED, 't2') ?? [];
    assert.deepEqual([same?.lastTransitionTime, same?.reason], ['t1', 'Passed']);
    const failed = { status: 'False', reason: 'r', message: 'm' } as const;
    const [turned] = withVerdict(first ?? [], failed, 't3') ?? [];
    assert.equal(turned?.lastTransitionTime, 't3');
    const others = [...(first ?? []), { type: 'Theirs', status: 'True' }];
    const kept = withVerdict(others, failed, 't3')?.map(({ type }) => type);
    assert.deepEqual(kept, ['Available', 'Theirs']);
  });
});
