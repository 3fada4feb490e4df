import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateSigningRequest, PersistentVolume } from '../generated/types.ts';
import { builtinKind } from '../registry.ts';
import { stampTimes } from './stamp-times.ts';

const BEFORE = '2024-01-01T00:00:00Z';
const NOW = '2024-02-02T00:00:00Z';

test('a volume’s phase is dated when it changes and the writer does not say since when', () => {
  const def = builtinKind('v1', 'PersistentVolume');
  const volume = (phase: string, lastPhaseTransitionTime?: string): PersistentVolume => ({
    metadata: { name: 'v' },
    status: { phase, ...(lastPhaseTransitionTime && { lastPhaseTransitionTime }) },
  });
  const old = volume('Pending', BEFORE);
  const cases = [
    [volume('Pending', BEFORE), BEFORE],
    [volume('Bound', BEFORE), NOW],
    [volume('Bound'), NOW],
    [volume('Bound', '2024-01-03T00:00:00Z'), '2024-01-03T00:00:00Z'],
  ] as const;
  for (const [object, expected] of cases) {
    stampTimes(def, { object, old, subresource: 'status' }, NOW);
    assert.equal(object.status?.lastPhaseTransitionTime, expected);
  }
  const elsewhere = volume('Bound', BEFORE);
  stampTimes(def, { object: elsewhere, old, subresource: '' }, NOW);
  assert.equal(elsewhere.status?.lastPhaseTransitionTime, BEFORE);
});

test('conditions of a signing request are dated, one that stays keeps its beginning', () => {
  const def = builtinKind('certificates.k8s.io/v1', 'CertificateSigningRequest');
  const spec = { request: '', signerName: 'a/b' };
  const approved = { type: 'Approved', status: 'True' };
  const denied = { type: 'Denied', status: 'True' };
  const old: CertificateSigningRequest = {
    ...{ metadata: { name: 'c' }, spec },
    status: { conditions: [{ ...approved, lastTransitionTime: BEFORE, lastUpdateTime: BEFORE }] },
  };
  const object: CertificateSigningRequest = {
    ...{ metadata: { name: 'c' }, spec },
    status: { conditions: [{ ...approved }, { ...denied, lastUpdateTime: BEFORE }] },
  };
  stampTimes(def, { object, old, subresource: 'approval' }, NOW);
  assert.deepEqual(object.status?.conditions, [
    { ...approved, lastUpdateTime: NOW, lastTransitionTime: BEFORE },
    { ...denied, lastUpdateTime: BEFORE, lastTransitionTime: NOW },
  ]);
});
