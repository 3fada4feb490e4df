/** Load by h2load: a program in C, so that the client is not what is measured. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Request } from '../etcd/requests.ts';
import { h2loadArgs, type LoadResult, loadResult, type Shape } from '../h2load.ts';
import { h2loadOutput } from './h2load-run.ts';

const HEADERS = ['content-type: application/grpc', 'te: trailers'];

/** Sends one request over and over. @throws BenchError when h2load fails */
export async function runLoad(
  endpoint: string,
  request: Request,
  shape: Shape,
  seconds: number,
): Promise<LoadResult> {
  const url = `http://${endpoint}${request.path}`;
  return runRequests({ url, body: request.body, headers: HEADERS, shape, seconds });
}

/** What is sent over and over, and for how long. */
export interface Requests {
  readonly url: string;
  /** Without one they are GETs. */
  readonly body?: Buffer;
  readonly headers: readonly string[];
  readonly shape: Shape;
  readonly seconds: number;
}

/** @throws BenchError when h2load fails */
export async function runRequests(r: Requests): Promise<LoadResult> {
  const { url, body, headers, shape, seconds } = r;
  const dir = mkdtempSync(join(tmpdir(), 'kubets-bench-load-'));
  try {
    const [bodyFile, logFile] = [join(dir, 'body'), join(dir, 'log')];
    if (body !== undefined) writeFileSync(bodyFile, body);
    writeFileSync(logFile, '');
    const withBody = body === undefined ? {} : { bodyFile };
    const args = h2loadArgs({ shape, seconds, url, ...withBody, logFile, headers });
    const output = await h2loadOutput(args);
    return loadResult(output, readFileSync(logFile, 'latin1'), seconds);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
