/** One host of a cluster of several: its doors to the masters, its processes, its certificates. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Endpoints } from '@kubets/api';
import {
  createLogger,
  errorMessage,
  type Logger,
  systemClock,
  systemRandom,
  type Timer,
} from '@kubets/platform';
import { NodeRuntimes } from '../commands/node-runtimes.ts';
import { makePrivateDir, replaceFile } from '../files.ts';
import { FrontDoor } from '../front-door/front-door.ts';
import { limits } from '../limits.ts';
import type { ClusterPaths } from '../paths.ts';
import { ensurePki } from '../pki/ensure.ts';
import { systemLauncher } from '../runtime/launcher.ts';
import { capLog, tailOf } from '../runtime/logs.ts';
import { httpProber } from '../runtime/prober.ts';
import { clusterProcesses, endProcesses } from '../runtime/processes.ts';
import { type ClusterFile, describeProcess } from '../supervisor/cluster-file.ts';
import { lastWords } from '../supervisor/last-words.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { hostLeaves } from './leaves.ts';
import { NodeParts } from './node-parts.ts';
import { ensureOwnKubelet } from './own-kubelet.ts';
import { planHost, storeEndpoints } from './plan.ts';
import { type HostSettings, hostPorts, masterAddresses, parseEndpoint } from './settings.ts';
import { hostApi, nowMs, saveHost, writeHostClientFiles } from './store.ts';

const PACKAGES_DIR = join(import.meta.dirname, '..', '..', '..');
const LOG_LOOK_MS = 60_000;

const at = (addresses: readonly string[], port: number): string[] =>
  addresses.map((address) => `${address}:${port}`);

export class RunningHost {
  readonly #paths: ClusterPaths;
  readonly #log: Logger;
  readonly #supervisor: Supervisor;
  readonly #doors: readonly { readonly door: FrontDoor; readonly port: number }[];
  readonly #runtimes: NodeRuntimes | undefined;
  readonly #parts: NodeParts | undefined;
  readonly #timers: Timer[] = [];
  #host: HostSettings;
  #phase: ClusterFile['phase'] = 'starting';
  #rolling: Promise<void> = Promise.resolve();

  constructor(paths: ClusterPaths, host: HostSettings) {
    const log = createLogger({ name: 'host', format: 'json' });
    const isReal = host.roles.includes('node') && host.runtime === 'containerd';
    this.#paths = paths;
    this.#host = host;
    this.#log = log;
    this.#runtimes = isReal ? new NodeRuntimes(paths, log) : undefined;
    this.#parts = this.#makeParts(host);
    this.#supervisor = this.#makeSupervisor(host);
    this.#doors = [
      { ...this.#makeDoor(hostPorts.apiDoor, hostPorts.api) },
      { ...this.#makeDoor(hostPorts.grpcDoor, hostPorts.grpc) },
    ];
  }

  /** Resolves when every process of this host serves, however long that takes: others may have to come first. */
  async start(signal: AbortSignal): Promise<void> {
    makePrivateDir(this.#paths.logs);
    await this.#renewLeaves();
    for (const { door } of this.#doors) await door.listen();
    this.#runtimes?.prepare([this.#host.name]);
    const every = (ms: number, fn: () => unknown): void => {
      this.#timers.push(systemClock.setInterval(() => void fn(), ms));
    };
    every(limits.mastersLookMs, () => this.#lookAtMasters());
    every(LOG_LOOK_MS, () => this.#capLogs());
    every(limits.certificateLookMs, () => this.#renewAndRoll(signal));
    await this.#supervisor.start(signal);
    this.#phase = 'ready';
    this.#publish();
  }

  /** Starts every process again, one at a time, with the program there is now. containerd stays: its containers live in it. */
  roll(signal: AbortSignal): Promise<void> {
    const next = this.#rolling.then(async () => {
      this.#phase = 'rolling';
      this.#publish();
      try {
        await this.#renewLeaves();
        await this.#parts?.ensure(signal);
        await this.#supervisor.roll((one) => one.spec.role !== 'containerd', signal);
        this.#phase = 'ready';
      } catch (error) {
        this.#phase = 'failed';
        this.#log.error({ error: errorMessage(error) }, 'processes not started again');
      }
      this.#publish();
    });
    this.#rolling = next;
    return next;
  }

  /** Pods go on running unless the host leaves its cluster. */
  async stop(options: { readonly removeContainers: boolean }): Promise<void> {
    this.#phase = 'stopping';
    for (const timer of this.#timers) timer.cancel();
    this.#parts?.stop();
    this.#publish();
    await this.#supervisor.stop((one) => one.spec.role !== 'containerd' && one.spec.stage > 0);
    if (options.removeContainers) await this.#runtimes?.removeContainers([this.#host.name]);
    await this.#supervisor.stop();
    for (const { door } of this.#doors) await door.close();
    const left = clusterProcesses(this.#paths.dataDir);
    if (options.removeContainers && left.length > 0) await endProcesses(left, limits.stopGraceMs);
    this.#phase = 'stopped';
    this.#publish();
  }

  #makeDoor(port: number, behind: number) {
    const backends = at(masterAddresses(this.#host), behind);
    // All masters may have gone, and others come, while this host did not look.
    const endpoint = parseEndpoint(this.#host.cluster.endpoint);
    const lastResort = `${endpoint.host}:${behind === hostPorts.api ? endpoint.port : behind}`;
    const common = { host: '127.0.0.1', clock: systemClock, log: this.#log, lastResort };
    return { door: new FrontDoor({ ...common, port, backends }), port: behind };
  }

  #makeParts(host: HostSettings): NodeParts | undefined {
    if (!host.roles.includes('node') || host.roles.includes('master')) return undefined;
    return new NodeParts({
      paths: this.#paths,
      log: this.#log,
      api: () => hostApi(this.#paths, this.#host),
      onRenewed: (part) => {
        if (this.#phase !== 'ready') return;
        const forever = new AbortController().signal;
        void this.#supervisor.roll((one) => one.spec.role === part, forever);
      },
    });
  }

  #makeSupervisor(host: HostSettings): Supervisor {
    const paths = this.#paths;
    return new Supervisor({
      specs: planHost({
        ...{ host, paths, nodeBinary: process.execPath, packagesDir: PACKAGES_DIR },
        containerd: this.#runtimes?.plan,
      }),
      logFile: paths.log,
      lastLogLine: (file) => lastWords(tailOf(file)),
      launcher: systemLauncher(paths.dataDir),
      prober: httpProber,
      clock: systemClock,
      random: systemRandom,
      log: this.#log,
      onChange: () => this.#publish(),
      checkReady: (name) => this.#runtimes?.readiness(name),
      readyTimeoutMs: Number.POSITIVE_INFINITY,
      beforeStage: async (stage, signal) => {
        if (stage === 2) await this.#parts?.ensure(signal);
      },
    });
  }

  /** Makes the host's own certificates where it holds the authorities. @returns what was made anew */
  async #renewLeaves(): Promise<string[]> {
    const leaves = hostLeaves(this.#host, limits.certificateDays);
    if (leaves.length === 0) return [];
    const made = await ensurePki(this.#paths.pki, leaves, nowMs());
    await ensureOwnKubelet(this.#paths, this.#host);
    writeHostClientFiles(this.#paths, this.#host);
    return made;
  }

  async #renewAndRoll(signal: AbortSignal): Promise<void> {
    const made = await this.#renewLeaves();
    if (made.length === 0) return;
    this.#log.info({ made }, 'certificates renewed, starting the processes again one by one');
    await this.roll(signal);
  }

  /** The API knows which masters live; a host that was away for long finds the new ones through any old one. */
  async #lookAtMasters(): Promise<void> {
    if (this.#phase === 'stopping') return;
    try {
      const api = hostApi(this.#paths, this.#host);
      try {
        const endpoints = await api
          .resource<Endpoints>('v1', 'endpoints')
          .get('default', 'kubernetes');
        this.#useMasters(
          (endpoints.subsets ?? []).flatMap((set) => (set.addresses ?? []).map((one) => one.ip)),
        );
      } finally {
        api.close();
      }
    } catch (error) {
      this.#log.debug({ error: errorMessage(error) }, 'masters not looked up');
    }
  }

  #useMasters(live: readonly string[]): void {
    const learned = live.toSorted();
    if (learned.length === 0 || learned.join() === (this.#host.learned ?? []).join()) return;
    this.#host = { ...this.#host, learned };
    if (existsSync(this.#paths.host)) saveHost(this.#paths, this.#host);
    const all = masterAddresses(this.#host);
    for (const { door, port } of this.#doors) door.useBackends(at(all, port));
    this.#log.info({ masters: all }, 'masters known');
  }

  #publish(): void {
    const host = this.#host;
    const isMaster = host.roles.includes('master');
    const file: ClusterFile = {
      phase: this.#phase,
      runtime: host.roles.includes('node') ? host.runtime : 'no',
      supervisor: process.pid,
      etcd: isMaster ? storeEndpoints(host).map((one) => one.replace('https://', '')) : [],
      apiservers: [
        `https://${host.cluster.endpoint}`,
        ...masterAddresses(host).map((address) => `https://${address}:${hostPorts.api}`),
      ],
      processes: this.#supervisor.processes.map(describeProcess),
    };
    replaceFile(this.#paths.clusterJson, `${JSON.stringify(file, null, 2)}\n`);
  }

  #capLogs(): void {
    for (const one of this.#supervisor.processes) {
      if (existsSync(one.logFile)) capLog(one.logFile, limits.logFileBytes);
    }
  }
}
