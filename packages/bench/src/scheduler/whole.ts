/** The scheduler as it is run, with apiserver and store, on an own cluster of one master. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, delay, systemRandom } from '@kubets/platform';
import { BenchError } from '../errors.ts';
import { eachOf } from '../lanes.ts';
import { isStatus, Requests } from '../nodes/requests.ts';
import type { CpuProfile } from '../report/profile.ts';
import { parseKubeconfig } from '../rest/kubeconfig.ts';
import { freezeProcess, OwnCluster, readMetrics } from '../runtime/own-cluster.ts';
import { type Call, RestClient } from '../runtime/rest-client.ts';
import { usageOf } from '../runtime/usage.ts';
import {
  benchNode,
  benchPod,
  type Case,
  FILLERS_PER_NODE,
  fillerPod,
  priorityClasses,
} from './cases.ts';
import type { WholeFigures } from './ports.ts';

export interface WholeOptions {
  readonly which: Case;
  readonly nodes: number;
  readonly pods: number;
  readonly lanes: number;
  readonly dir: string;
  readonly profileDir: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

const LOOK_MS = 250;
/** Without a newly placed pod for so long nothing more is to come. */
const STILL_MS = 20_000;
const PIECE_MS = 1_000;

class Whole {
  readonly #options: WholeOptions;
  readonly #cluster: OwnCluster;
  readonly #client: RestClient;
  readonly #requests: Requests<Call>;
  #thaw: () => void = () => undefined;

