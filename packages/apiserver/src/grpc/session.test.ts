import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forbidden } from '@kubets/api';
import { ManualClock } from '@kubets/platform';
import { Auditor } from '../audit/auditor.ts';
import { parseAuditPolicy } from '../audit/policy.ts';
import type { AuditEvent } from '../audit/record.ts';
import { user } from '../edge-testing.ts';
import { Inflight } from '../inflight.ts';
import { requestInfoOf } from '../rest/request-info.ts';
import { Session } from './session.ts';

const INFO = requestInfoOf(
  'POST',
  '/apis/apps/v1/namespaces/ns/deployments',
  new URLSearchParams(),
);
const FACTS = () => ({ userAgent: 'scheduler/1', peer: 'ipv4:192.0.2.1:4711' });

function scene(level: string) {
  const events: AuditEvent[] = [];
  const policy = parseAuditPolicy(
    { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level }] },
    'policy',
  );
  const auditor = new Auditor({
    policy,
    backends: [{ name: 'b', write: (event) => events.push(event), close: async () => undefined }],
    clock: new ManualClock(0),
    metrics: { event: () => undefined },
  });
  const gate = new Inflight({ reads: 1, writes: 1 });
  const session = new Session({ gate, auditor, newId: () => 'id', now: () => 0 });
  return { events, gate, session };
}

describe('a call on the component door', () => {
  it('is written down as the same request on the other door would be', async () => {
    const { events, session, gate } = scene('RequestResponse');
    session.known(user('system:kube-scheduler'), INFO, FACTS);
    await session.enter(user('system:kube-scheduler'), INFO);
    assert.equal(gate.running.writes, 1);
    session.audit?.requested('{"metadata":{"name":"d"}}');
    session.audit?.answered(Buffer.from('{"kind":"Deployment"}'));
    session.done();
    session.done();
    assert.equal(gate.running.writes, 0);
    const last = events.at(-1);
    assert.deepEqual(
      events.map(({ stage }) => stage),
      ['RequestReceived', 'ResponseComplete'],
    );
    assert.equal(last?.requestURI, '/apis/apps/v1/namespaces/ns/deployments');
    assert.deepEqual(last?.sourceIPs, ['192.0.2.1']);
    assert.deepEqual(last?.requestObject, { metadata: { name: 'd' } });
    assert.deepEqual(last?.responseObject, { kind: 'Deployment' });
    assert.deepEqual(last?.objectRef, {
      ...{ resource: 'deployments', namespace: 'ns', apiGroup: 'apps', apiVersion: 'v1' },
      name: 'd',
    });
  });

  it('that is refused gives its seat back, and says why', async () => {
    const { events, session, gate } = scene('Metadata');
    session.known(user('joe'), INFO, FACTS);
    await session.enter(user('joe'), INFO);
    session.failed(
      forbidden({
        ...{ user: 'joe', verb: 'create', reason: '', group: 'apps', resource: 'deployments' },
        ...{ subresource: '', namespace: 'ns', name: '' },
      }),
    );
    assert.equal(gate.running.writes, 0);
    const status = events.at(-1)?.responseStatus as { code: number; reason: string };
    assert.deepEqual([status.code, status.reason], [403, 'Forbidden']);
  });

  it('that the policy does not want leaves nothing', () => {
    const { events, session } = scene('None');
    session.known(user('joe'), INFO, FACTS);
    session.done();
    assert.deepEqual(events, []);
  });
});
