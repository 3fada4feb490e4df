/** Fills a server with pods. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchError } from '../errors.ts';
import { h2loadOutput } from '../runtime/h2load-run.ts';
import { PODS_PATH, pod } from './objects.ts';
import type { Server } from './server.ts';

/** Creates so many pods over ten connections. @throws BenchError when one is refused */
export async function fillPods(server: Server, count: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'kubets-bench-fill-'));
  try {
    const file = join(dir, 'body');
    writeFileSync(file, JSON.stringify(pod()));
    const output = await h2loadOutput([
      ...['-n', String(count), '-c', '10', '-m', '10', '-d', file],
      ...['-H', `authorization: Bearer ${server.token}`, '-H', 'content-type: application/json'],
      `${server.url}${PODS_PATH}`,
    ]);
    if (!output.includes(` ${count} 2xx`)) throw new BenchError(`pods were refused: ${output}`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
