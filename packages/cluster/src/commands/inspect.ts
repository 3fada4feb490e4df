/** `kubets status`, `logs` and `kubeconfig`: looking at a cluster. */
import { closeSync, existsSync, openSync, readSync, statSync, watch } from 'node:fs';
import { ConfigError, systemClock } from '@kubets/platform';
import { readIfThere } from '../files.ts';
import { type ClusterPaths, clusterPaths } from '../paths.ts';
import { lockHolder } from '../runtime/lock.ts';
import { tailOf } from '../runtime/logs.ts';
import { residentBytes, startTimeOf } from '../runtime/processes.ts';
import { renderProcesses } from '../status/render.ts';
import type { ClusterFile } from '../supervisor/cluster-file.ts';
import type { Io } from './io.ts';
import { untilAborted } from './run-cluster.ts';

function readCluster(paths: ClusterPaths): ClusterFile {
  const text = readIfThere(paths.clusterJson);
  if (text !== undefined) return JSON.parse(text) as ClusterFile;
  throw new ConfigError(
    `no cluster in ${paths.dataDir}; start one with "npm start", or name another --data-dir`,
  );
}

const observe = (pid: number) => ({
  alive: startTimeOf(pid) !== undefined,
  residentBytes: residentBytes(pid),
});

/**
 * Prints what runs.
 * @returns whether the cluster is up
 */
export function status(dataDir: string, asJson: boolean, io: Io): boolean {
  const paths = clusterPaths(dataDir);
  const file = readCluster(paths);
  const isUp = lockHolder(paths.lock) !== undefined;
  const phase = isUp ? file.phase : 'stopped';
  if (asJson) {
    io.out(`${JSON.stringify({ ...file, phase }, null, 2)}\n`);
    return isUp;
  }
  const total = file.processes.reduce((sum, one) => sum + residentBytes(one.pid ?? 0), 0);
  io.out(`cluster ${paths.dataDir}: ${phase}, ${file.runtime} runtime\n`);
  io.out(`${renderProcesses(file, systemClock.now(), observe).join('\n')}\n`);
  io.out(`all together: ${Math.round(total / 1048576)} MiB resident\n`);
  if (!isUp && total > 0) io.err(orphaned(paths));
  return isUp;
}

/** What is left of a supervisor that was killed: it looks well, as long as nothing happens to it. */
function orphaned(paths: ClusterPaths): string {
  const [start, stop] = existsSync(paths.host) ? ['run', 'reset'] : ['up', 'down'];
  return `its supervisor has ended, nobody starts again what ends; "kubets ${start}" takes over, "kubets ${stop}" ends what is left\n`;
}

export function kubeconfig(dataDir: string, io: Io): void {
  const paths = clusterPaths(dataDir);
  const text = readIfThere(paths.kubeconfig);
  if (text === undefined) readCluster(paths);
  io.out(text ?? '');
}

export interface LogsOptions {
  readonly follow: boolean;
  readonly tailLines: number | undefined;
}

const CHUNK_BYTES = 64 * 1024;

/** Reads on from a position to the end. */
function printFrom(file: string, position: number, io: Io): number {
  const fd = openSync(file, 'r');
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let at = position;
  try {
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.length, at);
      if (count === 0) return at;
      io.out(buffer.toString('utf8', 0, count));
      at += count;
    }
  } finally {
    closeSync(fd);
  }
}

/** Prints a process's log, by its name in `kubets status`. */
export async function logs(
  dataDir: string,
  name: string,
  options: LogsOptions,
  io: Io,
): Promise<void> {
  const paths = clusterPaths(dataDir);
  const file = paths.log(name);
  const known = readCluster(paths).processes.map((one) => one.name);
  if (!known.includes(name) && name !== 'supervisor') {
    throw new ConfigError(`no process "${name}"; there are: ${known.join(', ')}, supervisor`);
  }
  if (!existsSync(file)) throw new ConfigError(`${name} has written no log yet (${file})`);
  const { tailLines } = options;
  let at: number;
  if (tailLines === undefined) at = printFrom(file, 0, io);
  else {
    const lines = tailOf(file, 4 * 1024 * 1024).split('\n');
    const text = lines.slice(Math.max(0, lines.length - 1 - tailLines)).join('\n');
    io.out(text);
    at = statSync(file).size;
  }
  if (!options.follow) return;
  const watcher = watch(file, () => {
    // Emptied when it had grown too large: go on from the start.
    if (statSync(file).size < at) at = 0;
    at = printFrom(file, at, io);
  });
  await untilAborted(io.signal);
  watcher.close();
}
