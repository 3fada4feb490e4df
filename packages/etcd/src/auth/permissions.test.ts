import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { intervalOf } from '../mvcc/index.ts';
import { KeyRights, PERMISSION, type Permission } from './permissions.ts';

const b = (text: string): Buffer => Buffer.from(text, 'latin1');
const grant = (permType: number, key: string, rangeEnd = ''): Permission => {
  return { permType, key: b(key), rangeEnd: b(rangeEnd) };
};
const both = (key: string, rangeEnd = ''): Permission => grant(PERMISSION.readWrite, key, rangeEnd);

describe('rights over keys', () => {
  const cases: [string, Permission[], [string, string], boolean][] = [
    ['nothing granted', [], ['k', ''], false],
    ['the one key', [both('k')], ['k', ''], true],
    ['the one key as an interval', [both('k')], ['k', 'k\0'], true],
    ['a key it is the beginning of', [both('k')], ['k2', ''], false],
    ['an interval beyond the one key', [both('k')], ['k', 'k2'], false],
    ['inside an interval', [both('b', 'e')], ['c', 'd'], true],
    ['the interval itself', [both('b', 'e')], ['b', 'e'], true],
    ['its end', [both('b', 'e')], ['e', ''], false],
    ['before it', [both('b', 'e')], ['a', 'c'], false],
    ['beyond it', [both('b', 'e')], ['b', 'f'], false],
    ['to the end of all keys', [both('b', 'e')], ['b', '\0'], false],
    ['over two that touch', [both('c', 'f'), both('a', 'c')], ['b', 'e'], true],
    ['over two that overlap', [both('a', 'd'), both('b', 'f')], ['a', 'f'], true],
    ['over two with a gap', [both('a', 'c'), both('d', 'f')], ['b', 'e'], false],
    ['an interval inside another', [both('a', 'z'), both('b', 'c')], ['a', 'y'], true],
    ['an open end', [both('m', '\0')], ['m', '\0'], true],
    ['a key under an open end', [both('m', '\0')], ['zzz', ''], true],
    ['before an open end', [both('m', '\0')], ['a', '\0'], false],
    ['everything', [both('\0', '\0')], ['\0', '\0'], true],
    ['a grant with its ends the wrong way round', [both('e', 'b')], ['c', ''], false],
    ['a request the wrong way round, outside', [both('b', 'e')], ['z', 'c'], false],
  ];
  for (const [name, permissions, [key, end], expected] of cases) {
    it(`${name}: ${expected ? 'allowed' : 'refused'}`, () => {
      const rights = new KeyRights(permissions);
      assert.equal(rights.allows('read', intervalOf(b(key), b(end))), expected);
      assert.equal(rights.allows('write', intervalOf(b(key), b(end))), expected);
    });
  }

  it('reading and writing are granted apart', () => {
    const rights = new KeyRights([grant(PERMISSION.read, 'r'), grant(PERMISSION.write, 'w')]);
    const [r, w] = [intervalOf(b('r'), b('')), intervalOf(b('w'), b(''))];
    assert.deepEqual([rights.allows('read', r), rights.allows('write', r)], [true, false]);
    assert.deepEqual([rights.allows('read', w), rights.allows('write', w)], [false, true]);
  });

  it('allow an interval exactly when they allow each of its keys', () => {
    // Keys of one small letter: an interval is allowed when each letter in it is covered, and the space between them.
    const letter = fc.integer({ min: 0, max: 12 });
    const range = fc.tuple(letter, letter).filter(([from, to]) => from < to);
    const at = (n: number): Buffer => b(String.fromCharCode(97 + n));
    fc.assert(
      fc.property(fc.array(range, { maxLength: 6 }), range, (granted, [from, to]) => {
        const rights = new KeyRights(
          granted.map(([a, z]) => ({
            permType: PERMISSION.readWrite,
            key: at(a),
            rangeEnd: at(z),
          })),
        );
        let expected = true;
        for (let n = from; n < to; n++) expected &&= granted.some(([a, z]) => a <= n && n < z);
        assert.equal(rights.allows('read', intervalOf(at(from), at(to))), expected);
      }),
    );
  });
});
