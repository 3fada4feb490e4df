import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RequestInfo } from '../ports.ts';
import type { Level } from './policy.ts';
import { type AuditEvent, AuditRecord } from './record.ts';

const info: RequestInfo = {
  ...{ isResourceRequest: false, path: '/x', verb: 'get', rest: [] },
  ...{ apiGroup: '', apiVersion: '', namespace: '', resource: '', subresource: '', name: '' },
};
const facts = {
  ...{ id: '1', requestUri: '/x', userAgent: '', sourceIps: [], receivedMs: 0 },
  info,
};

describe('notes about the body of a request', () => {
  const cases: readonly [Level, boolean][] = [
    ['Metadata', false],
    ['Request', true],
    ['RequestResponse', true],
  ];
  for (const [level, isKept] of cases) {
    it(`are ${isKept ? 'kept' : 'left out'} at level ${level}`, () => {
      const events: AuditEvent[] = [];
      const verdict = { level, omitStages: new Set<never>(), omitManagedFields: false };
      const emit = (event: AuditEvent): number => events.push(event);
      const record = new AuditRecord({ facts, user: undefined, verdict, now: () => 0, emit });
      record.annotate('body', 'x', 'body');
      record.annotate('other', 'y');
      record.complete({ code: 200 });
      const wanted = isKept ? { body: 'x', other: 'y' } : { other: 'y' };
      assert.deepEqual(events.at(-1)?.annotations, wanted);
    });
  }
});
