/** Debian's Python client library, unmodified, against a real server. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { startApiServer } from '../index.ts';

const run = promisify(execFile);
/** Debian's own Python: another one on the path would not find Debian's packages. */
const PYTHON = '/usr/bin/python3';
const PACKAGE = 'python3-kubernetes';
const SCRIPT = join(import.meta.dirname, 'testdata', 'client.py');

async function hasClient(): Promise<boolean> {
  return run(PYTHON, ['-c', 'import kubernetes']).then(
    () => true,
    () => false,
  );
}

async function needClient(): Promise<void> {
  if (await hasClient()) return;
  if (process.getuid?.() !== 0) throw new Error(`this test needs ${PACKAGE}: install it`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env });
  await run('apt-get', ['install', '-y', '-qq', PACKAGE], { env });
}

it('the Python client creates, replaces, patches, scales and watches', async () => {
  await needClient();
  const api = await startApiServer();
  const folder = mkdtempSync(join(tmpdir(), 'python-client-'));
  try {
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, api.kubeconfig, { mode: 0o600 });
    const { stdout } = await run(PYTHON, [SCRIPT, kubeconfig], { timeout: 60_000 });
    assert.deepEqual(stdout.trim().split('\n'), [
      'created py',
      'replaced 2',
      'refused 409 Conflict',
      "patched ['more', 'n']",
      'scaled 3',
      'watched DELETED py',
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await api.stop();
  }
});
