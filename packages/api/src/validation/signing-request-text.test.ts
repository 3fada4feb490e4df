import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SIGNING_REQUEST } from '../testing/make.ts';
import { requestComplaint } from './signing-request-text.ts';

const PEM = 'PEM block type must be CERTIFICATE REQUEST';

function block(der: readonly number[], type = 'CERTIFICATE REQUEST'): Buffer {
  const body = Buffer.from(der).toString('base64');
  return Buffer.from(`-----BEGIN ${type}-----\n${body}\n-----END ${type}-----\n`);
}

test('a request is fine', () => {
  assert.equal(requestComplaint(Buffer.from(SIGNING_REQUEST, 'base64')), undefined);
});

test('what is no request is told of as Go does', () => {
  const rows: readonly [Buffer, string][] = [
    [Buffer.from('not pem'), PEM],
    [Buffer.from('-----BEGIN CERTIFICATE REQUEST-----'), PEM],
    [block([0x30], 'NEW CERTIFICATE REQUEST'), PEM],
    [block([]), 'asn1: syntax error: sequence truncated'],
    [block([0x61]), 'asn1: syntax error: truncated tag or length'],
    [block([0x30, 0x00]), 'asn1: syntax error: sequence truncated'],
    [block([0x30, 0x82, 0x01]), 'asn1: syntax error: truncated tag or length'],
    [block([0x30, 0x80, 0x01]), 'asn1: syntax error: indefinite length found (not DER)'],
    [block([0x30, 0x81, 0x05, 0x01]), 'asn1: structure error: non-minimal length'],
    [block([0x30, 0x05, 0x01]), 'asn1: syntax error: data truncated'],
  ];
  for (const [bytes, complaint] of rows) assert.equal(requestComplaint(bytes), complaint);
  assert.match(
    requestComplaint(block([0x66, 0x6f, 0x6f])) ?? '',
    /^asn1: structure error: tags don't match \(16 vs \{class:1 tag:6 length:111 isCompound:true\}\) \{.*\} certificateRequest @2$/,
  );
});
