/** A whole cluster in the foreground of this process: what `up` runs, detached or not. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger, delay, type Logger, systemClock, systemRandom } from '@kubets/platform';
import { replaceFile } from '../files.ts';
import { FrontDoor } from '../front-door/front-door.ts';
import { limits } from '../limits.ts';
import {
  apiserverEndpoints,
  etcdEndpoints,
  type PlanContext,
  planProcesses,
} from '../plan/processes.ts';
import { nodeNames } from '../plan/settings.ts';
import { systemLauncher } from '../runtime/launcher.ts';
import { capLog, tailOf } from '../runtime/logs.ts';
import { claimNetwork } from '../runtime/network-claim.ts';
import { httpProber } from '../runtime/prober.ts';
import { clusterProcesses, endProcesses } from '../runtime/processes.ts';
import { type ClusterFile, describeProcess } from '../supervisor/cluster-file.ts';
import { lastWords } from '../supervisor/last-words.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { NodeRuntimes } from './node-runtimes.ts';
import type { OpenedCluster } from './open-cluster.ts';
import { waitUsable } from './wait-usable.ts';

const PACKAGES_DIR = join(import.meta.dirname, '..', '..', '..');

/** Called on every change, with what there is to show. */
export type Watcher = (file: ClusterFile) => void;

/** A running cluster. */
export class RunningCluster {
  readonly #cluster: OpenedCluster;
  readonly #plan: PlanContext;
  readonly #supervisor: Supervisor;
  readonly #door: FrontDoor;
  readonly #runtimes: NodeRuntimes | undefined;
  readonly #watch: Watcher;
  readonly #housekeeping;
  #phase: ClusterFile['phase'] = 'starting';
  #releaseNetwork: (() => void) | undefined;

  constructor(cluster: OpenedCluster, watch: Watcher) {
    const { settings, paths } = cluster;
    const log: Logger = createLogger({ name: 'supervisor', format: 'json' });
    const isReal = settings.runtime === 'containerd' && settings.nodes > 0;
    this.#cluster = cluster;
    this.#watch = watch;
    this.#runtimes = isReal ? new NodeRuntimes(paths, log) : undefined;
    this.#plan = {
      settings,
      paths,
      nodeBinary: process.execPath,
      packagesDir: PACKAGES_DIR,
      containerd: this.#runtimes?.plan,
    };
    this.#supervisor = new Supervisor({
      specs: planProcesses(this.#plan),
      logFile: paths.log,
      lastLogLine: (file) => lastWords(tailOf(file)),
      launcher: systemLauncher(paths.dataDir),
      prober: httpProber,
      clock: systemClock,
      random: systemRandom,
      log,
      onChange: () => this.#publish(),
      checkReady: (name) => this.#runtimes?.readiness(name),
    });
    this.#door = new FrontDoor({
      host: isReal ? '0.0.0.0' : '127.0.0.1',
      port: settings.port,
      backends: apiserverEndpoints(this.#plan),
      clock: systemClock,
      log,
    });
    this.#housekeeping = systemClock.setInterval(() => this.#capLogs(), 60_000);
  }

  /** Resolves when a user can start to work with it. */
  async start(signal: AbortSignal): Promise<void> {
    const { settings, paths } = this.#cluster;
    if (this.#runtimes !== undefined) this.#releaseNetwork = claimNetwork(paths.dataDir);
    await this.#door.listen();
    this.#runtimes?.prepare(nodeNames(settings));
    await this.#supervisor.start(signal);
    const nodes = [...nodeNames(settings), ...hollowNames(settings.hollowNodes)];
    await waitUsable({ plan: this.#plan, nodes, signal });
    this.#phase = 'ready';
    this.#publish();
  }

  /** Stops everything, containers included, in the order that loses nothing. */
  async stop(): Promise<void> {
    this.#phase = 'stopping';
    this.#housekeeping.cancel();
    this.#publish();
    await this.#supervisor.stop((one) => one.spec.stage === 2);
    await this.#runtimes?.removeContainers(nodeNames(this.#cluster.settings));
    await this.#supervisor.stop();
    await this.#door.close();
    const left = clusterProcesses(this.#cluster.paths.dataDir);
    if (left.length > 0) await endProcesses(left, limits.stopGraceMs);
    this.#runtimes?.cleanUp();
    this.#releaseNetwork?.();
    this.#phase = 'stopped';
    this.#publish();
  }

  #publish(): void {
    const file: ClusterFile = {
      phase: this.#phase,
      runtime: this.#cluster.settings.runtime,
      supervisor: process.pid,
      etcd: etcdEndpoints(this.#plan),
      apiservers: [
        `https://127.0.0.1:${this.#cluster.settings.port}`,
        ...apiserverEndpoints(this.#plan).map((endpoint) => `https://${endpoint}`),
      ],
      processes: this.#supervisor.processes.map(describeProcess),
    };
    replaceFile(this.#cluster.paths.clusterJson, `${JSON.stringify(file, null, 2)}\n`);
    this.#watch(file);
  }

  #capLogs(): void {
    for (const one of this.#supervisor.processes) {
      if (existsSync(one.logFile)) capLog(one.logFile, limits.logFileBytes);
    }
  }
}

const hollowNames = (count: number): string[] =>
  Array.from({ length: count }, (_unused, i) => `hollow-${i}`);

/** Runs until the signal, then stops. For callers that have no other end. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await delay(0);
}
