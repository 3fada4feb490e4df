/** Work that needs a filled store: long ranges, and starting again. */
import { Client, forEachLimited } from '../runtime/client.ts';
import type { Cluster } from '../runtime/cluster.ts';
import type { Row, Sample } from '../table.ts';
import { bytesIn, countFields, fieldsOf } from '../wire.ts';
import { putAll, rangeOf } from './requests.ts';
import { interleave, type Note, type Target } from './suite.ts';

const PUTS_IN_ONE_TXN = 100;
const FILLS_AT_ONCE = 8;
const PREFIX = 'bench/fill/';
const PREFIX_END = 'bench/fill0';
const PAGE_KEYS = 1_000;
const KVS = 2;
const PREFIX_GOAL = 1.5;

function* groupsOf(keys: number): Generator<string[]> {
  for (let from = 0; from < keys; from += PUTS_IN_ONE_TXN) {
    const length = Math.min(PUTS_IN_ONE_TXN, keys - from);
    yield Array.from({ length }, (_, i) => `${PREFIX}${String(from + i).padStart(8, '0')}`);
  }
}

/** Writes so many keys, several in one transaction. */
export async function fill(endpoint: string, keys: number): Promise<void> {
  const client = new Client(endpoint);
  try {
    await forEachLimited(groupsOf(keys), FILLS_AT_ONCE, (group) => client.call(putAll(group)));
  } finally {
    client.close();
  }
}

/** The key right after the last one of an answer. */
function nextKey(answer: Buffer): Buffer {
  let last: Buffer = Buffer.alloc(0);
  for (const { id, value } of fieldsOf(answer)) {
    if (id === KVS && typeof value !== 'number') last = value;
  }
  return Buffer.concat([bytesIn(last, 1), Buffer.alloc(1)]);
}

/** Reads all keys, in one answer or page by page. */
async function readAll(endpoint: string, keys: number, page: number): Promise<Sample> {
  const client = new Client(endpoint);
  try {
    const startedMs = performance.now();
    let from: string | Buffer = PREFIX;
    let got = 0;
    for (;;) {
      const answer: Buffer = await client.call(rangeOf(from, PREFIX_END, page));
      const count = countFields(answer, KVS);
      got += count;
      if (page === 0 || count < page) break;
      from = nextKey(answer);
    }
    const seconds = (performance.now() - startedMs) / 1000;
    return { value: got / seconds, notOk: keys - got };
  } finally {
    client.close();
  }
}

export async function prefixRows(
  targets: readonly Target[],
  plan: { readonly keys: number; readonly rounds: number },
  note: Note,
): Promise<Row[]> {
  const { keys, rounds } = plan;
  for (const { endpoint } of targets) await fill(endpoint, keys);
  const rows: Row[] = [];
  for (const page of [0, PAGE_KEYS]) {
    const how = page === 0 ? 'one answer' : `pages of ${page}`;
    const samples = await interleave(targets, rounds, async ({ side, endpoint }) => {
      const sample = await readAll(endpoint, keys, page);
      note(`${side} prefix, ${how}: ${Math.round(sample.value)} keys/s`);
      return sample;
    });
    const work = `prefix of ${keys} keys, ${how}`;
    rows.push({ work, unit: 'per second', goal: PREFIX_GOAL, ...samples });
  }
  return rows;
}

/** A follower ends and starts: the time until it answers a linearizable read. */
export async function restartRow(
  clusters: readonly Cluster[],
  plan: { readonly keys: number; readonly rounds: number },
  note: Note,
): Promise<Row> {
  for (const cluster of clusters) await fill(await cluster.leader(), plan.keys);
  const samples = await interleave(clusters, plan.rounds, async (cluster) => {
    const leader = await cluster.leader();
    const follower = cluster.endpoints.find((endpoint) => endpoint !== leader) ?? leader;
    await cluster.end(follower, 'SIGTERM');
    const startedMs = performance.now();
    await cluster.restart(follower);
    const value = performance.now() - startedMs;
    note(`${cluster.side} restart: ${Math.round(value)} ms`);
    return { value };
  });
  return { work: `restart with ${plan.keys} keys`, unit: 'ms', goal: 1, ...samples };
}
