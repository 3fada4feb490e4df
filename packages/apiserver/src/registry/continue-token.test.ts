import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { refusal } from '../testing/scene.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';

const token = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

describe('continue tokens', () => {
  it('say where to go on, in which snapshot', () => {
    const at = { revision: 42n, start: 'default/a\0' };
    assert.deepEqual(decodeContinue(encodeContinue(at)), at);
    const newest = { revision: undefined, start: 'default/a\0' };
    assert.deepEqual(decodeContinue(encodeContinue(newest)), newest);
  });

  it('come back as they went, for any key', () => {
    // Nothing is named so: a path would lead elsewhere.
    const noNames = ['.', '..'];
    const key = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((s) => !s.includes('/') && !noNames.includes(s));
    fc.assert(
      fc.property(key, fc.integer({ min: 1 }), (start, revision) => {
        const at = { revision: BigInt(revision), start };
        assert.deepEqual(decodeContinue(encodeContinue(at)), at);
      }),
    );
  });

  const broken: readonly [string, string, RegExp][] = [
    ['no JSON', token('hello'), /invalid character 'h' looking for beginning of value/],
    ['other text', 'abc=', /valid: illegal base64 data at input byte 3$/],
    ['a letter too many', 'abcde', /illegal base64 data at input byte 4$/],
    ['bytes that are no text', 'nope', /invalid character '\\u009e' looking for beginning/],
    [
      'another shape',
      token('[]'),
      /cannot unmarshal array into Go value of type storage.continueToken/,
    ],
    [
      'a word as its revision',
      token({ rv: 'x' }),
      /string into Go struct field continueToken.rv of/,
    ],
    [
      'a number as its start',
      token({ start: 5 }),
      /number into Go struct field continueToken.start of/,
    ],
    ['nothing', token(''), /unexpected end of JSON input/],
    [
      'another version',
      token({ v: 'v9', rv: 1, start: 'a' }),
      /does not recognize this encoded version v9$/,
    ],
    ['no revision', token({ v: 'meta.k8s.io/v1', start: 'a' }), /incorrect encoded start/],
    [
      'a revision in parts',
      token({ v: 'meta.k8s.io/v1', rv: 1.5, start: 'a' }),
      /cannot unmarshal number 1.5 into Go struct field/,
    ],
    ['no start', token({ v: 'meta.k8s.io/v1', rv: 1 }), /encoded start key empty/],
    [
      'a way out of the list',
      token({ v: 'meta.k8s.io/v1', rv: 1, start: '../../secrets/' }),
      /key is not valid: \.\.\/\.\.\/secrets\/$/,
    ],
  ];
  for (const [what, text, why] of broken) {
    it(`with ${what} are refused`, () => {
      assert.throws(() => decodeContinue(text), refusal(400, 'BadRequest', why));
    });
  }
});
