import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const MAIN = join(import.meta.dirname, 'main.ts');

function run(...args: string[]): { code: number | null; lines: string[] } {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  return { code: status, lines: stderr.trim().split('\n') };
}

describe('the process', () => {
  it('tells its version, and takes the flags every stock component has', () => {
    const { stdout, status } = spawnSync(process.execPath, [MAIN, '--version'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0);
    assert.match(stdout, /^Kubernetes v1\.32\./);
    const given = ['-v=2', '--logging-format=json', '--profiling=false', '--vmodule=a=1'];
    assert.match(run(...given).lines[0] ?? '', /--apiservers is required/);
  });

  it('says in one line what is missing, and which file cannot be read', () => {
    const nothing = run();
    assert.equal(nothing.code, 2);
    assert.equal(nothing.lines.length, 1);
    assert.match(nothing.lines[0] ?? '', /--apiservers/);
    const unread = run(
      '--apiservers=127.0.0.1:1',
      '--tls-cert-file=/none/cert',
      '--tls-private-key-file=/none/key',
      '--ca-file=/none/ca',
    );
    assert.equal(unread.code, 2);
    assert.match(unread.lines[0] ?? '', /\/none\/cert/);
  });

  it('takes a configuration of the stock scheduler’s kind, and says what is wrong with it', () => {
    const dir = mkdtempSync(join(tmpdir(), 'kubets-scheduler-'));
    const file = join(dir, 'scheduler.yaml');
    const head = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';
    try {
      writeFileSync(file, `${head}leaderElection: {leaderElect: false}\n`);
      assert.match(run(`--config=${file}`).lines[0] ?? '', /--apiservers is required/);
      writeFileSync(file, `${head}profiles: [{plugins: {score: {enabled: [{name: X}]}}}]\n`);
      const { code, lines } = run(`--config=${file}`);
      assert.equal(code, 2);
      assert.match(lines[0] ?? '', /scheduler.yaml: profiles\[0\].*plugin "X" does not exist/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('refuses flags it does not know', () => {
    const { code, lines } = run('--no-such-flag');
    assert.equal(code, 2);
    assert.match(lines[0] ?? '', /--no-such-flag/);
  });
});
