import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type {
  CertificateSigningRequest,
  EndpointSlice,
  PersistentVolumeClaim,
  ServiceAccount,
} from '../generated/types.ts';
import type { JsonObject, KubeObject } from '../meta.ts';
import { builtinKind } from '../registry.ts';
import { created, type Loose } from '../testing/make.ts';
import { prepareForUpdate } from './strategy.ts';

/** The object after an update that sets these fields. */
function updated<T extends KubeObject>(kind: readonly [string, string], was: Loose, now: Loose): T {
  const def = builtinKind(...kind);
  const old = created<T>(def, was);
  const next = Object.assign(structuredClone(old), now) as T;
  prepareForUpdate(def, next, old);
  return next;
}

describe('what an update leaves out, keeps or counts', () => {
  test('a CSIDriver is counted from the first change of its spec on', () => {
    const kind = ['storage.k8s.io/v1', 'CSIDriver'] as const;
    assert.equal(created(builtinKind(...kind), {}).metadata.generation, undefined);
    const changed = updated<KubeObject>(kind, {}, { spec: { podInfoOnMount: true } });
    assert.equal(changed.metadata.generation, 1);
  });

  test('what a signing request asks for stays', () => {
    const spec = { request: 'eA==', signerName: 'a.example/b', usages: ['client auth'] };
    const csr = updated<CertificateSigningRequest>(
      ['certificates.k8s.io/v1', 'CertificateSigningRequest'],
      { spec },
      { spec: { ...spec, usages: ['any'] } },
    );
    assert.deepEqual(csr.spec.usages, ['client auth']);
  });

  test('an account’s secrets are names', () => {
    const secrets = [{ name: 's', namespace: 'other', uid: '1' }, { uid: '2' }];
    const made = created<ServiceAccount>(builtinKind('v1', 'ServiceAccount'), { secrets });
    assert.deepEqual(made.secrets, [{ name: 's' }, {}]);
    const changed = updated<ServiceAccount>(['v1', 'ServiceAccount'], {}, { secrets });
    assert.deepEqual(changed.secrets, [{ name: 's' }, {}]);
  });

  test('a slice’s old way of telling where an endpoint is goes, annotations do not count', () => {
    const kind = ['discovery.k8s.io/v1', 'EndpointSlice'] as const;
    const endpoints = [{ addresses: ['10.0.0.1'], deprecatedTopology: { a: 'b' } }];
    const made = created<EndpointSlice>(builtinKind(...kind), { addressType: 'IPv4', endpoints });
    assert.equal(made.endpoints[0]?.deprecatedTopology, undefined);
    const was = { addressType: 'IPv4', endpoints: [] };
    const metadata = { ...made.metadata, annotations: { a: 'b' } } as unknown as JsonObject;
    assert.equal(updated<EndpointSlice>(kind, was, { metadata }).metadata.generation, 1);
    const labelled = { ...made.metadata, labels: { a: 'b' } } as unknown as JsonObject;
    const changed = updated<EndpointSlice>(kind, was, { metadata: labelled });
    assert.equal(changed.metadata.generation, 2);
  });

  test('a claim’s older field for its source takes claims and snapshots alone', () => {
    const def = builtinKind('v1', 'PersistentVolumeClaim');
    const claim = (spec: Loose): PersistentVolumeClaim['spec'] =>
      created<PersistentVolumeClaim>(def, { spec }).spec;
    const snapshot = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 's' };
    assert.deepEqual(claim({ dataSource: snapshot })?.dataSourceRef, snapshot);
    const other = { apiGroup: 'a.example', kind: 'Thing', name: 't' };
    const dropped = claim({ dataSource: other });
    assert.deepEqual([dropped?.dataSource, dropped?.dataSourceRef], [undefined, undefined]);
    assert.deepEqual(claim({ dataSourceRef: other })?.dataSource, other);
  });
});
