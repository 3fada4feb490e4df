/** Header blocks: the examples of RFC 7541, what Node's HTTP/2 writes, and blocks that break the rules. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HpackError, readBlock, writeBlock } from './hpack.ts';
import { huffmanText } from './huffman.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('the Huffman code', () => {
  const EXAMPLES: readonly (readonly [string, string])[] = [
    ['f1e3 c2e5 f23a 6ba0 ab90 f4ff', 'www.example.com'],
    ['a8eb 1064 9cbf', 'no-cache'],
    ['9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3', 'https://www.example.com'],
    ['d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    [
      '94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
      'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ],
  ];
  for (const [coded, text] of EXAMPLES) {
    it(`reads "${text}"`, () => assert.equal(huffmanText(hex(coded)), text));
  }

  it('refuses padding that is too long, of zeros, or an end within', () => {
    assert.equal(huffmanText(hex('1fff')), undefined);
    assert.equal(huffmanText(hex('18')), undefined);
    assert.equal(huffmanText(hex('ffffffff')), undefined);
    assert.equal(huffmanText(hex('1f')), 'a');
  });
});

describe('header blocks', () => {
  it('are read as the examples have them', () => {
    const plain = hex('8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d');
    const coded = hex('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff');
    const fields = {
      ':method': 'GET',
      ':scheme': 'http',
      ':path': '/',
      ':authority': 'www.example.com',
    };
    assert.deepEqual({ ...readBlock(plain) }, fields);
    assert.deepEqual({ ...readBlock(coded) }, fields);
    const own = hex('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572');
    assert.deepEqual({ ...readBlock(own) }, { 'custom-key': 'custom-header' });
  });

  it('are read as they were written, long values too', () => {
    const fields = {
      ':method': 'POST',
      ':path': '/etcdserverpb.KV/Txn',
      'content-type': 'application/grpc',
      te: 'trailers',
      token: 'x'.repeat(3_000),
      authorization: '',
    };
    assert.deepEqual({ ...readBlock(writeBlock(fields)) }, fields);
  });

  it('may say that the table stays empty, and no more of it', () => {
    assert.deepEqual({ ...readBlock(hex('20 88')) }, { ':status': '200' });
    assert.throws(() => readBlock(hex('3fe11f')), HpackError);
    assert.throws(() => readBlock(hex('be')), HpackError, 'an entry of the table that is not kept');
    assert.throws(() => readBlock(hex('80')), HpackError, 'entry 0');
  });

  it('that are cut off or go on for ever are refused', () => {
    const whole = writeBlock({ 'grpc-message': 'no' });
    for (let length = 1; length < whole.length; length += 1) {
      assert.throws(() => readBlock(whole.subarray(0, length)), HpackError, String(length));
    }
    assert.throws(() => readBlock(hex('ff ffff ffff ffff')), HpackError);
    assert.throws(() => readBlock(hex('00 81ff 00')), HpackError, 'badly coded');
  });
});
