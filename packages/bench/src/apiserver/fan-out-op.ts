/** How many events a second reach a thousand watchers of one namespace while pods change as fast as the server takes it. */
import { BenchError } from '../errors.ts';
import type { Note } from '../etcd/suite.ts';
import { h2loadOutput } from '../runtime/h2load-run.ts';
import { changeFor, waitMs } from '../runtime/pace.ts';
import type { Sample } from '../table.ts';
import type { ApiServerConfig } from './config.ts';
import type { ApiRow } from './floors.ts';
import { PODS_PATH, pod } from './objects.ts';
import type { Server } from './server.ts';

/** Pods that are changed over and over, each by a writer of its own. */
const WRITERS = 8;
/** The watchers have so long to connect before the first change, and to take the last event. */
const SETTLE_MS = 4_000;

interface Meta {
  readonly metadata: { readonly resourceVersion: string };
}

export async function fanOutRow(
  server: Server,
  config: ApiServerConfig,
  note: Note,
): Promise<ApiRow> {
  const names = Array.from({ length: WRITERS }, (_, i) => `bench-change-${i}`);
  for (const name of names) await server.client.json('POST', PODS_PATH, pod(name), [409]);
  const samples: Sample[] = [];
  for (let round = 0; round < config.rounds; round += 1) {
    const sample = await fanOut(server, config, names);
    note(`${config.watchers} watchers: ${Math.round(sample.value)} events/s`);
    samples.push(sample);
  }
  const work = `watch fan-out, ${config.watchers} watchers on ${config.connections} connections`;
  const floor = { of: 'value', direction: 'at least', bound: 100_000 } as const;
  return { name: 'fan-out', work, unit: 'events/s', samples, yardstick: [], floor };
}

/**
 * One run: the watchers are h2load's, which counts the bytes that came; the server ends their watches when the time is over.
 * One watch of the bench's own says how many bytes, and events, each of them should have had.
 */
async function fanOut(
  server: Server,
  { watchers, connections, seconds }: ApiServerConfig,
  names: readonly string[],
): Promise<Sample> {
  const list = await server.client.json<Meta>('GET', `${PODS_PATH}?limit=1`);
  const { resourceVersion } = list.metadata;
  const timeout = Math.ceil((2 * SETTLE_MS) / 1_000) + seconds;
  const path = `${PODS_PATH}?watch=true&resourceVersion=${resourceVersion}&timeoutSeconds=${timeout}`;
  const own = countingWatch(server, path);
  const streams = Math.ceil(watchers / connections);
  const watching = h2loadOutput([
    ...['-n', String(watchers), '-c', String(Math.min(watchers, connections)), '-m'],
    ...[String(streams), '-H', `authorization: Bearer ${server.token}`],
    `${server.url}${path}`,
  ]);
  await waitMs(SETTLE_MS);
  const startedMs = performance.now();
  await changeFor(seconds * 1_000, names, async (name, n) => {
    const body = { metadata: { annotations: { 'example.org/turn': String(n) } } };
    await patch(server, `${PODS_PATH}/${name}`, body);
  });
  const output = await watching;
  const tookMs = own.lastMs() - startedMs;
  own.stream.close();
  const received = Number(/\((\d+)\) data/.exec(output)?.[1] ?? 0);
  const expected = own.bytes() * watchers;
  const events = (own.events() * watchers * received) / expected;
  return { value: (events * 1_000) / tookMs, notOk: received < expected ? 1 : 0 };
}

async function patch({ client }: Server, path: string, body: object): Promise<void> {
  const { status, body: answer } = await client.patch(path, body);
  if (status !== 200) throw new BenchError(`PATCH ${path}: ${status} ${answer.toString()}`);
}

function countingWatch({ client }: Server, path: string) {
  let [bytes, events, lastMs] = [0, 0, performance.now()];
  const stream = client.watch(path, (chunk) => {
    bytes += chunk.length;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) events += 1;
    lastMs = performance.now();
  });
  return { stream, bytes: () => bytes, events: () => events, lastMs: () => lastMs };
}
