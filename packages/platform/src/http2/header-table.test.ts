/** Header blocks that refer to what came before: the examples of RFC 7541, appendix C, and blocks that break the rules. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeaderTable } from './header-table.ts';
import { type HeaderField, HpackError } from './hpack.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function read(table: HeaderTable, block: string): HeaderField[] {
  const fields: HeaderField[] = [];
  table.read(hex(block), (field) => fields.push(field));
  return fields;
}

const text = (fields: readonly HeaderField[]): string =>
  fields.map(([name, value]) => `${name}: ${value}`).join('; ');

/** A field that is to be remembered, written out. */
const added = (name: string, value: string): string =>
  Buffer.concat([
    Buffer.from([0x40, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]).toString('hex');

describe('a table of header fields', () => {
  const REQUESTS: Readonly<Record<string, readonly string[]>> = {
    'C.3, plain': [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    'C.4, coded': [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  };
  for (const [name, blocks] of Object.entries(REQUESTS)) {
    it(`reads the requests of ${name}`, () => {
      const table = new HeaderTable();
      assert.deepEqual(
        blocks.map((block) => text(read(table, block))),
        [
          ':method: GET; :scheme: http; :path: /; :authority: www.example.com',
          ':method: GET; :scheme: http; :path: /; :authority: www.example.com; cache-control: no-cache',
          ':method: GET; :scheme: https; :path: /index.html; :authority: www.example.com; custom-key: custom-value',
        ],
      );
    });
  }

  it('forgets the oldest when it is full, and says so when they are asked for', () => {
    const table = new HeaderTable();
    const long = 'x'.repeat(100);
    // 32 bytes each are counted beside the text: 4,096 hold thirty of these.
    for (let i = 10; i < 50; i += 1) read(table, added(`n${i}`, long));
    const entry = (index: number): string => (0x80 + index).toString(16);
    assert.equal(read(table, entry(62))[0]?.[0], 'n49');
    assert.equal(read(table, entry(62 + 29))[0]?.[0], 'n20');
    assert.throws(() => read(table, entry(62 + 30)), HpackError);
  });

  it('goes on through very many fields', () => {
    const table = new HeaderTable();
    for (let i = 0; i < 2_000; i += 1) {
      read(table, added('name', String(i).padStart(4, '0')));
      assert.deepEqual(read(table, 'be'), [['name', String(i).padStart(4, '0')]]);
    }
  });

  it('is emptied by a field larger than itself', () => {
    const table = new HeaderTable();
    read(table, added('a', '1'));
    const huge = Buffer.concat([hex('40 01 62 7f a1 1f'), Buffer.alloc(4_128, 'v')]);
    assert.equal(read(table, huge.toString('hex'))[0]?.[1].length, 4_128);
    assert.throws(() => read(table, 'be'), HpackError);
  });

  it('changes its size at the beginning of a block only, and not beyond what was agreed', () => {
    const table = new HeaderTable();
    read(table, added('a', '1'));
    assert.deepEqual(read(table, '20 3fe1 1f 82'), [[':method', 'GET']]);
    assert.throws(() => read(table, 'be'), HpackError, 'a size of nothing has emptied it');
    assert.throws(() => read(table, '82 20'), HpackError);
    assert.throws(() => read(table, '3fe2 1f'), HpackError);
  });

  it('does not remember what it is told not to', () => {
    const table = new HeaderTable();
    assert.equal(text(read(table, '0403 2f61 62')), ':path: /ab');
    assert.equal(text(read(table, '1003 6b65 7901 76')), 'key: v');
    assert.throws(() => read(table, 'be'), HpackError);
  });
});
