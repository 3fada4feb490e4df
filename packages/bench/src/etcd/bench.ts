/** The store against a stock etcd: which clusters are started for what. */
import type { EtcdConfig, EtcdOp } from '../config.ts';
import { BenchError } from '../errors.ts';
import { Cluster, needProgram } from '../runtime/cluster.ts';
import type { Row } from '../table.ts';
import { crowdRow } from './crowd.ts';
import { failoverRow } from './failover.ts';
import { type LoadOp, loadRows } from './load-ops.ts';
import { memoryRow, steadyRow } from './memory-ops.ts';
import { prefixRows, restartRow } from './state-ops.ts';
import type { Note, Target } from './suite.ts';
import { watchRows } from './watch-ops.ts';

const LOAD_OPS: readonly LoadOp[] = ['range', 'range-serializable', 'put'];
/** What needs the processes themselves, not only their addresses. */
const PROCESS_OPS: readonly EtcdOp[] = ['crowd', 'restart', 'memory', 'steady', 'failover'];

/** Fresh clusters for one group of work: what one leaves behind does not slow the next. */
async function withClusters<T>(
  config: EtcdConfig,
  work: (clusters: readonly Cluster[], targets: readonly Target[]) => Promise<T>,
): Promise<T> {
  const clusters = [await Cluster.start('ours', config.profileDir)];
  try {
    if (config.vs === 'stock') clusters.push(await Cluster.start('stock'));
    const targets: Target[] = [];
    for (const cluster of clusters) {
      const cpuSeconds = (): number => cluster.cpuSeconds();
      targets.push({ side: cluster.side, endpoint: await cluster.leader(), cpuSeconds });
    }
    if (config.vs !== 'stock') targets.push({ side: 'stock', endpoint: config.vs });
    return await work(clusters, targets);
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.stop()));
  }
}

function checkPrograms(config: EtcdConfig): void {
  if (config.vs === 'stock') needProgram('etcd', 'etcd-server');
  else if (PROCESS_OPS.some((op) => config.ops.includes(op))) {
    throw new BenchError(`${PROCESS_OPS.join(', ')} need --vs stock: they look at processes`);
  }
  if (LOAD_OPS.some((op) => config.ops.includes(op))) needProgram('h2load', 'nghttp2-client');
}

/** @throws BenchError when something it needs is missing */
export async function benchEtcd(config: EtcdConfig, note: Note): Promise<Row[]> {
  checkPrograms(config);
  const { shapes, rounds, seconds } = config;
  const wanted = (op: EtcdOp): boolean => config.ops.includes(op);
  const rows: Row[] = [];
  const ops = LOAD_OPS.filter(wanted);
  if (ops.length > 0) {
    rows.push(
      ...(await withClusters(config, async (clusters, targets) => {
        const made = await loadRows(targets, { ops, shapes, rounds, seconds }, note);
        for (const cluster of clusters) {
          note(`${cluster.side} memory, MiB: ${cluster.memoryMib().map(Math.round).join(' ')}`);
        }
        return made;
      })),
    );
  }
  if (wanted('watch')) {
    const plan = { watchers: config.watchers, rounds };
    rows.push(...(await withClusters(config, (_, targets) => watchRows(targets, plan, note))));
  }
  if (wanted('crowd')) {
    rows.push(await withClusters(config, (clusters) => crowdRow(clusters, config.crowd, note)));
  }
  if (wanted('prefix')) {
    const plan = { keys: config.prefixKeys, rounds };
    rows.push(...(await withClusters(config, (_, targets) => prefixRows(targets, plan, note))));
  }
  if (wanted('restart')) {
    const plan = { keys: config.restartKeys, rounds };
    rows.push(await withClusters(config, (clusters) => restartRow(clusters, plan, note)));
  }
  if (wanted('memory')) {
    const plan = { keys: config.keys, revisions: config.revisions };
    rows.push(await withClusters(config, (clusters) => memoryRow(clusters, plan, note)));
  }
  if (wanted('steady')) {
    const plan = { seconds: config.steadySeconds };
    rows.push(await withClusters(config, (clusters) => steadyRow(clusters, plan, note)));
  }
  if (wanted('failover')) {
    rows.push(await withClusters(config, (clusters) => failoverRow(clusters, rounds, note)));
  }
  return rows;
}
