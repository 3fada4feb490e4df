/** One run: cluster, hollow nodes, phases, and what is looked at meanwhile. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Random, systemRandom } from '@kubets/platform';
import { COORDINATOR_IN_FLIGHT, SAMPLE_MS, SAVE_MS } from '../limits.ts';
import { cpuFigure, memoryFigure } from '../report/figures.ts';
import type { CpuProfile } from '../report/profile.ts';
import { ApiStats } from '../rest/api-stats.ts';
import { type Access, parseKubeconfig } from '../rest/kubeconfig.ts';
import { OwnCluster, readMetrics } from '../runtime/own-cluster.ts';
import { type Call, RestClient } from '../runtime/rest-client.ts';
import { usageOf } from '../runtime/usage.ts';
import type { NodesConfig, PhaseName } from './config.ts';
import { Fleet } from './fleet.ts';
import { type GroupUsage, Measure, type SavedMeasure } from './measure.ts';
import { Observer } from './observer.ts';
import { phases } from './phases.ts';
import { packAccess } from './ports.ts';
import { Probe } from './probe.ts';
import { Requests } from './requests.ts';
import type { RunContext } from './run-context.ts';
import { planWorkloads } from './workloads.ts';

/** Kept in the run's directory from phase to phase. */
export interface RunState {
  readonly run: string;
  readonly startedAt: string;
  readonly done: readonly PhaseName[];
  readonly measure: SavedMeasure;
}

export interface RunOptions {
  readonly config: NodesConfig;
  readonly saved: RunState | undefined;
  readonly run: string;
  readonly startedAt: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  readonly progress: (text: string) => void;
  readonly save: (state: RunState) => void;
}

export interface RunOutcome {
  readonly state: RunState;
  readonly target: string;
  readonly version: string;
  /** Whether every phase was done. */
  readonly finished: boolean;
}

const MIB = 1024 * 1024;

