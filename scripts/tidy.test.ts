import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadFiles, importCycles, longFunctions, tidy } from './tidy.ts';

test('the repository is tidy', () => {
  const findings = tidy().map(({ file, line, message }) => `${file}:${line} ${message}`);
  assert.deepEqual(findings, []);
});

test('an import cycle is found', () => {
  const texts: Record<string, string> = {
    'a/one.ts': "import { two } from './two.ts';",
    'a/two.ts': "import { one } from './one.ts';",
    'a/three.ts': "import type { one } from './one.ts';",
  };
  const cycles = importCycles(Object.keys(texts), (file) => texts[file] ?? '');
  assert.deepEqual(cycles, [['a/one.ts', 'a/two.ts', 'a/one.ts']]);
});

test('a file nothing imports is found', () => {
  const texts: Record<string, string> = {
    'packages/a/src/main.ts': "import { used } from './used.ts';",
    'packages/a/src/used.ts': '',
    'packages/a/src/unused.ts': '',
  };
  const dead = deadFiles(Object.keys(texts), (file) => texts[file] ?? '');
  assert.deepEqual(dead, ['packages/a/src/unused.ts']);
});

test('a long function is found, a short one is not', () => {
  const body = Array.from({ length: 80 }, () => '  work();');
  const long = ['export function much(): void {', ...body, '}'];
  const short = ['export function little(): void {', '  work();', '}'];
  assert.equal(longFunctions('x.ts', [...long, ...short]).length, 1);
});