  constructor(options: WholeOptions, cluster: OwnCluster) {
    const { clock, signal, lanes } = options;
    this.#options = options;
    this.#cluster = cluster;
    const text = readFileSync(cluster.kubeconfig, 'utf8');
    this.#client = new RestClient(parseKubeconfig(text, (path) => readFileSync(path)));
    this.#requests = new Requests<Call>({
      send: (call) => this.#client.call(call),
      ...{ inFlight: lanes, clock, random: systemRandom, signal },
    });
  }

  async run(): Promise<WholeFigures> {
    const { which, nodes, pods } = this.#options;
    await this.#prepare();
    const before = await this.#placed();
    const cpuBefore = this.#cpu();
    const startMs = performance.now();
    const load = this.#create('pods', pods, (index) => benchPod(which, index)).then(
      () => performance.now() - startMs,
    );
    const { placed, tookMs, rates } = await this.#watchRate(before, startMs);
    const loadMs = await load;
    const cpuAfter = this.#cpu();
    const cpuSeconds = Object.fromEntries(
      Object.entries(cpuAfter).map(([role, seconds]) => [role, seconds - (cpuBefore[role] ?? 0)]),
    );
    const podsPerSecond = placed / (tookMs / 1_000);
    const highest = Math.max(0, ...rates);
    return { which, nodes, pods, placed, podsPerSecond, highest, loadMs, cpuSeconds };
  }

  close(): void {
    this.#thaw();
    this.#client.close();
  }

  async #prepare(): Promise<void> {
    const { which, nodes } = this.#options;
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await this.#until(async () => {
      await this.#client.call({ verb: 'GET', path: account });
    });
    // Nodes that nobody keeps alive would be given up, and pods with them.
    for (const { role, pid } of this.#cluster.processes()) {
      if (role === 'controller-manager' && pid !== undefined) this.#thaw = freezeProcess(pid);
    }
    await this.#create('nodes', nodes, (index) => benchNode(which, index));
    await this.#each(nodes, 'nodes made ready', async (index) => {
      const node = benchNode(which, index);
      const path = `/api/v1/nodes/${node.metadata.name}`;
      const body = { spec: { taints: node.spec?.taints ?? null } };
      const type = 'application/merge-patch+json';
      await this.#requests.sure({ verb: 'PATCH', path, body, type });
    });
    if (which !== 'preemption') return;
    const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
    for (const body of priorityClasses()) {
      await this.#requests.sure({ verb: 'POST', path: classes, body }).catch(ignoreConflict);
    }
    await this.#create('pods', nodes * FILLERS_PER_NODE, (index) => {
      const pod = fillerPod(index);
      return { ...pod, spec: { ...pod.spec, nodeName: `bench-${index % nodes}` } };
    });
  }

  async #create(
    what: 'nodes' | 'pods',
    count: number,
    make: (index: number) => object,
  ): Promise<void> {
    const path = what === 'nodes' ? '/api/v1/nodes' : '/api/v1/namespaces/default/pods';
    await this.#each(count, `${what} made`, async (index) => {
      const call = { verb: 'POST' as const, path, body: make(index) };
      await this.#requests.sure(call).catch(ignoreConflict);
    });
  }

  async #each(count: number, text: string, work: (index: number) => Promise<void>): Promise<void> {
    const { progress, lanes, which } = this.#options;
    let done = 0;
    await eachOf([...new Array(count).keys()], lanes, async (index) => {
      await work(index);
      done += 1;
      progress(`${which}: ${text}: ${done} of ${count}`);
    });
  }

  /** Pods the scheduler has placed, by its own figures: watching them would cost what is measured. */
  async #placed(): Promise<number> {
    const scheduler = this.#cluster.processes().find(({ role }) => role === 'scheduler');
    const metrics = await readMetrics(scheduler?.health ?? '');
    const found = /^scheduler_schedule_attempts_total\{[^}]*result="scheduled"[^}]*\} (\d+)/m.exec(
      metrics,
    );
    return Number(found?.[1] ?? 0);
  }

  async #watchRate(
    before: number,
    startMs: number,
  ): Promise<{ placed: number; tookMs: number; rates: number[] }> {
    const { pods, clock, signal, progress, which } = this.#options;
    let [placed, lastMs] = [0, startMs];
    let piece = { placed: 0, atMs: startMs };
    const rates: number[] = [];
    while (placed < pods && performance.now() - lastMs < STILL_MS) {
      await delay(LOOK_MS, { clock, signal });
      const now = (await this.#placed()) - before;
      const nowMs = performance.now();
      if (now > placed) lastMs = nowMs;
      placed = now;
      progress(`${which}: placed ${placed} of ${pods}`);
      if (nowMs - piece.atMs < PIECE_MS) continue;
      rates.push(((placed - piece.placed) / (nowMs - piece.atMs)) * 1_000);
      piece = { placed, atMs: nowMs };
    }
    return { placed, tookMs: lastMs - startMs, rates };
  }

  #cpu(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { role, pid } of this.#cluster.processes()) {
      const usage = pid === undefined ? undefined : usageOf(pid);
      if (usage !== undefined) sums[role] = (sums[role] ?? 0) + usage.cpuSeconds;
    }
    return { ...sums, load: usageOf(process.pid)?.cpuSeconds ?? 0 };
  }

  async #until(check: () => Promise<void>): Promise<void> {
    const { clock, signal } = this.#options;
    for (let tries = 0; ; tries += 1) {
      try {
        await check();
        return;
      } catch (error) {
        if (tries > 240) throw new BenchError('the cluster does not get ready', { cause: error });
      }
      await delay(LOOK_MS, { clock, signal });
    }
  }
}

function ignoreConflict(error: unknown): void {
  if (!isStatus(error, 409)) throw error;
}

/** One case on a fresh cluster, which is gone afterwards. */
export async function measureWhole(
  options: WholeOptions,
): Promise<{ figures: WholeFigures; profiles: ReadonlyMap<string, CpuProfile> }> {
  const dir = join(options.dir, `cluster-${options.which}`);
  const { nodes, profileDir } = options;
  const cluster = await OwnCluster.start(dir, { masters: 1, nodes, profileDir });
  const whole = new Whole(options, cluster);
  try {
    const figures = await whole.run();
    whole.close();
    return { figures, profiles: await cluster.stop() };
  } catch (error) {
    whole.close();
    await cluster.stop();
    throw error;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
