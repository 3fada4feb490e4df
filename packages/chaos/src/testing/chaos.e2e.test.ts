/** The tool on real processes, briefly: faults, verdict, report; planted bugs; guards that outlive the tool. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { delay } from '@kubets/platform';
import { run } from '../commands/run.ts';
import { readHistory } from '../history/file.ts';
import { judge } from '../history/judge.ts';
import { plant } from '../runtime/broken-build.ts';
import { examine } from '../self-test/lab.ts';
import { PLANTED } from '../self-test/planted.ts';

const WITHIN_MS = 60_000;
const never = new AbortController().signal;

async function until(what: string, holds: () => boolean): Promise<void> {
  const giveUpMs = performance.now() + WITHIN_MS;
  while (!holds()) {
    assert.ok(performance.now() < giveUpMs, `${what}: not within ${WITHIN_MS} ms`);
    await delay(20);
  }
}

/** `T` for a stopped process; empty when there is none. */
function stateOf(pid: number): string {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  for await (const line of createInterface(child.stdout)) return line;
  throw new Error('it ended without a word');
}

test('a short run: nothing is lost, and there is a report and a history', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kubets-chaos-test-'));
  const said: string[] = [];
  const out = (text: string): void => {
    said.push(text);
  };
  try {
    const [report, history] = [join(dir, 'report.html'), join(dir, 'history.ndjson')];
    const flags = { faults: 3, seed: 1, target: 'kubets', members: 3, report, history };
    const io = { out, err: out, signal: never, now: () => 1_000 };
    const ok = await run('short', flags, io);
    assert.ok(ok, said.join(''));
    assert.equal(said[0], 'seed 1: 3 faults of short against kubets\n');
    assert.match(readFileSync(report, 'utf8'), /nothing lost, nothing wrong/);
    const kept = await readHistory(history);
    assert.equal(kept.faults.length, 3);
    const verdict = judge(kept);
    assert.ok(verdict.acknowledged > 30 && verdict.watchEvents > 30, JSON.stringify(verdict));
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('planted bugs still fit, and there are enough of them', () => {
  assert.ok(PLANTED.length >= 6);
  for (const planted of PLANTED) plant(planted);
});

for (const name of ['lost-watch-events', 'leases-end-with-the-leader']) {
  test(`a planted bug is noticed: ${name}`, async () => {
    const planted = PLANTED.find((one) => one.name === name);
    assert.ok(planted);
    const finding = await examine(planted, { seed: 1, signal: never });
    assert.ok(finding.after !== undefined);
  });
}

test('when the tool is killed, its faults end at their time, and what it built goes away', async () => {
  const foreign = spawn('sleep', ['300'], { stdio: 'ignore' });
  assert.ok(foreign.pid !== undefined);
  const { pid: foreignPid } = foreign;
  const main = join(import.meta.dirname, 'abandoned-main.ts');
  const tool = spawn(process.execPath, [main, String(foreignPid)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const { dir, pid, network } = JSON.parse(await firstLine(tool));
    assert.ok(existsSync(dir) && stateOf(pid) !== '');
    await until('the foreign process is stopped', () => stateOf(foreignPid) === 'T');
    tool.kill('SIGKILL');
    await once(tool, 'exit');
    await until('the foreign process goes on', () => stateOf(foreignPid) === 'S');
    await until('the member has ended', () => stateOf(pid) === '');
    await until('its directory is gone', () => !existsSync(dir));
    const space = /--net=(\S+)/.exec(network)?.[1];
    if (space !== undefined) await until('its network is gone', () => !existsSync(space));
  } finally {
    tool.kill('SIGKILL');
    foreign.kill('SIGKILL');
  }
});
