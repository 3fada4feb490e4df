import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { networkText } from './network-text.ts';

const failed = (code: string, more: object = {}): Error =>
  Object.assign(new Error('something of the runtime'), { code, ...more });

describe('a failed connection', () => {
  const x509 = 'tls: failed to verify certificate: x509';
  const cases: readonly [Error, string][] = [
    [failed('ECONNREFUSED'), 'dial tcp 10.0.0.1:443: connect: connection refused'],
    [failed('ECONNRESET'), 'EOF'],
    [failed('SELF_SIGNED_CERT_IN_CHAIN'), `${x509}: certificate signed by unknown authority`],
    [failed('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), `${x509}: certificate signed by unknown authority`],
    [failed('CERT_HAS_EXPIRED'), `${x509}: certificate has expired or is not yet valid`],
    [
      failed('ERR_TLS_CERT_ALTNAME_INVALID', {
        host: 'h.ns.svc',
        cert: { subjectaltname: 'DNS:a, IP Address:10.0.0.1' },
      }),
      `${x509}: certificate is valid for a, 10.0.0.1, not h.ns.svc`,
    ],
    [
      failed('ERR_TLS_CERT_ALTNAME_INVALID', { host: 'h', cert: {} }),
      `${x509}: certificate is not valid for any names, but wanted to match h`,
    ],
    [failed('EOTHER'), 'something of the runtime'],
  ];
  for (const [error, text] of cases) {
    it(`is ${text}`, () => assert.equal(networkText(error, '10.0.0.1', 443), text));
  }
});
