/** The command is killed; what it runs notices. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

const MODULE = join(import.meta.dirname, 'end-with-parent.ts');
/** Says who it is, and that it was asked to stop. */
const PART = `
  const { endWithParent } = await import(${JSON.stringify(MODULE)});
  endWithParent();
  setInterval(() => undefined, 1_000);
  process.on('SIGTERM', () => { console.log('stopping'); process.exit(); });
  console.log(String(process.env.KUBETS_COMMAND_PIPE));
`;
/** Runs the part as `hand-over.js` does. */
const COMMAND = `
  const { spawn } = await import('node:child_process');
  const env = { ...process.env, KUBETS_COMMAND_PIPE: '3' };
  spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(PART)}], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'], env });
`;

test('what a killed command runs is asked to stop', { timeout: 30_000 }, async () => {
  const command = spawn(process.execPath, ['--input-type=module', '-e', COMMAND], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: command.stdout })[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, 'undefined', 'what the part starts hears of no pipe');
  command.kill('SIGKILL');
  await once(command, 'exit');
  assert.equal((await lines.next()).value, 'stopping');
  assert.equal((await lines.next()).done, true, 'it has gone');
});
