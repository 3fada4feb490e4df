/** The apiserver, ours or any: which servers are started for what. */
import { BenchError } from '../errors.ts';
import type { Note } from '../etcd/suite.ts';
import { ApiProcess } from '../runtime/api-process.ts';
import { Cluster, needProgram } from '../runtime/cluster.ts';
import type { ApiRowName, ApiServerConfig } from './config.ts';
import { fanOutRow } from './fan-out-op.ts';
import type { ApiRow } from './floors.ts';
import { heartbeatsRow } from './heartbeats-op.ts';
import { listRows } from './list-ops.ts';
import { apiLoadRows, LOAD_ROWS } from './load-ops.ts';
import { withServer } from './server.ts';

/** From exec to ready, on a store that has been set up before. */
async function readyRow(config: ApiServerConfig, note: Note): Promise<ApiRow> {
  const store = await Cluster.start('ours');
  const own = await ApiProcess.create(store.endpoints, config.profileDir);
  try {
    await own.start();
    const samples: { value: number }[] = [];
    for (let round = 0; round < config.rounds; round += 1) {
      await own.stop();
      const tookMs = await own.start();
      note(`ready after ${Math.round(tookMs)} ms`);
      samples.push({ value: tookMs / 1_000 });
    }
    const floor = { of: 'value', direction: 'at most', bound: 0.9 } as const;
    const common = { name: 'ready', work: 'ready after exec', unit: 's' } as const;
    return { ...common, samples, yardstick: [], floor };
  } finally {
    await own.dispose();
    await store.stop();
  }
}

/** @throws BenchError when something it needs is missing */
export async function benchApiServer(config: ApiServerConfig, note: Note): Promise<ApiRow[]> {
  needProgram('h2load', 'nghttp2-client');
  const wanted = (...names: ApiRowName[]): boolean =>
    names.some((name) => config.rows.includes(name));
  const foreign = config.server !== undefined || config.kubeconfig !== undefined;
  const rows: ApiRow[] = [];
  if (wanted(...LOAD_ROWS)) {
    needProgram('etcd', 'etcd-server');
    rows.push(...(await withServer(config, (server) => apiLoadRows(server, config, note))));
  }
  if (wanted('ready')) {
    if (!foreign) rows.push(await readyRow(config, note));
    else if (config.rows.length === 1) {
      throw new BenchError('ready needs our own server: it is started for it');
    } else note('ready is left out: the server runs already');
  }
  if (wanted('list', 'memory')) {
    rows.push(...(await withServer(config, (server) => listRows(server, config, note))));
  }
  if (wanted('fan-out')) {
    rows.push(await withServer(config, (server) => fanOutRow(server, config, note)));
  }
  if (wanted('heartbeats')) {
    rows.push(await withServer(config, (server) => heartbeatsRow(server, config, note)));
  }
  return rows;
}
