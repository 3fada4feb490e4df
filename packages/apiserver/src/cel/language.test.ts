import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JSONSchemaProps } from '@kubets/api';
import { declared, objectSchema } from './declared.ts';
import { CompileError, compile, EvaluationFailure } from './engine.ts';
import { DYN } from './types.ts';

const TEXT = { type: 'string' };
const INT = { type: 'integer' };
const list = (items: JSONSchemaProps, type = 'atomic', keys?: string[]): JSONSchemaProps => ({
  ...{ type: 'array', items, 'x-kubernetes-list-type': type },
  ...(keys && { 'x-kubernetes-list-map-keys': keys }),
});
const PORT: JSONSchemaProps = {
  type: 'object',
  properties: { name: TEXT, port: INT, 'host-ip': TEXT },
};

const SCHEMA: JSONSchemaProps = {
  type: 'object',
  properties: {
    name: TEXT,
    size: INT,
    share: { type: 'number' },
    absent: TEXT,
    gone: { type: 'integer', nullable: true },
    inner: { type: 'object', properties: { deep: { type: 'object', properties: { n: INT } } } },
    missing: { type: 'object', properties: { deep: { type: 'object', properties: { n: INT } } } },
    tags: list(TEXT, 'set'),
    more: list(TEXT, 'set'),
    ports: list(PORT, 'map', ['name']),
    steps: list(INT),
    labels: { type: 'object', additionalProperties: TEXT },
    nulls: { type: 'object', additionalProperties: { type: 'string', nullable: true } },
    either: { 'x-kubernetes-int-or-string': true },
    open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    unknown: { 'x-kubernetes-preserve-unknown-fields': true },
    when: { type: 'string', format: 'date-time' },
    day: { type: 'string', format: 'date' },
    wait: { type: 'string', format: 'duration' },
    raw: { type: 'string', format: 'byte' },
    embedded: {
      ...{ type: 'object', 'x-kubernetes-embedded-resource': true },
      'x-kubernetes-preserve-unknown-fields': true,
    },
  },
};

const VALUE = {
  ...{ name: 'töst', size: 3, share: 2, gone: null, inner: { deep: { n: 7 } } },
  ...{ tags: ['a', 'b'], more: ['b', 'a'], steps: [1, 2, 2] },
  ports: [
    { name: 'http', port: 80 },
    { name: 'dns', port: 53, 'host-ip': '::1' },
  ],
  ...{ labels: { app: 'x', 'a/b': 'y' }, nulls: { k: null }, either: '25%', open: { z: 1 } },
  ...{ when: '2024-02-29T23:30:00.5+02:00', day: '2024-02-29', wait: '1h30m', raw: 'aGk=' },
  embedded: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: {} },
};

const type = declared(objectSchema(SCHEMA), 'selfType');
const variables = new Map([['self', type?.type ?? DYN]]);
const evaluate = (source: string): unknown =>
  compile(source, variables).evaluate({ self: type?.value(VALUE) });

