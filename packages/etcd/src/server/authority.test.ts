import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mendAuthority } from './authority.ts';

/** RFC 7541, C.4.1: `:method: GET`, `:scheme: http`, `:path: /`, `:authority: www.example.com` in Huffman's code. */
const EXAMPLE = Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex');

/** `:authority: VALUE`, written out and entered into the table. */
function plain(value: string): Buffer {
  return Buffer.concat([Buffer.from([0x41, value.length]), Buffer.from(value)]);
}

describe('the authority of a header block', () => {
  it('is left alone where it is one', () => {
    assert.equal(mendAuthority(EXAMPLE), EXAMPLE);
    for (const value of ['127.0.0.1:2379', '[::1]:2379', 'etcd-1', 'user@host:1', '']) {
      const block = plain(value);
      assert.equal(mendAuthority(block), block);
    }
  });

  it('loses the characters of a URL and keeps its length', () => {
    const block = Buffer.concat([
      Buffer.from([0x83, 0x86]),
      plain('http://h:1'),
      Buffer.from([0x84]),
    ]);
    const expected = [Buffer.from([0x83, 0x86]), plain('http:--h:1'), Buffer.from([0x84])];
    assert.deepEqual(mendAuthority(block), Buffer.concat(expected));
  });

  it("is read in Huffman's code", () => {
    // "http://a" in the codes of appendix B: h 100111, t 01001, t 01001, p 101011, : 1011100, / 011000, / 011000, a 00011, then ones.
    const bits = '1001110100101001101011101110001100001100000011'.padEnd(48, '1');
    const coded = Buffer.from(BigInt(`0b${bits}`).toString(16).padStart(12, '0'), 'hex');
    const block = Buffer.concat([Buffer.from([0x41, 0x80 | coded.length]), coded]);
    assert.deepEqual(mendAuthority(block), plain('http:--a'));
  });

  it('is found behind other fields of every kind', () => {
    const before = Buffer.from([
      0x3f,
      0xe1,
      0x1f, // the table's size
      0x40,
      0x01,
      0x61,
      0x01,
      0x62, // a: b, entered
      0x00,
      0x01,
      0x61,
      0x01,
      0x62, // a: b, not entered
      0x1f,
      0x0b,
      0x01,
      0x62, // never entered, name 26 of the table
    ]);
    const block = Buffer.concat([before, plain('a/b')]);
    assert.deepEqual(mendAuthority(block), Buffer.concat([before, plain('a-b')]));
  });

  it('with more than 126 characters gets its length in two bytes', () => {
    const value = `http://${'a'.repeat(130)}`;
    const head = Buffer.from([0x41, 0x7f, 10]);
    const mended = mendAuthority(Buffer.concat([head, Buffer.from(value)]));
    assert.deepEqual(mended, Buffer.concat([head, Buffer.from(value.replaceAll('/', '-'))]));
  });

  it('of blocks that end too early is left to the library', () => {
    const whole = Buffer.concat([EXAMPLE.subarray(0, 3), plain('http://h:1')]);
    for (let length = 0; length < whole.length; length++) {
      const block = whole.subarray(0, length);
      assert.equal(mendAuthority(block), block);
    }
  });
});
