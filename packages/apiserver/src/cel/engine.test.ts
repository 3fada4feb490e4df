import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CompileError, CostError, compile, EvaluationFailure, newEnvironment } from './engine.ts';
import { MAX_EXPRESSION_LENGTH } from './limits.ts';
import { escapeName, plainValue, typedValue } from './values.ts';

function compiled(source: string, type = 'dyn') {
  const types = newEnvironment();
  types.registerVariable('self', type);
  return compile(source, { types, variables: ['self'] });
}

const run = (source: string, self?: unknown): unknown =>
  compiled(source).expression.evaluate({ self: plainValue(self) });

describe('an expression', () => {
  const rows: [string, unknown, unknown][] = [
    ['self.a + 1', { a: 1 }, 2n],
    ['self.a', { a: 1.5 }, 1.5],
    ['9007199254740993 == 9007199254740993', undefined, true],
    ['9007199254740993 - 1', undefined, 9007199254740992n],
    ['self.size()', 'abc', 3n],
    ['self.exists(k, self[k] > 1)', { a: 1, b: 2 }, true],
    ['[1, 2].sum()', undefined, 3n],
    ['[1.5, 2.0].max()', undefined, 2],
    ['["a", "b", "a"].lastIndexOf("a")', undefined, 2n],
    ['["b", "a"].isSorted()', undefined, false],
    ['"a1b22".findAll("[0-9]+")', undefined, ['1', '22']],
    ['"a1b22".findAll("[0-9]+", 1)', undefined, ['1']],
    ['"abc".find("z")', undefined, ''],
    ['url("/a/b").getEscapedPath()', undefined, '/a/b'],
    ['url("/a").getScheme()', undefined, ''],
    ['url("https://[::1]:8/").getHostname()', undefined, '::1'],
    ['quantity("2").compareTo(quantity("2000m"))', undefined, 0n],
    ['quantity("-2").sign()', undefined, -1n],
    ['quantity("1500m").asApproximateFloat()', undefined, 1.5],
    ['quantity("1").isLessThan(quantity("2"))', undefined, true],
  ];
  for (const [source, self, wanted] of rows) {
    it(source, () => assert.deepEqual(run(source, self), wanted));
  }

  it('knows the names it speaks of', () => {
    assert.deepEqual([...compiled('self.a == 1').expression.names], ['self']);
  });

  it('fails in known words', () => {
    const rows: [string, unknown, string][] = [
      ['self.a', {}, 'no such key: a'],
      ['1 / self', 0, 'divide by zero'],
      ['self[3]', [1], 'index out of bounds: 3'],
      ['int(self)', 'x', "type conversion error from 'string' to 'int'"],
      ['self + 1', 'x', 'no such overload'],
      ['self.min()', [], 'min/max called on empty list'],
    ];
    for (const [source, self, wanted] of rows) {
      assert.throws(
        () => run(source, self),
        (error) => error instanceof EvaluationFailure && error.message === wanted,
        source,
      );
    }
  });

  it('has a length', () => {
    const long = `self == '${'x'.repeat(MAX_EXPRESSION_LENGTH)}'`;
    assert.throws(() => compiled(long), CompileError);
  });

  it('has a budget, anew for every evaluation', () => {
    const { expression } = compiled('self.all(a, self.all(b, self.all(c, true)))');
    const self = Array.from({ length: 150 }, () => 1n);
    assert.throws(() => expression.evaluate({ self }), CostError);
    assert.equal(expression.evaluate({ self: [1n] }), true);
  });

  it('is told where it does not compile, in many lines too', () => {
    const text = (source: string): string => {
      try {
        compiled(source, 'int');
      } catch (error) {
        assert.ok(error instanceof CompileError);
        return error.message;
      }
      return '';
    };
    assert.equal(
      text('true &&\n  foo'),
      "ERROR: <input>:2:3: undeclared reference to 'foo' (in container '')\n |   foo\n | ..^",
    );
    assert.match(
      text('self <\n"a"'),
      /^ERROR: <input>:1:6: found no matching overload for '_<_' applied to '\(int, string\)'/,
    );
    assert.match(text('(self'), /1:6: Syntax error: missing '\)' at '<EOF>'/);
    assert.match(text('self ='), /token recognition error at: '='/);
    assert.match(text('self.foo()'), /undeclared reference to 'foo'/);
    assert.match(
      text('self.startsWith("a")'),
      /found no matching overload for 'startsWith' applied to 'int\.\(string\)'/,
    );
  });
});

describe('values', () => {
  it('have names expressions can write', () => {
    const rows: [string, string | undefined][] = [
      ['a', 'a'],
      ['a-b', 'a__dash__b'],
      ['a.b', 'a__dot__b'],
      ['a/b', 'a__slash__b'],
      ['a__b', 'a__underscores__b'],
      ['namespace', '__namespace__'],
      ['1a', undefined],
      ['', undefined],
    ];
    for (const [name, wanted] of rows) assert.equal(escapeName(name), wanted, name);
  });

  it('have the types of their schema', () => {
    const schema = {
      type: 'object',
      properties: {
        n: { type: 'number' },
        t: { type: 'string', format: 'date-time' },
        b: { type: 'string', format: 'byte' },
        m: { type: 'object', additionalProperties: { type: 'number' } },
        l: { type: 'array', items: { type: 'number' } },
        e: { 'x-kubernetes-int-or-string': true },
      },
    };
    const given = {
      n: 1,
      t: '1970-01-01T00:00:01Z',
      b: 'YQ==',
      m: { 'x-y': 2 },
      l: [3],
      e: 4,
      z: 5,
    };
    assert.deepEqual(typedValue(given, schema), {
      ...{ n: 1, t: new Date(1000), b: new Uint8Array([97]), m: { 'x-y': 2 }, l: [3] },
      ...{ e: 4n, z: 5n },
    });
    assert.equal(typedValue(null, schema), null);
    assert.equal(typedValue('nonsense', { type: 'string', format: 'date-time' }), 'nonsense');
  });
});