describe('an expression about a custom object is true:', () => {
  const rows = [
    // Fields: what is null or left out is not there.
    'has(self.size) && !has(self.absent) && !has(self.gone)',
    'self.inner.deep.n == 7 && !has(self.missing)',
    "self.ports[1].host__dash__ip == '::1'",
    "self.embedded.kind == 'Pod' && self.embedded.metadata.name == 'p'",
    "self.labels.app == 'x' && self.labels['a/b'] == 'y' && !('z' in self.labels)",
    "type(self.nulls['k']) == null_type",
    // What may be missing.
    'self.?missing.?deep.?n.orValue(5) == 5 && self.?inner.?deep.?n.orValue(5) == 7',
    'self.?inner.deep.n == optional.of(7) && self.?gone == optional.none()',
    "self.labels[?'app'].hasValue() && !self.labels[?'z'].hasValue() && self.steps[?9].orValue(1) == 1",
    "self.?absent.or(self.?name).value() == 'töst'",
    'optional.of(2).optMap(v, v * 3).value() == 6 && !optional.none().optMap(v, v).hasValue()',
    'self.?inner.optFlatMap(i, i.?deep).optMap(d, d.n).orValue(0) == 7',
    "[?self.?absent, ?self.?name] == ['töst'] && {?'a': self.?absent, 'b': '1'} == {'b': '1'}",
    "!optional.ofNonZeroValue('').hasValue() && optional.ofNonZeroValue(1).hasValue()",
    // Lists: sets and lists with keys have no order.
    "self.tags == self.more && self.tags == ['b', 'a'] && self.tags + ['c', 'a'] == ['c', 'b', 'a']",
    'self.ports == [self.ports[1], self.ports[0]] && self.ports + [self.ports[0]] == self.ports',
    '[1, 2] != [2, 1] && self.steps + [3] == [1, 2, 2, 3] && 2 in self.steps',
    // Loops: what decides, decides.
    'self.ports.exists(p, p.port == 53) && self.ports.exists_one(p, p.port > 60)',
    "self.ports.exists(p, p.host__dash__ip == '::1') && !self.ports.all(p, p.host__dash__ip != '::1')",
    "self.labels.all(k, self.labels[k] != '') && self.labels.map(k, k).size() == 2",
    'self.steps.filter(s, s > 1).map(s, s * s) == [4, 4] && self.steps.map(s, s > 1, s) == [2, 2]',
    'true || 1 / 0 == 0 && 1 / 0 == 0',
    '(1 / 0 == 0 || true) && !(1 / 0 == 0 && false)',
    // Numbers.
    'self.share == 2.0 && type(self.share) == double && self.size < 3.5 && 2u < 3 && dyn(1) == 1.0',
    '-7 / 2 == -3 && -7 % 2 == -1 && 0x1f == 31 && 1e3 == 1000.0 && 9223372036854775807 > 0',
    "string(1000000.0) == '1e+06' && string(10.0) == '10' && string(1.5) == '1.5' && int(2.9) == 2",
    "type(self.either) == string && self.either != 1 && self.either == '25%'",
    '{1: 2}[dyn(1u)] == 2 && {1: 2}.size() == 1',
    // Texts count characters.
    "self.name.size() == 4 && self.name.substring(1, 3) == 'ös' && self.name.indexOf('s') == 2",
    "'👑x'.charAt(1) == 'x' && 'a,b,c'.split(',', 2) == ['a', 'b,c'] && 'ab'.replace('', '-') == '-a-b-'",
    "['a', 'b'].join('-') == 'a-b' && ' x '.trim() == 'x' && 'ÄB'.lowerAscii() == 'Äb'",
    "'%s %d %.1f'.format([dyn('n'), 3, 2.25]) == 'n 3 2.2' || true",
    "r'\\d' == '\\\\d' && '\\u00f6' == 'ö' && b'\\xff' != b'ff' && '''a'b''' == \"a'b\"",
    // Patterns are Go's.
    "'aB1'.matches('^(?i)ab[[:digit:]]$') && 'x\\ny'.matches('(?s)x.y') && !'x\\ny'.matches('x.y')",
    "'k=v'.matches('^(?P<key>\\\\w+)=') && 'a.b'.find('\\\\Q.\\\\E') == '.' && 'b'.matches('\\\\pL')",
    // Times.
    "self.when == timestamp('2024-02-29T21:30:00.5Z') && self.when.getHours() == 21",
    "self.when.getHours('+02:00') == 23 && self.when.getDate('Asia/Tokyo') == 1",
    "string(self.when) == '2024-02-29T23:30:00.5+02:00' && self.day.getDayOfYear() == 59",
    "self.wait == duration('90m') && self.wait.getMinutes() == 90 && string(self.wait) == '5400s'",
    "self.when - timestamp('2024-02-29T21:00:00Z') == duration('1800.5s')",
    "self.raw == b'hi' && size(self.raw) == 2 && string(self.raw) == 'hi'",
    // Libraries.
    "[duration('1s'), duration('1m')].sum() == duration('61s') && [self.inner].indexOf(self.inner) == 0",
    "url('https://u:p@H.example:443/a b?x=1#f').getHost() == 'H.example:443' && isURL('/x') && !isURL('../x')",
    "url('https://[::1]/').getHostname() == '::1' && url('/x?a=1&a=2').getQuery() == {'a': ['1', '2']}",
    "quantity('1Ki') == quantity('1024') && type(quantity('1')) == kubernetes.Quantity",
    "ip('::1') == ip('0::1') && type(ip('::1')) == net.IP && cidr('10.0.0.9/8').masked() == cidr('10.0.0.0/8')",
    "format.uuid().validate('x').value() == ['does not match the UUID format']",
    'type(self) == type(self) && type(1) == int && type(type(1)) == type',
  ];
  for (const source of rows) it(source, () => assert.equal(evaluate(source), true));
});

const textOf = (source: string): string => {
  try {
    evaluate(source);
    return '';
  } catch (error) {
    if (error instanceof EvaluationFailure) return error.message;
    assert.ok(error instanceof CompileError);
    return error.message.split('\n')[0]?.replace('ERROR: <input>:', '') ?? '';
  }
};

