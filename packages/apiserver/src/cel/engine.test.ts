import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { declared } from './declared.ts';
import { CompileError, CostError, compile, EvaluationFailure } from './engine.ts';
import { plainValue } from './json-values.ts';
import { MAX_EXPRESSION_LENGTH } from './limits.ts';
import { escapeName } from './names.ts';
import { DYN, INT } from './types.ts';
import { Timestamp } from './values.ts';

const compiled = (source: string, type = DYN) => compile(source, new Map([['self', type]]));

const run = (source: string, self?: unknown): unknown =>
  compiled(source).evaluate({ self: plainValue(self) });

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
    ['quantity("1Gi").isInteger() && !quantity("1m").isInteger()', undefined, true],
    ['quantity("1").add(quantity("2")).sub(1).asInteger()', undefined, 2n],
    ['"tac".charAt(2) + "tac".charAt(3)', undefined, 'c'],
    ['"wood".replace("o", "e")', undefined, 'weed'],
    ['"wood".replace("o", "e", 1)', undefined, 'weod'],
    ['strings.quote("a\\n\\"b")', undefined, '"a\\n\\"b"'],
    ['"%s grew from %d to %d".format([self.n, 1, 2])', { n: 'x' }, 'x grew from 1 to 2'],
    [
      '"%.2f %f %e %%".format([dyn(1.005), 2, 1500000.0])',
      undefined,
      '1.00 2.000000 1.500000e+06 %',
    ],
    ['"%x %X %b %o %x".format([dyn(255), 255, 5, 8, "hi"])', undefined, 'ff FF 101 10 6869'],
    [
      '"%s %s %s".format([dyn([dyn(1), "a"]), {"k": true}, null])',
      undefined,
      '[1, a] {k: true} null',
    ],
    ['sets.contains([1, 2, 2], [2]) && !sets.contains([1], [1, 2])', undefined, true],
    ['sets.intersects([1], [1, 2]) && !sets.intersects([], [1])', undefined, true],
    ['sets.equivalent([dyn(1), 1.0, 2], [2, 1])', undefined, true],
    [
      'isIP("::1") && isIP("1.2.3.4") && !isIP("1.2.3") && !isIP("::ffff:1.2.3.4")',
      undefined,
      true,
    ],
    ['ip("10.0.0.1").family() + ip("fe80::1").family()', undefined, 10n],
    ['ip("::1") == ip("0:0::1") && !ip.isCanonical("0:0::1")', undefined, true],
    ['ip("127.0.0.1").isLoopback() && ip("::").isUnspecified()', undefined, true],
    [
      'ip("169.254.1.1").isLinkLocalUnicast() && ip("ff02::1").isLinkLocalMulticast()',
      undefined,
      true,
    ],
    [
      'ip("8.8.8.8").isGlobalUnicast() && !ip("255.255.255.255").isGlobalUnicast()',
      undefined,
      true,
    ],
    ['string(cidr("10.1.2.3/8").masked())', undefined, '10.0.0.0/8'],
    ['cidr("10.0.0.0/8").containsIP("10.9.9.9")', undefined, true],
    ['cidr("10.0.0.0/8").containsIP(ip("11.0.0.1"))', undefined, false],
    ['cidr("2001:db8::/32").containsCIDR("2001:db8:1::/48")', undefined, true],
    ['isCIDR("10.0.0.0/33") || isCIDR("10.0.0.0/08") || isCIDR("x/8")', undefined, false],
    [
      'cidr("10.0.0.0/8").prefixLength() == 8 && cidr("10.0.0.1/8").ip() == ip("10.0.0.1")',
      undefined,
      true,
    ],
    ['url("https://a/b?x=1&x=2").getQuery()["x"]', undefined, ['1', '2']],
    ['format.dns1123Label().validate("my-name").hasValue()', undefined, false],
    ['format.dns1123Label().validate("My").value()[0].contains("RFC 1123 label")', undefined, true],
    ['format.named("uuid").value().validate("no").hasValue()', undefined, true],
    ['format.named("nope").hasValue()', undefined, false],
    ['format.dns1123LabelPrefix().validate("my-").hasValue()', undefined, false],
  ];
  for (const [source, self, wanted] of rows) {
    it(source, () => assert.deepEqual(run(source, self), wanted));
  }

  it('knows the names it speaks of', () => {
    assert.deepEqual([...compiled('self.a == 1').names], ['self']);
  });

  it('fails in known words', () => {
    const rows: [string, unknown, string][] = [
      ['self.a', {}, 'no such key: a'],
      ['1 / self', 0, 'division by zero'],
      ['self[3]', [1], 'index out of bounds: 3'],
      ['int(self)', 'x', "type conversion error from 'string' to 'int'"],
      ['self + 1', 'x', 'no such overload'],
      ['self.min()', [], 'min called on empty list'],
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
    const expression = compiled('self.all(a, self.all(b, self.all(c, true)))');
    const self = Array.from({ length: 150 }, () => 1n);
    assert.throws(() => expression.evaluate({ self }), CostError);
    assert.equal(expression.evaluate({ self: [1n] }), true);
  });

  it('makes no text that fills the memory', () => {
    const self = 'x'.repeat(10_000);
    assert.equal(run('self.replace("x", "ab").size()', self), 20_000n);
    assert.throws(() => run('self.replace("", self)', self), CostError);
    assert.throws(() => run('self.replace("x", self)', self), CostError);
    assert.equal(run('self.replace("x", self, 2).size()', self), 29_998n);
  });

  it('is told where it does not compile, in many lines too', () => {
    const text = (source: string): string => {
      try {
        compiled(source, INT);
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
    const type = declared(schema, 'self');
    const fields = new Map([['self', type?.type ?? DYN]]);
    const self = type?.value(given);
    const get = (source: string): unknown => compile(source, fields).evaluate({ self });
    assert.equal(get('self.n'), 1);
    assert.deepEqual(get('self.t'), new Timestamp(1_000_000_000n));
    assert.deepEqual(get('self.b'), new Uint8Array([97]));
    assert.equal(get("self.m['x-y']"), 2);
    assert.deepEqual(get('self.l'), [3]);
    assert.equal(get('self.e'), 4n);
    assert.throws(() => get('self.z'), /undefined field 'z'/);
    assert.equal(type?.value(null), null);
    const time = declared({ type: 'string', format: 'date-time' }, 'self');
    assert.equal(time?.value('nonsense'), 'nonsense');
  });
});

describe('long expressions', () => {
  const refused = /nests too deep|recursion limit exceeded/;
  const chains: Readonly<Record<string, (times: number) => string>> = {
    sums: (times) => `1${'+1'.repeat(times)} > 0`,
    fields: (times) => `a${'.a'.repeat(times)}`,
    places: (times) => `a${'[0]'.repeat(times)}`,
    conditions: (times) => `true${'&&true'.repeat(times)}`,
    calls: (times) => `a${'.f()'.repeat(times)}`,
    choices: (times) => `${'true?1:'.repeat(times)}1`,
  };
  for (const [name, chain] of Object.entries(chains)) {
    it(`of ${name} are refused, whatever walks them`, () => {
      const variables = new Map([['a', DYN]]);
      assert.throws(() => compile(chain(10_000), variables), refused);
    });
  }

  it('are refused when macros make them large', () => {
    const doubled = `optional.of(1)${'.optMap(x, x)'.repeat(40)}.hasValue()`;
    assert.throws(() => compile(doubled, new Map()), /expression is too large/);
  });

  it('are evaluated up to the limit', () => {
    assert.equal(compile(chains.sums?.(990) ?? '', new Map()).evaluate({}), true);
    assert.equal(compile(chains.conditions?.(990) ?? '', new Map()).evaluate({}), true);
  });
});
