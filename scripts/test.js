#!/usr/bin/env node
// `npm test`: plain JavaScript for any Node.js from 20 on. Sets up, then runs everything CI runs, cheapest first.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setUpParts } from './parts.js';
import { setUp } from './set-up.js';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');

/** Name, program and arguments of each stage. `npm test -- NAME…` runs only those. */
const STAGES = [
  ['lint', 'biome', ['check', '.']],
  ['types', 'tsc', ['--noEmit', '-p', 'tsconfig.json']],
  [
    'tests',
    'node',
    [
      '--test',
      '--test-concurrency=2',
      '--test-timeout=600000',
      'scripts/**/*.test.ts',
      'packages/*/src/**/*.test.ts',
    ],
  ],
  [
    'end-to-end',
    'node',
    ['--test', '--test-concurrency=1', '--test-timeout=900000', 'tests/**/*.e2e.ts'],
  ],
];

/** Stages that run against stock programs. */
const NEED_PARTS = new Set(['tests', 'end-to-end']);

function run([name, program, args]) {
  process.stdout.write(`\n== ${name}\n`);
  const bin = join(root, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
  delete env.NODE_OPTIONS;
  const done = spawnSync(join(bin, program), args, { cwd: root, stdio: 'inherit', env });
  return done.status === 0;
}

await setUp();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !STAGES.some(([stage]) => stage === name));
if (unknown.length > 0) {
  process.stderr.write(
    `npm test: no stage ${unknown.join(', ')}; there are: ${STAGES.map(([name]) => name).join(', ')}\n`,
  );
  process.exit(2);
}
const chosen = STAGES.filter(([name]) => wanted.length === 0 || wanted.includes(name));
if (chosen.some(([name]) => NEED_PARTS.has(name))) setUpParts();
const failed = chosen.filter((stage) => !run(stage)).map(([name]) => name);
if (failed.length > 0) {
  process.stdout.write(`\nfailed: ${failed.join(', ')}\n`);
  process.exit(1);
}