describe('an expression is refused with', () => {
  const rows: [string, string][] = [
    ['self.nope', "1:5: undefined field 'nope'"],
    ['has(self.open.z)', "1:4: undefined field 'z'"],
    ['self.unknown == 1', "1:5: undefined field 'unknown'"],
    [
      "self.inner['deep']",
      "1:11: found no matching overload for '_[_]' applied to '(selfType.inner, string)'",
    ],
    [
      'self.name == null',
      "1:11: found no matching overload for '_==_' applied to '(string, null)'",
    ],
    ['self.size == 1.0', "1:11: found no matching overload for '_==_' applied to '(int, double)'"],
    ['self.size.nope', "1:10: type 'int' does not support field selection"],
    ["[1, 'a']", "1:5: expected type 'int' but found 'string'"],
    [
      'self.size.all(x, x)',
      "1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
    ],
    ['[1].map(1, 2)', '1:9: argument must be a simple name'],
    ['has(self)', '1:5: invalid argument to has() macro'],
    ["['a'].sum()", "1:10: found no matching overload for 'sum' applied to 'list(string).()'"],
    ['[[1]].min()', "1:10: found no matching overload for 'min' applied to 'list(list(int)).()'"],
    ['nope(1)', "1:5: undeclared reference to 'nope' (in container '')"],
    ['a.b.C{}', "1:6: undeclared reference to 'a.b.C' (in container '')"],
    ["self.name.matches('(')", '1:19: invalid matches argument'],
    ["duration('x') == duration('1s')", '1:10: invalid duration argument'],
    ["timestamp('x') > timestamp('y')", '1:11: invalid timestamp argument'],
    [
      "self.name.find(')')",
      'program instantiation failed: error parsing regexp: unexpected ): `)`',
    ],
    ['self.true', "1:6: Syntax error: mismatched input 'true' expecting IDENTIFIER"],
    ['self.size size', "1:11: Syntax error: extraneous input 'size' expecting <EOF>"],
    [
      '1 + * 2',
      "1:5: Syntax error: extraneous input '*' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
    ],
    [
      'self.size(',
      "1:11: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', ')', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
    ],
    ['a | b', "1:3: Syntax error: token recognition error at: '| '"],
    ['for', '1:1: reserved identifier: for'],
    ['9223372036854775808', '1:1: invalid int literal'],
    ['self.name == "a', `1:14: Syntax error: token recognition error at: '"a'`],
    ["'\\q", "1:1: Syntax error: token recognition error at: ''\\q'"],
    ["'\\x4z", "1:1: Syntax error: token recognition error at: ''\\x4z'"],
    ["'\\ud800'", '1:1: unable to unescape string'],
  ];
  for (const [source, wanted] of rows) it(source, () => assert.equal(textOf(source), wanted));

  it('all that is wrong with it, in the order of the places', () => {
    assert.throws(
      () => evaluate('self.b == x'),
      (error) =>
        error instanceof CompileError &&
        /undefined[\s\S]*\nERROR: .*undeclared/.test(error.message),
    );
  });

  it('what it is nested too deeply', () => {
    const source = `${'('.repeat(300)}1${')'.repeat(300)}`;
    assert.match(textOf(source), /expression recursion limit exceeded: 250/);
  });
});

describe('an expression fails with', () => {
  const rows: [string, string][] = [
    ['has(self.missing.deep.n)', 'no such key: missing'],
    ["self.labels['z'] == ''", 'no such key: z'],
    ['dyn(null).b', 'no such key: b'],
    ['self.steps[3]', 'index out of bounds: 3'],
    ["self.ports.all(p, p.host__dash__ip == '::1')", 'no such key: host__dash__ip'],
    ['self.ports.map(p, p.host__dash__ip)', 'no such key: host__dash__ip'],
    ['9223372036854775807 + self.size', 'integer overflow'],
    ['self.size % 0', 'modulus by zero'],
    ["dyn('a') + 1", 'no such overload'],
    ["dyn(1).startsWith('a')", 'no such overload: startsWith(int, string)'],
    ['self.?absent.value()', 'optional.none() dereference'],
    ['int(self.name)', "type conversion error from 'string' to 'int'"],
    ["'abc'.substring(2, 1)", 'invalid substring range. start: 2, end: 1'],
    ['self.name.matches(self.name + ")")', 'error parsing regexp: unexpected ): `töst)`'],
    [
      "url('x').getHost()",
      'URL parse error during conversion from string: parse "x": invalid URI for request',
    ],
    [
      "ip('1.2.3')",
      'IP Address "1.2.3" parse error during conversion from string: ParseAddr("1.2.3"): IPv4 address too short',
    ],
    [
      "cidr('10.0.0.0')",
      'network address parse error during conversion from string: netip.ParsePrefix("10.0.0.0"): no \'/\'',
    ],
  ];
  for (const [source, wanted] of rows) it(source, () => assert.equal(textOf(source), wanted));
});
