import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const MAIN = join(import.meta.dirname, 'main.ts');

function run(...args: string[]): { code: number | null; lines: string[] } {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  return { code: status, lines: stderr.trim().split('\n') };
}

describe('the process', () => {
  it('says in one line what is missing, and which file cannot be read', () => {
    const nothing = run();
    assert.equal(nothing.code, 2);
    assert.equal(nothing.lines.length, 1);
    assert.match(nothing.lines[0] ?? '', /--apiservers/);
    const unread = run(
      '--apiservers=127.0.0.1:1',
      '--node-name=node-1',
      '--tls-cert-file=/none/cert',
      '--tls-private-key-file=/none/key',
      '--ca-file=/none/ca',
    );
    assert.equal(unread.code, 2);
    assert.match(unread.lines[0] ?? '', /\/none\/cert/);
  });

  it('refuses flags it does not know', () => {
    const { code, lines } = run('--no-such-flag');
    assert.equal(code, 2);
    assert.match(lines[0] ?? '', /--no-such-flag/);
  });
});
