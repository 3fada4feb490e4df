import assert from 'node:assert/strict';
import { test } from 'node:test';
import { componentFlags, levelWith, versionAsked } from './component-flags.ts';
import { flag, helpText, parseFlags } from './flags.ts';
import { type StockFlags, stockFlags, withoutEffect } from './stock-flags.ts';

const TABLE: StockFlags = {
  profiling: { why: 'there are no profiles', isSwitch: true, asIs: ['false'] },
  'cache-size': { why: 'caches have no size' },
  'proxy-file': { why: 'connections would go another way', isRefused: true },
  provider: { why: 'there is no other', isRefused: true, asIs: ['external'] },
};
const flags = stockFlags(TABLE);

test('flags without effect are taken, and told of unless they ask for what is so anyway', () => {
  const told = (...argv: string[]): string[] =>
    withoutEffect(TABLE, parseFlags(flags, argv)).map((one) => `${one.flag} ${one.why}`);
  assert.deepEqual(told(), []);
  assert.deepEqual(told('--profiling=false', '--cache-size='), []);
  assert.deepEqual(told('--profiling=F', '--provider=external'), []);
  assert.deepEqual(told('--profiling', '--cache-size', '7'), [
    '--profiling there are no profiles',
    '--cache-size caches have no size',
  ]);
});

test('flags that must not be passed over are refused with their reason', () => {
  const refused = (argv: string, message: RegExp): void =>
    assert.throws(() => parseFlags(flags, [argv]), message);
  refused('--proxy-file=x', /^ConfigError: --proxy-file: connections would go another way$/);
  refused('--provider=other', /^ConfigError: --provider: there is no other$/);
  refused('--profiling=maybe', /^ConfigError: --profiling: "maybe" is not true or false$/);
  assert.equal(parseFlags(flags, ['--proxy-file=']).proxyFile, '');
});

test('the help says what is done with them', () => {
  const text = helpText('it', 'it', flags);
  assert.match(text, /--profiling\n {6}taken without effect: there are no profiles\n/);
  assert.match(text, /--provider TEXT\n {6}not supported except external: there is no other\n/);
});

test('switches are read as Go reads them', () => {
  const one = { 'on-off': flag.bool({ help: '' }) };
  for (const word of ['1', 't', 'T', 'TRUE', 'true', 'True']) {
    assert.equal(parseFlags(one, [`--on-off=${word}`]).onOff, true, word);
  }
  for (const word of ['0', 'f', 'F', 'FALSE', 'false', 'False']) {
    assert.equal(parseFlags(one, [`--on-off=${word}`]).onOff, false, word);
  }
  assert.throws(() => parseFlags(one, ['--on-off=yes']), /"yes" is not true or false/);
});

test('numbers with a fraction, and values with commas given again and again', () => {
  const some = {
    chance: flag.number({ min: 0, max: 1, help: '' }),
    pair: flag.repeated({ help: '' }),
  };
  const read = parseFlags(some, ['--chance=0.02', '--pair=a,b', '--pair', 'c,d:e']);
  assert.deepEqual(read, { chance: 0.02, pair: ['a,b', 'c,d:e'] });
  assert.deepEqual(parseFlags(some, []).pair, []);
  assert.throws(
    () => parseFlags(some, ['--chance=2']),
    /--chance: "2" is not a number from 0 to 1/,
  );
  assert.throws(() => parseFlags(some, ['--chance=']), /--chance: "" is not a number/);
});

test('the flags of components: a number of -v makes the log more talkative, never less', () => {
  const { v, loggingFormat } = parseFlags(componentFlags, ['-v=4', '--logging-format=json']);
  assert.deepEqual([v, loggingFormat], [4, 'json']);
  assert.deepEqual([levelWith('info', 3), levelWith('info', 4)], ['info', 'debug']);
  assert.deepEqual([levelWith('warn', 6), levelWith('trace', 4)], ['trace', 'trace']);
  assert.throws(() => parseFlags(componentFlags, ['--logging-format=xml']), /text, json/);
});

test('the version is printed when it is asked for', () => {
  assert.match(versionAsked(['--version']) ?? '', /^Kubernetes v1\.32\.\d+/);
  assert.match(versionAsked(['--a', '--version=raw']) ?? '', /"minor":"32"/);
  assert.equal(versionAsked(['--version=false', '--versions']), undefined);
  assert.throws(() => versionAsked(['--version=old']), /^ConfigError: --version: "old"/);
});
