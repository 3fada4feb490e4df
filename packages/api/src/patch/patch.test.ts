import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiError } from '../errors.ts';
import { applyJsonPatch, applyMergePatch, applyPatch } from './index.ts';

describe('JSON patch', () => {
  const good: readonly [string, object, object[], object][] = [
    ['add a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['add replaces', { a: 1 }, [{ op: 'add', path: '/a', value: 2 }], { a: 2 }],
    ['insert', { l: [1, 3] }, [{ op: 'add', path: '/l/1', value: 2 }], { l: [1, 2, 3] }],
    ['append', { l: [1] }, [{ op: 'add', path: '/l/-', value: 2 }], { l: [1, 2] }],
    ['remove', { a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
    ['remove an item', { l: [1, 2] }, [{ op: 'remove', path: '/l/0' }], { l: [2] }],
    ['replace', { a: 1 }, [{ op: 'replace', path: '/a', value: 2 }], { a: 2 }],
    ['replace an item', { l: [1, 2] }, [{ op: 'replace', path: '/l/1', value: 9 }], { l: [1, 9] }],
    ['replace what is not there', {}, [{ op: 'replace', path: '/a', value: 2 }], { a: 2 }],
    ['move', { a: 1 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 }],
    ['copy', { a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }], { a: [1], b: [1] }],
    ['test', { a: { b: [1] } }, [{ op: 'test', path: '/a', value: { b: [1] } }], { a: { b: [1] } }],
    ['insert before the end', { l: [1] }, [{ op: 'add', path: '/l/-1', value: 2 }], { l: [1, 2] }],
    [
      'replace the last item',
      { l: [1, 2] },
      [{ op: 'replace', path: '/l/-1', value: 9 }],
      { l: [1, 9] },
    ],
    ['copy what is not there', {}, [{ op: 'copy', from: '/a', path: '/b' }], { b: null }],
    ['replace the whole', { a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
    ['test the whole', { a: 1 }, [{ op: 'test', path: '', value: { a: 1 } }], { a: 1 }],
    ['a step before the first', { a: 1 }, [{ op: 'add', path: 'x/a', value: 2 }], { a: 2 }],
    ['escapes', { 'a/b': 1, '~': 2 }, [{ op: 'remove', path: '/a~1b' }], { '~': 2 }],
    ['null is a value', { a: 1 }, [{ op: 'replace', path: '/a', value: null }], { a: null }],
  ];
  for (const [title, object, patch, expected] of good) {
    test(title, () => {
      const before = structuredClone(object);
      assert.deepEqual(applyJsonPatch(object, patch), expected);
      assert.deepEqual(object, before);
    });
  }

  const rejected: readonly [string, object[]][] = [
    ['a failed test', [{ op: 'test', path: '/a', value: 2 }]],
    ['removing what is not there', [{ op: 'remove', path: '/nope' }]],
    ['adding below what is not there', [{ op: 'add', path: '/nope/deep', value: 1 }]],
    ['moving what is not there', [{ op: 'move', from: '/nope', path: '/a' }]],
    ['an unknown operation', [{ op: 'frob', path: '/a' }]],
    ['no operation', [{ path: '/a', value: 1 }]],
    ['a path without a slash', [{ op: 'add', path: 'a', value: 1 }]],
    ['an index out of range', [{ op: 'remove', path: '/l/7' }]],
    ['replacing behind the last item', [{ op: 'replace', path: '/l/1', value: 1 }]],
    ['an item far before the first', [{ op: 'add', path: '/l/-3', value: 1 }]],
    ['removing the whole', [{ op: 'remove', path: '' }]],
    ['replacing the whole by no object', [{ op: 'replace', path: '', value: 1 }]],
    ['an index that is no number', [{ op: 'add', path: '/l/x', value: 1 }]],
  ];
  for (const [title, patch] of rejected) {
    test(`${title} is answered 422`, () => {
      assert.throws(
        () => applyJsonPatch({ a: 1, l: [1] }, patch),
        (err: unknown) =>
          err instanceof ApiError &&
          err.code === 422 &&
          err.message === 'the server rejected our request due to an error in our request',
      );
    });
  }

  test('what is no list is a bad request', () => {
    assert.throws(() => applyJsonPatch({}, { a: 1 }), {
      message:
        'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    });
  });

  test('ten thousand operations are enough', () => {
    const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: 1 }));
    assert.throws(
      () => applyJsonPatch({ a: 1 }, many),
      (err: unknown) => err instanceof ApiError && err.code === 413,
    );
  });
});

describe('merge patch: the examples of RFC 7386', () => {
  const cases: readonly [object, object, object][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, expected] of cases) {
    test(`${JSON.stringify(target)} + ${JSON.stringify(patch)}`, () => {
      assert.deepEqual(applyMergePatch(target, patch), expected);
    });
  }

  test('what is no object is a bad request', () => {
    assert.throws(() => applyMergePatch({}, [1]), /cannot unmarshal array into Go value/);
  });
});

test('one function for the three', () => {
  const type = 'core.v1.ConfigMap';
  const map = { metadata: {}, data: { a: '1' } };
  const want = { metadata: {}, data: { a: '1', b: '2' } };
  const patch = { data: { b: '2' } };
  assert.deepEqual(applyPatch('merge', type, map, patch), want);
  assert.deepEqual(applyPatch('strategic', type, map, patch), want);
  const ops = [{ op: 'add', path: '/data/b', value: '2' }];
  assert.deepEqual(applyPatch('json', type, map, ops), want);
});
