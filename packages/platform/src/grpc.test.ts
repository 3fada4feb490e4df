import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityOfCertificate, peerIdentity } from './grpc.ts';

const authContext = (subject: unknown) => ({ sslPeerCertificate: { subject } });

/** A call as gRPC builds it: the stream lies under a number of interceptors. */
function callOn(session: object | undefined, subject: unknown, layers: number) {
  let reads = 0;
  let inner: object = { stream: { session } };
  for (let i = 0; i < layers; i++) inner = { nextCall: inner };
  const getAuthContext = () => {
    reads++;
    return authContext(subject);
  };
  return { call: inner, getAuthContext, reads: () => reads };
}

test('an identity is read once a connection, however many calls it carries', () => {
  const session = {};
  const first = callOn(session, { CN: 'ann', O: ['a', 'b'] }, 0);
  assert.deepEqual(peerIdentity(first), { commonName: 'ann', organizations: ['a', 'b'] });
  const second = callOn(session, { CN: 'somebody else' }, 2);
  assert.equal(peerIdentity(second)?.commonName, 'ann');
  assert.equal(second.reads(), 0);
});

test('another connection has an identity of its own, nobody included', () => {
  assert.equal(peerIdentity(callOn({}, { CN: 'bob' }, 1))?.commonName, 'bob');
  const nobody = callOn({}, undefined, 1);
  assert.equal(peerIdentity(nobody), undefined);
  assert.equal(peerIdentity(nobody), undefined);
  assert.equal(nobody.reads(), 1);
});

test('without a session in sight every call is asked', () => {
  const call = callOn(undefined, { CN: 'cat' }, 1);
  assert.equal(peerIdentity(call)?.commonName, 'cat');
  assert.equal(peerIdentity(call)?.commonName, 'cat');
  assert.equal(call.reads(), 2);
});

test('a subject without a common name is nobody; one organisation is a list of one', () => {
  assert.equal(identityOfCertificate({ subject: { O: 'a' } }), undefined);
  assert.equal(identityOfCertificate({ subject: null }), undefined);
  const subject = { CN: 'x', O: 'a' };
  assert.deepEqual(identityOfCertificate({ subject, fingerprint256: 'AB:0C' }), {
    ...{ commonName: 'x', organizations: ['a'], fingerprint: 'ab0c' },
  });
});
