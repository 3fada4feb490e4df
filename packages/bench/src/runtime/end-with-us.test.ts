import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';

const HELPER = join(import.meta.dirname, 'end-with-us.ts');
/** Starts a child that would stay, tells its number and leaves. */
const PARENT = `
import { spawn } from 'node:child_process';
import { endWithUs } from ${JSON.stringify(HELPER)};
const child = endWithUs(spawn('sleep', ['1000'], { stdio: ['ignore', 1, 2] }));
child.once('spawn', () => process.stdout.write(String(child.pid), () => process.exit(0)));
`;

test('a child ends with the process that started it', async () => {
  const args = ['--input-type=module', '-e', PARENT];
  const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  parent.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  // The pipe is the child's, too: it closes when both have gone.
  await once(parent, 'close', { signal: AbortSignal.timeout(30_000) });
  assert.ok(Number(text) > 0, text);
});
