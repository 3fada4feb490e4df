import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CertificateSigningRequest, Namespace } from '../generated/types.ts';
import { builtinKind } from '../registry.ts';
import { created, pod, SIGNING_REQUEST, specOf } from '../testing/make.ts';
import { validateUpdate } from '../validation/index.ts';
import { prepareForUpdate } from './strategy.ts';

describe('ephemeral containers', () => {
  const def = builtinKind('v1', 'Pod');
  const debug = {
    name: 'debug',
    image: 'i',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'Always',
  };

  test('are all that changes', () => {
    const old = pod();
    const next = structuredClone(old);
    specOf(next).ephemeralContainers = [debug];
    specOf(next).hostname = 'changed';
    next.metadata.labels = { a: 'b' };
    prepareForUpdate(def, next, old, 'ephemeralcontainers');
    assert.equal(next.spec?.ephemeralContainers?.length, 1);
    assert.equal(next.spec?.hostname, undefined);
    assert.equal(next.metadata.labels, undefined);
    assert.deepEqual(validateUpdate(def, next, old, 'ephemeralcontainers'), []);
  });

  test('neither go nor change', () => {
    const old = pod();
    specOf(old).ephemeralContainers = [debug];
    const without = structuredClone(old);
    specOf(without).ephemeralContainers = [];
    const [gone] = validateUpdate(def, without, old, 'ephemeralcontainers').map(String);
    assert.match(gone ?? '', /existing ephemeral containers "debug" may not be removed/);
    const other = structuredClone(old);
    specOf(other).ephemeralContainers = [{ ...debug, image: 'j' }];
    const [changed] = validateUpdate(def, other, old, 'ephemeralcontainers').map(String);
    assert.match(changed ?? '', /may not be changed/);
  });

  test('have the rules of containers', () => {
    const old = pod();
    const next = structuredClone(old);
    specOf(next).ephemeralContainers = [{ ...debug, name: 'c', ports: [{ containerPort: 1 }] }];
    const found = validateUpdate(def, next, old, 'ephemeralcontainers').map(String).join('\n');
    assert.match(found, /ephemeralContainers\[0\]\.name: Duplicate value: "c"/);
    assert.match(found, /ports: Forbidden: cannot be set for an Ephemeral Container/);
  });
});

test('finalizing a namespace changes its finalizers alone', () => {
  const def = builtinKind('v1', 'Namespace');
  const old = created<Namespace>(def, {});
  old.status = { phase: 'Terminating' };
  const next = structuredClone(old);
  next.spec = { finalizers: [] };
  next.status = { phase: 'Active' };
  next.metadata.labels = { a: 'b' };
  prepareForUpdate(def, next, old, 'finalize');
  assert.deepEqual(next.spec, { finalizers: [] });
  assert.equal(next.status?.phase, 'Terminating');
  assert.deepEqual(next.metadata.labels, old.metadata.labels);
});

const REQUEST = SIGNING_REQUEST;

describe('approval of a signing request', () => {
  const def = builtinKind('certificates.k8s.io/v1', 'CertificateSigningRequest');
  const old = created<CertificateSigningRequest>(def, {
    spec: { request: REQUEST, signerName: 'a.b/c', usages: ['client auth'] },
  });
  const decided = (...types: string[]) => {
    const next = structuredClone(old);
    next.spec.signerName = 'other/x';
    next.metadata.annotations = { because: 'x' };
    next.status = {
      certificate: 'AAAA',
      conditions: types.map((type) => ({ type, status: 'True' })),
    };
    prepareForUpdate(def, next, old, 'approval');
    return next;
  };

  test('changes the conditions and what is noted beside them', () => {
    const next = decided('Approved');
    assert.deepEqual(next.metadata.annotations, { because: 'x' });
    assert.equal(next.spec.signerName, 'a.b/c');
    assert.equal(next.status?.certificate, undefined);
    assert.deepEqual(validateUpdate(def, next, old, 'approval'), []);
  });

  test('is one or the other, and stays', () => {
    const both = validateUpdate(def, decided('Approved', 'Denied'), old, 'approval').map(String);
    assert.match(both.join(), /mutually exclusive/);
    const back = validateUpdate(def, old, decided('Denied'), 'approval').map(String);
    assert.match(back.join(), /updates may not remove a condition of type "Denied"/);
  });
});
