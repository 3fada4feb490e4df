import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ConfigError } from './errors.ts';
import { flag, helpText, isFlagGiven, nearest, parseDurationMs, parseFlags } from './flags.ts';

const dir = mkdtempSync(join(tmpdir(), 'kubets-flags-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const flags = {
  config: flag.string({ help: 'file' }),
  'leader-elect': flag.bool({ default: true, help: 'elect' }),
  apiservers: flag.list({ required: true, help: 'the doors' }),
  'retry-period': flag.durationMs({ default: '2s', help: 'wait' }),
  port: flag.int({ min: 1, max: 65_535, default: 6443, help: 'port' }),
  mode: flag.enum({ values: ['auto', 'iptables'], default: 'auto', help: 'mode' }),
  name: flag.string({ help: 'name', env: 'THE_NAME' }),
};

test('defaults stand in for what is not given', () => {
  const config = parseFlags(flags, ['--apiservers', 'a:1,b:2']);
  assert.deepEqual(config, {
    config: undefined,
    leaderElect: true,
    apiservers: ['a:1', 'b:2'],
    retryPeriod: 2000,
    port: 6443,
    mode: 'auto',
    name: undefined,
  });
});

test('flags are read with =, with a space, negated, and with one dash', () => {
  const config = parseFlags(flags, [
    '--apiservers=a',
    '--no-leader-elect',
    '--port',
    '1',
    '-mode=iptables',
    '--name=x=y',
  ]);
  assert.equal(config.leaderElect, false);
  assert.equal(config.port, 1);
  assert.equal(config.mode, 'iptables');
  assert.equal(config.name, 'x=y');
});

test('a list may be given in several parts', () => {
  const config = parseFlags(flags, ['--apiservers=a,b', '--apiservers', 'c']);
  assert.deepEqual(config.apiservers, ['a', 'b', 'c']);
});

test('command line wins over environment, environment over file, file over default', () => {
  const file = join(dir, 'config.yaml');
  writeFileSync(file, 'apiservers: [c, d]\nport: 7\nname: file\nleader-elect: false\n');
  const fromFile = parseFlags(flags, ['--config', file]);
  assert.deepEqual(fromFile.apiservers, ['c', 'd']);
  assert.equal(fromFile.port, 7);
  assert.equal(fromFile.leaderElect, false);
  const env = { THE_NAME: 'environment' };
  assert.equal(parseFlags(flags, ['--config', file], env).name, 'environment');
  assert.equal(parseFlags(flags, ['--config', file, '--name', 'line'], env).name, 'line');
});

const refusals: readonly [string, readonly string[], RegExp][] = [
  [
    'an unknown flag, with the nearest one',
    ['--apiserver', 'a'],
    /unknown flag --apiserver; did you mean --apiservers\?/,
  ],
  ['a missing required flag', [], /--apiservers is required/],
  ['a flag without its value', ['--apiservers'], /--apiservers needs a value/],
  [
    'a number out of range',
    ['--apiservers=a', '--port=0'],
    /--port: "0" is not a whole number from 1 to 65535/,
  ],
  ['a number that is none', ['--apiservers=a', '--port=12x'], /--port: "12x" is not/],
  ['an empty number', ['--apiservers=a', '--port='], /--port: "" is not/],
  ['a duration without unit', ['--apiservers=a', '--retry-period=2x'], /not a duration/],
  ['a value outside the list', ['--apiservers=a', '--mode=ipvs'], /not one of auto, iptables/],
  ['a word that is no flag', ['up'], /unexpected argument "up"/],
  ['a boolean that is none', ['--apiservers=a', '--leader-elect=maybe'], /not true or false/],
  [
    'a config file that is not there',
    ['--apiservers=a', '--config=/nowhere.yaml'],
    /cannot read --config/,
  ],
];

for (const [what, argv, message] of refusals) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => parseFlags(flags, argv),
      (error: unknown) => error instanceof ConfigError && message.test(error.message),
    );
  });
}

test('a config file with an unknown name or a nested value is refused', () => {
  const file = join(dir, 'bad.yaml');
  writeFileSync(file, 'prot: 1\n');
  assert.throws(
    () => parseFlags(flags, ['--config', file]),
    /unknown flag --prot; did you mean --port/,
  );
  writeFileSync(file, 'port: {a: 1}\n');
  assert.throws(() => parseFlags(flags, ['--config', file]), /port is not a plain value/);
  writeFileSync(file, '- 1\n');
  assert.throws(() => parseFlags(flags, ['--config', file]), /expected a mapping/);
});

test('what was given is known, also where it is the default', () => {
  const config = parseFlags(flags, ['--apiservers=a', '--port=6443'], { THE_NAME: 'x' });
  const named = Object.keys(flags).filter((name) => isFlagGiven(config, name));
  assert.deepEqual(named, ['apiservers', 'port', 'name']);
  assert.equal(isFlagGiven({}, 'port'), false);
});

test('durations', () => {
  const table: readonly [string, number | undefined][] = [
    ['500ms', 500],
    ['15s', 15_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['250', 250],
    ['', undefined],
    ['-1s', undefined],
    ['1d', undefined],
  ];
  for (const [text, ms] of table) assert.equal(parseDurationMs(text), ms, text);
});

test('the nearest name is offered only when it is near', () => {
  assert.equal(nearest('prot', ['port', 'path']), 'port');
  assert.equal(nearest('completely-else', ['port', 'path']), undefined);
});

test('the help names every flag with its default', () => {
  const text = helpText('thing', 'does it', flags);
  for (const name of Object.keys(flags)) assert.ok(text.includes(`--${name}`), name);
  assert.match(text, /wait \(default 2s\)/);
  assert.match(text, /the doors.*\(required\)/);
});
