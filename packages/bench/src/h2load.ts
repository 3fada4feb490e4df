/** What h2load is told, and what it tells. */
import { quantile } from './stats.ts';

/** Connections, and requests under way on each. */
export interface Shape {
  readonly clients: number;
  readonly streams: number;
}

/** One run. */
export interface Load {
  readonly shape: Shape;
  readonly seconds: number;
  readonly url: string;
  /** A file that is the body of every request; without it they have none. */
  readonly bodyFile?: string;
  readonly logFile: string;
  readonly headers: readonly string[];
}

export interface LoadResult {
  readonly perSecond: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly ok: number;
  readonly notOk: number;
  /** Bytes of bodies received: an answer that is only an error has none. */
  readonly bodyBytes: number;
}

export function h2loadArgs(load: Load): string[] {
  const { shape, seconds, url, bodyFile, logFile, headers } = load;
  return [
    ...['-c', String(shape.clients), '-m', String(shape.streams), '-t', '1'],
    ...['-D', String(seconds), '--warm-up-time', '1', '--log-file', logFile],
    ...(bodyFile === undefined ? [] : ['-d', bodyFile]),
    ...headers.flatMap((header) => ['-H', header]),
    url,
  ];
}

function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? 0 : Number(found);
}

/** Durations in milliseconds out of the log: a line is start, status and duration, in microseconds. */
export function latenciesMs(log: string): number[] {
  return log
    .split('\n')
    .map((line) => line.split('\t'))
    .filter((cells) => cells.length >= 3)
    .map((cells) => Number(cells[2]) / 1000);
}

/** @param output what h2load printed @param log its log of requests */
export function loadResult(output: string, log: string, seconds: number): LoadResult {
  const ok = numberIn(output, /(\d+) succeeded/);
  const failed = numberIn(output, /(\d+) failed/) + numberIn(output, /(\d+) errored/);
  const refused = [/(\d+) 3xx/, /(\d+) 4xx/, /(\d+) 5xx/];
  const times = latenciesMs(log);
  return {
    ok,
    notOk: refused.reduce((sum, pattern) => sum + numberIn(output, pattern), failed),
    perSecond: ok / seconds,
    meanMs: times.reduce((sum, ms) => sum + ms, 0) / Math.max(1, times.length),
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    bodyBytes: numberIn(output, /\((\d+)\) data/),
  };
}
