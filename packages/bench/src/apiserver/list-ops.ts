/** Many pods: how fast all of them are listed, and what they cost the server in memory. */
import type { Note } from '../etcd/suite.ts';
import { h2loadOutput } from '../runtime/h2load-run.ts';
import type { ApiServerConfig } from './config.ts';
import { fillPods } from './fill.ts';
import type { ApiRow } from './floors.ts';
import type { Server } from './server.ts';

const LIST_PATH = '/api/v1/pods';
const LISTS_A_ROUND = 3;
const MB = 1e6;

/** Rows `list` and `memory`. */
export async function listRows(
  server: Server,
  config: ApiServerConfig,
  note: Note,
): Promise<ApiRow[]> {
  note(`creating ${config.pods} pods`);
  await fillPods(server, config.pods);
  const filledMib = await server.memoryMib();
  note(`memory with ${config.pods} pods: ${Math.round(filledMib)} MiB`);
  const rows: ApiRow[] = [];
  if (config.rows.includes('list')) rows.push(...(await lists(server, config, note)));
  if (config.rows.includes('memory')) {
    const listedMib = await server.memoryMib();
    note(`memory after the lists: ${Math.round(listedMib)} MiB`);
    const samples = [{ value: Math.max(filledMib, listedMib) }];
    const floor = { of: 'value', direction: 'at most', bound: 500 } as const;
    const work = `memory with ${config.pods} pods`;
    rows.push({ name: 'memory', work, unit: 'MiB', samples, yardstick: [], floor });
  }
  return rows;
}

async function lists(server: Server, config: ApiServerConfig, note: Note): Promise<ApiRow[]> {
  const rates: { value: number; notOk: number }[] = [];
  const firsts: { value: number }[] = [];
  for (let round = 0; round < config.rounds; round += 1) {
    const { body, firstByteMs } = await server.client.ask('GET', LIST_PATH);
    firsts.push({ value: firstByteMs });
    const rate = await listRate(server, body.length);
    rates.push(rate);
    const size = (body.length / MB).toFixed(1);
    const speed = rate.value.toFixed(0);
    note(`list of ${size} MB: ${speed} MB/s, first byte after ${firstByteMs.toFixed(1)} ms`);
  }
  const work = `list ${config.pods} pods`;
  const fast = { of: 'value', direction: 'at least', bound: 250 } as const;
  const soon = { of: 'value', direction: 'at most', bound: 50 } as const;
  const common = { name: 'list', yardstick: [] } as const;
  return [
    { ...common, work, unit: 'MB/s', samples: rates, floor: fast },
    { ...common, work: `${work}: first byte`, unit: 'ms', samples: firsts, floor: soon },
  ];
}

/** By h2load, so that the client is not what is measured: lists one after the other on one connection. */
async function listRate(server: Server, bytes: number): Promise<{ value: number; notOk: number }> {
  const output = await h2loadOutput([
    ...['-n', String(LISTS_A_ROUND), '-c', '1', '-m', '1'],
    ...['-H', `authorization: Bearer ${server.token}`, '-H', 'accept: application/json'],
    `${server.url}${LIST_PATH}`,
  ]);
  const received = Number(/\((\d+)\) data/.exec(output)?.[1] ?? 0);
  const missing = received < bytes * LISTS_A_ROUND ? 1 : 0;
  return { value: received / MB / finishedSeconds(output), notOk: missing };
}

/** The time a run took, out of "finished in 1.23s, …". */
export function finishedSeconds(output: string): number {
  const found = /finished in ([\d.]+)(us|ms|s|m)?/.exec(output);
  const scale = { us: 1e-6, ms: 1e-3, s: 1, m: 60 }[found?.[2] ?? 's'] ?? 1;
  return Number(found?.[1] ?? Number.NaN) * scale;
}
