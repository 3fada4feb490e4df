import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  canonical,
  canonicalShared,
  covers,
  difference,
  type FieldPath,
  type FieldSet,
  hasPath,
  intersection,
  isEmptySet,
  isFieldSet,
  membersOf,
  pathText,
  SetBuilder,
  setOfFields,
  union,
  within,
  without,
} from './field-set.ts';

function setOf(...paths: string[]): FieldSet {
  const builder = new SetBuilder();
  for (const path of paths) builder.insert(path.split('/'));
  return builder.set();
}

const names = (set: FieldSet): string[] => membersOf(set).map((path) => path.join('/'));

describe('the form on the wire', () => {
  test('a member with members below it says so with a dot', () => {
    const expected = { 'f:a': { '.': {}, 'f:b': {} } };
    assert.deepEqual(setOf('f:a', 'f:a/f:b'), expected);
    assert.deepEqual(setOf('f:a/f:b', 'f:a'), expected);
  });

  test('a path that only leads to members is none itself', () => {
    const set = setOf('f:a/f:b');
    assert.deepEqual(set, { 'f:a': { 'f:b': {} } });
    assert.equal(hasPath(set, ['f:a']), false);
    assert.equal(hasPath(set, ['f:a', 'f:b']), true);
  });

  test('names of object prototypes are names like others', () => {
    const set = setOf('f:__proto__/f:constructor');
    assert.deepEqual(names(set), ['f:__proto__/f:constructor']);
    assert.ok(isEmptySet(difference(set, set)));
  });

  test('keys come in order: the dot, fields, entries by key, by value, by index', () => {
    const set = canonical(
      setOf('i:1', 'v:"b"', 'v:"a"', 'k:{"port":443}', 'k:{"port":80}', 'f:z', 'f:b/f:c', 'f:b'),
    );
    assert.deepEqual(Object.keys(set), [
      'f:b',
      'f:z',
      'k:{"port":80}',
      'k:{"port":443}',
      'v:"a"',
      'v:"b"',
      'i:1',
    ]);
    assert.deepEqual(Object.keys(set['f:b'] ?? {}), ['.', 'f:c']);
  });

  const broken: readonly [string, unknown][] = [
    ['a text', 'x'],
    ['a list', []],
    ['nothing', null],
    ['an element without a kind', { a: {} }],
    ['a value inside', { 'f:a': 1 }],
    ['an entry whose keys are no JSON', { 'k:{': {} }],
    ['an entry whose keys are no object', { 'k:1': {} }],
  ];
  for (const [what, value] of broken) {
    test(`${what} is no set`, () => assert.equal(isFieldSet(value), false));
  }

  test('a set is one', () => {
    assert.ok(isFieldSet({ 'f:a': { '.': {}, 'k:{"n":"x"}': {}, 'v:"y"': {}, 'i:0': {} } }));
  });
});

describe('paths as messages show them', () => {
  const shown: readonly [FieldPath, string][] = [
    [['f:spec', 'f:replicas'], '.spec.replicas'],
    [['f:containers', 'k:{"name":"b"}', 'f:image'], '.containers[name="b"].image'],
    [
      ['f:ports', 'k:{"containerPort":80,"protocol":"TCP"}'],
      '.ports[containerPort=80,protocol="TCP"]',
    ],
    [['f:finalizers', 'v:"x"'], '.finalizers[="x"]'],
    [['f:list', 'i:3'], '.list[3]'],
  ];
  for (const [path, text] of shown) test(text, () => assert.equal(pathText(path), text));
});

describe('subtrees', () => {
  const set = setOf('f:spec/f:a', 'f:spec/f:b/f:c', 'f:status', 'f:status/f:x');

  test('without leaves out what is below a member', () => {
    assert.deepEqual(names(without(set, setOfFields('spec'))), ['f:status', 'f:status/f:x']);
  });

  test('within keeps only that', () => {
    assert.deepEqual(names(within(set, setOfFields('spec.b', 'status'))), [
      'f:status',
      'f:spec/f:b/f:c',
      'f:status/f:x',
    ]);
  });

  test('difference is about the very paths', () => {
    assert.deepEqual(names(difference(set, setOfFields('spec', 'status'))), [
      'f:spec/f:a',
      'f:spec/f:b/f:c',
      'f:status/f:x',
    ]);
  });
});

describe('any sets', () => {
  const element = fc.constantFrom('f:a', 'f:b', 'k:{"n":"x"}', 'v:"y"');
  const path = fc.array(element, { minLength: 1, maxLength: 4 });
  const paths = fc.array(path, { maxLength: 8 });
  const build = (list: readonly FieldPath[]): FieldSet => {
    const builder = new SetBuilder();
    for (const each of list) builder.insert(each);
    return builder.set();
  };
  const texts = (list: readonly FieldPath[]): Set<string> => new Set(list.map((p) => p.join('/')));
  const members = (set: FieldSet): Set<string> => texts(membersOf(set));

  test('hold what was put in, whatever the order', () => {
    fc.assert(
      fc.property(paths, (list) => {
        assert.deepEqual(members(build(list)), texts(list));
        assert.deepEqual(canonical(build(list)), canonical(build(list.toReversed())));
      }),
    );
  });

  test('share one in canonical order with all that hold the same', () => {
    fc.assert(
      fc.property(paths, (list) => {
        const shared = canonicalShared(build(list));
        assert.deepEqual(Object.keys(shared), Object.keys(canonical(build(list))));
        assert.deepEqual(members(shared), texts(list));
        assert.equal(canonicalShared(build(list)), shared);
        assert.equal(canonicalShared(shared), shared);
      }),
    );
  });

  test('behave as sets of paths do', () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const [a, b] = [build(left), build(right)];
        const [x, y] = [texts(left), texts(right)];
        assert.deepEqual(members(union(a, b)), new Set([...x, ...y]));
        assert.deepEqual(members(difference(a, b)), new Set([...x].filter((p) => !y.has(p))));
        assert.deepEqual(members(intersection(a, b)), new Set([...x].filter((p) => y.has(p))));
        assert.equal(
          covers(a, b),
          [...y].every((p) => x.has(p)),
        );
        assert.ok(covers(union(a, b), b));
        assert.deepEqual(members(a), x, 'operands stay as they are');
      }),
    );
  });
});
