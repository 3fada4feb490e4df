/** Load by h2load: a program in C, so that the client is not what is measured. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchError } from '../errors.ts';
import type { Request } from '../etcd/requests.ts';
import { h2loadArgs, type LoadResult, loadResult, type Shape } from '../h2load.ts';

const HEADERS = ['content-type: application/grpc', 'te: trailers'];

/** Sends one request over and over. @throws BenchError when h2load fails */
export async function runLoad(
  endpoint: string,
  request: Request,
  shape: Shape,
  seconds: number,
): Promise<LoadResult> {
  const dir = mkdtempSync(join(tmpdir(), 'kubets-bench-load-'));
  try {
    const [bodyFile, logFile] = [join(dir, 'body'), join(dir, 'log')];
    writeFileSync(bodyFile, request.body);
    writeFileSync(logFile, '');
    const url = `http://${endpoint}${request.path}`;
    const args = h2loadArgs({ shape, seconds, url, bodyFile, logFile, headers: HEADERS });
    const output = await outputOf(args);
    return loadResult(output, readFileSync(logFile, 'latin1'), seconds);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function outputOf(args: readonly string[]): Promise<string> {
  const child = spawn('h2load', args, { stdio: ['ignore', 'pipe', 'pipe'] });
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
