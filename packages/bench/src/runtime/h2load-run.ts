/** One run of h2load. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { BenchError } from '../errors.ts';
import { endWithUs } from './end-with-us.ts';

/** Resolves with what it printed. @throws BenchError when it fails */
export async function h2loadOutput(args: readonly string[]): Promise<string> {
  const child = endWithUs(spawn('h2load', args, { stdio: ['ignore', 'pipe', 'pipe'] }));
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new BenchError(`h2load failed: ${errors.slice(0, 500)}`);
  return output;
}
