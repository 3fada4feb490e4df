/** The whole benchmark, small: an own cluster, interrupted once and gone on with. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { BenchResult } from '../report/result.ts';

const MAIN = join(import.meta.dirname, '..', 'main.ts');
const dir = mkdtempSync(join(tmpdir(), 'kubets-bench-test-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const ARGS = [
  ...['nodes', '--nodes', '20', '--pods-per-node', '2', '--dir', dir],
  ...['--phases', 'register,saturate,latency,churn,drain', '--latency-pods', '5'],
  ...['--churn-rate', '10', '--churn-seconds', '1'],
];

interface Run {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

function run(): Run {
  const child = spawn(process.execPath, [MAIN, ...ARGS], { stdio: ['ignore', 'inherit', 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  return { child, said: () => said, ended };
}

describe('bench nodes', () => {
  it('stops in order when interrupted, goes on, and reports', { timeout: 300_000 }, async () => {
    const first = run();
    await new Promise<void>((resolve) => {
      first.child.stderr?.on('data', () => {
        if (first.said().includes('register: 20 nodes')) resolve();
      });
      void first.ended.then(() => resolve());
    });
    first.child.kill('SIGINT');
    assert.equal(await first.ended, 1, first.said());
    assert.match(first.said(), /interrupted; the same command goes on/);

    const second = run();
    assert.equal(await second.ended, 0, second.said());
    assert.match(second.said(), /going on with run r\d+; done: register/);
    const report = JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')) as BenchResult;
    assert.equal(report.finished, true);
    const phases = report.phases.map(({ name }) => name);
    assert.deepEqual(phases, ['register', 'saturate', 'latency', 'churn', 'drain']);
    const start = report.stages.find(
      (row) => row.phase === 'latency' && row.stage === 'create to run',
    );
    assert.equal(start?.count, 5);
    const leases = report.api.find(({ indicator }) => indicator === 'POST leases resource');
    assert.equal(leases?.count, 20);
    assert.ok(report.processes.some(({ name }) => name === 'apiserver-1'));
    assert.ok(readFileSync(join(dir, 'report.html'), 'utf8').includes('<svg'));
    assert.equal(existsSync(join(dir, 'cluster')), false, 'the cluster is gone');
  });
});
