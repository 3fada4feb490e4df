/** Creates and reads of pods, in turn with puts of a stock etcd. */
import { BenchError } from '../errors.ts';
import { put } from '../etcd/requests.ts';
import type { Note } from '../etcd/suite.ts';
import type { Shape } from '../h2load.ts';
import { Client } from '../runtime/client.ts';
import { Cluster } from '../runtime/cluster.ts';
import { runLoad, runRequests } from '../runtime/load.ts';
import type { Sample } from '../table.ts';
import type { ApiRowName, ApiServerConfig } from './config.ts';
import type { ApiRow } from './floors.ts';
import { PODS_PATH, pod } from './objects.ts';
import { removePods, type Server } from './server.ts';

interface Op {
  readonly name: ApiRowName;
  readonly work: string;
  readonly shape: Shape;
  readonly bound: number;
}

const [ONE, MANY] = [
  { clients: 1, streams: 1 },
  { clients: 10, streams: 10 },
];
const OPS: readonly Op[] = [
  { name: 'create-1x1', work: 'create pod 1x1', shape: ONE, bound: 0.5 },
  { name: 'create-10x10', work: 'create pod 10x10', shape: MANY, bound: 0.2 },
  { name: 'get-10x10', work: 'get pod 10x10', shape: MANY, bound: 0.7 },
];
/**
 * How long both sides are loaded, with many requests at once, before anything counts: the engine compiles what it runs often, so
 * that a server that has just started is not the one that runs for months.
 */
const WARM_SECONDS = 15;
/** Answers cut off at the end of a run may be counted without their body, or the reverse. */
const SLACK = 0.02;
const READ_POD = 'bench-read';

export const LOAD_ROWS: readonly ApiRowName[] = OPS.map(({ name }) => name);

/** The rows of this file that are asked for. */
export async function apiLoadRows(
  server: Server,
  config: ApiServerConfig,
  note: Note,
): Promise<ApiRow[]> {
  const stock = await Cluster.start('stock');
  try {
    const leader = await stock.leader();
    await warm(leader);
    const rows: ApiRow[] = [];
    for (const op of OPS.filter(({ name }) => config.rows.includes(name))) {
      rows.push(await loadRow({ server, leader, config, note }, op));
    }
    return rows;
  } finally {
    await stock.stop();
  }
}

async function warm(leader: string): Promise<void> {
  const client = new Client(leader);
  await client.call(put());
  client.close();
}

interface Sides {
  readonly server: Server;
  /** Of the stock members. */
  readonly leader: string;
  readonly config: ApiServerConfig;
  readonly note: Note;
}

async function loadRow({ server, leader, config, note }: Sides, op: Op): Promise<ApiRow> {
  const { name, work, shape, bound } = op;
  const run = op.name === 'get-10x10' ? runGets : runCreates;
  const samples: Sample[] = [];
  const yardstick: Sample[] = [];
  note(`${work}: warming up`);
  await runLoad(leader, put(), MANY, WARM_SECONDS);
  await run(server, MANY, WARM_SECONDS);
  for (let round = 0; round < config.rounds; round += 1) {
    const { perSecond, p99Ms, notOk } = await runLoad(leader, put(), shape, config.seconds);
    yardstick.push({ value: perSecond, notOk });
    note(`etcd put ${shape.clients}x${shape.streams}: ${Math.round(perSecond)}/s, p99 ${p99Ms} ms`);
    const sample = await run(server, shape, config.seconds);
    samples.push(sample);
    note(`${work}: ${Math.round(sample.value)}/s, p99 ${sample.p99Ms?.toFixed(1)} ms`);
  }
  const floor = { of: 'ratio', direction: 'at least', bound } as const;
  return { name, work, unit: 'per second', samples, yardstick, floor };
}

const auth = (server: Server): string[] => [
  `authorization: Bearer ${server.token}`,
  'accept: application/json',
];

async function podCount({ client }: Server): Promise<number> {
  const page = await client.json<{ items: unknown[]; metadata: { remainingItemCount?: number } }>(
    'GET',
    `${PODS_PATH}?limit=1`,
  );
  return page.items.length + (page.metadata.remainingItemCount ?? 0);
}

/** What h2load takes for a success is counted in the store. */
async function runCreates(server: Server, shape: Shape, seconds: number): Promise<Sample> {
  const before = await podCount(server);
  const load = await runRequests({
    url: `${server.url}${PODS_PATH}`,
    body: Buffer.from(JSON.stringify(pod())),
    headers: [...auth(server), 'content-type: application/json'],
    ...{ shape, seconds },
  });
  const made = (await podCount(server)) - before;
  const missing = Math.max(0, Math.ceil(load.ok * (1 - SLACK) - made));
  await removePods(server.client);
  return { value: load.perSecond, p99Ms: load.p99Ms, notOk: load.notOk + missing };
}

async function runGets(server: Server, shape: Shape, seconds: number): Promise<Sample> {
  const path = `${PODS_PATH}/${READ_POD}`;
  await server.client.ask('POST', PODS_PATH, pod(READ_POD));
  const { status, body } = await server.client.ask('GET', path);
  if (status !== 200) throw new BenchError(`cannot read a pod: ${status} ${body.toString()}`);
  const url = `${server.url}${path}`;
  const load = await runRequests({ url, headers: auth(server), shape, seconds });
  const proven = load.bodyBytes / body.length;
  const missing = Math.max(0, Math.ceil(load.ok * (1 - SLACK) - proven));
  return { value: load.perSecond, p99Ms: load.p99Ms, notOk: load.notOk + missing };
}