export class Coordinator {
  readonly #options: RunOptions;
  readonly #measure: Measure;
  readonly #fleet = new Fleet();
  readonly #stats = new ApiStats();
  readonly #stop = new AbortController();
  readonly #random: Random = systemRandom;
  /** Of the own cluster's processes, once all has ended. */
  profiles: ReadonlyMap<string, CpuProfile> = new Map();
  #done: PhaseName[];
  #cluster: OwnCluster | undefined;
  /** What processes had used when the phase under way began. */
  #meter: ReadonlyMap<string, GroupUsage & { readonly spentBefore: number }> | undefined;
  #lagMs: number[] = [];
  #lists = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#measure = new Measure(options.clock.now(), options.saved?.measure);
    this.#done = [...(options.saved?.done ?? [])];
  }

  /** Runs the phases that are left; stops everything it started, whatever happens. */
  async run(): Promise<RunOutcome> {
    const { config, say } = this.#options;
    const { version, target, client, access } = await this.#connect();
    say(`${target}, version ${version}`);
    let context: RunContext | undefined;
    try {
      context = await this.#start(client, access);
      for (const name of config.phases) {
        if (!this.#done.includes(name)) await this.#phase(name, context);
      }
      return { state: this.#state(), target, version, finished: true };
    } catch (error) {
      if (!this.#options.signal.aborted) throw error;
      return { state: this.#state(), target, version, finished: false };
    } finally {
      const finished = config.phases.every((one) => this.#done.includes(one));
      if (finished) await context?.probe.remove();
      await this.#end(client, finished);
    }
  }

  async #connect(): Promise<{
    version: string;
    target: string;
    client: RestClient;
    access: Access;
  }> {
    const access = await this.#access();
    const client = new RestClient(access, (call, ms, status) =>
      this.#stats.record(call, ms, status),
    );
    const found = await client.call<{ gitVersion: string }>({ verb: 'GET', path: '/version' });
    const { masters } = this.#options.config;
    const own = `an own cluster of ${masters} master${masters === 1 ? '' : 's'}`;
    const target = this.#cluster === undefined ? access.server : own;
    return { version: found.gitVersion, target, client, access };
  }

  async #access(): Promise<Access> {
    const { config, say } = this.#options;
    let file = config.kubeconfig;
    if (file === undefined) {
      say(`starting a cluster of ${config.masters} in ${config.dir}`);
      const dir = join(config.dir, 'cluster');
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      this.#cluster = await OwnCluster.start(dir, { ...config, nodes: config.sizedFor });
      file = this.#cluster.kubeconfig;
    }
    return parseKubeconfig(readFileSync(file, 'utf8'), (path) => readFileSync(path), config.server);
  }

  async #start(client: RestClient, access: Access): Promise<RunContext> {
    const { config, run, clock, progress } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#stop.signal]);
    const measure = this.#measure;
    const probe = new Probe({ client, clock, signal, onLag: (ms) => this.#lagMs.push(ms) });
    const observer = new Observer({ client, clock, signal, run, phase: () => measure.phase });
    const send = (call: Call) => client.call(call);
    const limits = { inFlight: COORDINATOR_IN_FLIGHT, clock, random: this.#random, signal };
    const requests = new Requests<Call>({ send, ...limits });
    measure.start(clock.now());
    await observer.start();
    await probe.start();
    this.#fleet.start({
      nodes: config.nodes,
      nodesAProcess: config.nodesAProcess,
      orders: {
        access: packAccess(access),
        ...{ run, events: config.events, startMs: config.startMs },
      },
      onReport: (_worker, report) => {
        measure.addApi(report.api);
        measure.addFailures(report.failures);
      },
    });
    const workloads = planWorkloads(config.nodes * config.podsPerNode);
    const context: RunContext = {
      ...{ config, run, client, requests, fleet: this.#fleet, observer, probe, measure, workloads },
      ...{ cluster: this.#cluster, clock, random: this.#random, signal, progress },
    };
    const samples = clock.setInterval(() => this.#sample(context), SAMPLE_MS);
    const saves = clock.setInterval(() => this.#options.save(this.#state()), SAVE_MS);
    this.#stop.signal.addEventListener('abort', () => {
      samples.cancel();
      saves.cancel();
    });
    return context;
  }

  async #phase(name: PhaseName, context: RunContext): Promise<void> {
    const { clock, say } = this.#options;
    this.#sampleProcesses(clock.now());
    this.#meter = new Map(
      [...this.#measure.usage()].map(([group, usage]) => [
        group,
        // What an interrupted phase has cost before counts, too.
        { ...usage, spentBefore: this.#measure.figures[cpuFigure(group, name)] ?? 0 },
      ]),
    );
    this.#measure.begin(name, clock.now());
    const note = await phases[name](context);
    this.#sampleProcesses(clock.now());
    this.#noteUsage(name);
    this.#meter = undefined;
    await this.#lookAtStore();
    this.#measure.addApi(this.#stats.take().api);
    this.#measure.end(clock.now(), note, context.observer.stages);
    this.#done.push(name);
    this.#options.save(this.#state());
    say(`${name}: ${note}`);
  }

  /** What a phase cost, by what the processes are: the laws of growth are made of this. */
  #noteUsage(phase: string): void {
    const { figures } = this.#measure;
    for (const [group, { cpuSeconds, rssBytes }] of this.#measure.usage()) {
      const before = this.#meter?.get(group);
      const spent = cpuSeconds - (before?.cpuSeconds ?? 0);
      figures[cpuFigure(group, phase)] = (before?.spentBefore ?? 0) + spent;
      figures[memoryFigure(group, phase)] = rssBytes / MIB;
      if (phase === 'register') {
        figures[memoryFigure(group, 'start')] ??= (before?.rssBytes ?? 0) / MIB;
      }
    }
  }

  #state(): RunState {
    const { run, startedAt, clock } = this.#options;
    if (this.#meter !== undefined) this.#noteUsage(this.#measure.phase);
    const measure = this.#measure.sections(clock.now());
    return { run, startedAt, done: this.#done, measure };
  }

  async #end(client: RestClient, finished: boolean): Promise<void> {
    this.#stop.abort();
    await this.#fleet.stop();
    client.close();
    if (this.#cluster === undefined) return;
    this.profiles = await this.#cluster.stop();
    const { config } = this.#options;
    if (finished && !config.keep) rmSync(this.#cluster.dir, { recursive: true, force: true });
  }

  #sample(context: RunContext): void {
    const nowMs = this.#options.clock.now();
    const measure = this.#measure;
    const { api, failures } = this.#stats.take();
    measure.addApi(api);
    measure.addFailures(failures);
    measure.latencyPoints(nowMs);
    const { seen, bound, running } = context.observer.stages.counts;
    measure.point('pods', 'made', nowMs, seen);
    measure.point('pods', 'bound', nowMs, bound);
    measure.point('pods', 'running', nowMs, running);
    const lag = Math.max(0, ...this.#lagMs);
    if (this.#lagMs.length > 0) measure.point('lag', 'watch lag, highest', nowMs, lag);
    this.#lagMs = [];
    this.#sampleProcesses(nowMs);
    this.#lists += 1;
    // A reader who wants everything comes by now and then.
    if (this.#lists % 15 === 0) void this.#list(context);
  }

  async #list({ client }: RunContext): Promise<void> {
    for (const path of [
      '/api/v1/nodes',
      '/api/v1/pods?limit=500',
      '/api/v1/namespaces/bench-0/pods',
    ]) {
      // Its time is a figure; that it failed is counted with the failures.
      await client.drop({ verb: 'GET', path }).catch(() => undefined);
    }
  }

  #sampleProcesses(nowMs: number): void {
    const measure = this.#measure;
    const cpu = new Map<string, number>();
    const rss = new Map<string, number>();
    const add = (name: string, group: string, pid: number | undefined): void => {
      const usage = pid === undefined ? undefined : usageOf(pid);
      if (pid === undefined || usage === undefined) return;
      const spent = measure.process(name, group, { pid, ...usage });
      cpu.set(group, (cpu.get(group) ?? 0) + spent);
      rss.set(group, (rss.get(group) ?? 0) + usage.rssBytes);
    };
    for (const { name, role, pid } of this.#cluster?.processes() ?? []) add(name, role, pid);
    for (const { name, pid } of this.#fleet.processes) add(name, 'hollow nodes', pid);
    add('coordinator', 'coordinator', process.pid);
    const seconds = SAMPLE_MS / 1_000;
    for (const [group, spent] of cpu) measure.point('cpu', group, nowMs, (spent / seconds) * 100);
    for (const [group, bytes] of rss) measure.point('memory', group, nowMs, bytes / MIB);
  }

  async #lookAtStore(): Promise<void> {
    const cluster = this.#cluster;
    if (cluster === undefined) return;
    const nowMs = this.#options.clock.now();
    this.#measure.point('store', 'files', nowMs, cluster.storeBytes() / MIB);
    const health = cluster.processes().find(({ role }) => role === 'etcd')?.health;
    const metrics = health === undefined ? '' : await readMetrics(health).catch(() => '');
    const size = /^etcd_mvcc_db_total_size_in_bytes (\d+)/m.exec(metrics)?.[1];
    if (size !== undefined) this.#measure.point('store', 'live', nowMs, Number(size) / MIB);
  }
}
