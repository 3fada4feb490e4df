/** What clients of the Kubernetes API do while masters fail: writers of shared objects, readers, informers, a deployment. */
import { delay, type Random } from '@kubets/platform';
import { ChaosError } from '../errors.ts';
import type {
  KubeEvent,
  KubeRecords,
  KubeRequest,
  KubeRollout,
  KubeStream,
} from '../history/kube-records.ts';
import { LIMITS } from '../limits.ts';
import type { KubetsCluster } from '../runtime/kubets-cluster.ts';
import { KubeClient, type KubeObject } from './kube-client.ts';

const OBJECTS = 4;
const WRITERS = 6;
const PAUSE_MS = 15;
const REOPEN_MS = 100;
const REPLICAS = 3;
const ROLLOUT_PAUSE_MS = 1_000;
const IMAGE = 'registry.k8s.io/pause:3.6';

const rvOf = (one: KubeObject): number => Number(one.metadata?.resourceVersion ?? 0);

export class KubeWorkloads {
  readonly requests: KubeRequest[] = [];
  readonly streams: KubeStream[] = [];
  readonly rollouts: KubeRollout[] = [];
  /** Called with each acknowledged write. */
  onWrite: ((begunMs: number, endedMs: number) => void) | undefined;
  readonly #cluster: KubetsCluster;
  readonly #random: Random;
  readonly #namespace: string;
  readonly #reached = new Map<string, number>();
  #loops: Promise<void>[] = [];
  #tokens = 0;
  #stopped = false;
  #closed = false;

  constructor(cluster: KubetsCluster, random: Random, name: string) {
    this.#cluster = cluster;
    this.#random = random;
    this.#namespace = name;
  }

  get #path(): string {
    return `/api/v1/namespaces/${this.#namespace}/configmaps`;
  }

  #client(server: string): KubeClient {
    return new KubeClient(server, this.#cluster.tls);
  }

  /** Makes the namespace, and starts. @throws ChaosError when the API does not take it */
  async start(): Promise<void> {
    const { servers } = this.#cluster;
    const door = this.#client(servers.at(-1) ?? '');
    const body = { metadata: { name: this.#namespace } };
    const made = await door.call({ method: 'POST', path: '/api/v1/namespaces', body });
    if (made.fate !== 'ok') throw new ChaosError(`the namespace was not made: ${made.status}`);
    const list = await door.call({ method: 'GET', path: this.#path });
    const from = rvOf(list.body);
    for (const server of servers) this.#follow(this.#client(server), from);
    for (const server of servers) this.#loops.push(this.#read(this.#client(server)));
    for (let n = 0; n < WRITERS; n += 1) this.#loops.push(this.#write());
    if (this.#cluster.isSimulated) this.#loops.push(this.#roll(door));
  }

  /** An informer: a watch that goes on from where it was, or from a new list when the history is gone. */
  #follow(client: KubeClient, from: number): void {
    if (this.#closed) return;
    const stream: KubeStream = { server: client.server, from, events: [] };
    this.streams.push(stream);
    let last = from;
    let isGone = false;
    const path = `${this.#path}?watch=true&resourceVersion=${from}`;
    client.watch(
      path,
      (line) => {
        const event = eventOf(line);
        if (event === undefined) isGone = true;
        else {
          stream.events.push(event);
          last = Math.max(last, event.rv);
          this.#reached.set(client.server, last);
        }
      },
      () => void this.#again(client, isGone ? undefined : last),
    );
  }

  async #again(client: KubeClient, last: number | undefined): Promise<void> {
    await delay(REOPEN_MS);
    if (this.#closed) return;
    if (last !== undefined) this.#follow(client, last);
    else {
      const list = await client.call({ method: 'GET', path: this.#path });
      if (list.fate === 'ok') this.#follow(client, rvOf(list.body));
      else void this.#again(client, undefined);
    }
  }

  async #perform(client: KubeClient, name: string, base: KubeObject | undefined, isWrite: boolean) {
    const counter = Number(base?.data?.counter ?? 0) + 1;
    this.#tokens += 1;
    const token = isWrite ? `t${this.#tokens}` : '';
    const type = !isWrite ? 'read' : base === undefined ? 'create' : 'update';
    const one: KubeRequest = {
      ...{ type, name, begunMs: performance.now(), endedMs: null, outcome: 'unknown' },
      ...{ rv: 0, token, counter, base: base === undefined ? 0 : rvOf(base) },
    };
    this.requests.push(one);
    const data = { token, counter: String(counter) };
    const answer = await client.call({
      method: { read: 'GET', create: 'POST', update: 'PUT' }[type] as 'GET' | 'POST' | 'PUT',
      path: type === 'create' ? this.#path : `${this.#path}/${name}`,
      ...(isWrite && {
        body: { metadata: { name, ...(base && { resourceVersion: String(rvOf(base)) }) }, data },
      }),
    });
    one.outcome = answer.fate;
    if (answer.fate === 'unknown') return { answer, one };
    one.endedMs = performance.now();
    if (answer.fate !== 'ok') return { answer, one };
    one.rv = rvOf(answer.body);
    if (isWrite) this.onWrite?.(one.begunMs, one.endedMs);
    else one.token = answer.body.data?.token ?? '';
    return { answer, one };
  }

  async #read(client: KubeClient): Promise<void> {
    while (!this.#stopped) {
      await this.#perform(client, `chaos-${this.#random.int(OBJECTS)}`, undefined, false);
      await delay(PAUSE_MS);
    }
  }

  /** Read, change, update: whoever was slower is refused, and begins anew from a new read. */
  async #write(): Promise<void> {
    const clients = this.#cluster.servers.map((server) => this.#client(server));
    let at = this.#random.int(clients.length);
    while (!this.#stopped) {
      const client = clients[at % clients.length] as KubeClient;
      const name = `chaos-${this.#random.int(OBJECTS)}`;
      const read = await this.#perform(client, name, undefined, false);
      const { fate, status, body } = read.answer;
      const isThere = fate === 'ok';
      if (!isThere && status !== 404) at += 1;
      else {
        const wrote = await this.#perform(client, name, isThere ? body : undefined, true);
        if (wrote.answer.fate === 'unknown') at += 1;
      }
      await delay(PAUSE_MS);
    }
  }

  /** A deployment gets a new template again and again; each must be rolled out. */
  async #roll(client: KubeClient): Promise<void> {
    const path = `/apis/apps/v1/namespaces/${this.#namespace}/deployments`;
    const labels = { app: 'chaos' };
    const spec = { containers: [{ name: 'main', image: IMAGE }] };
    const template = { metadata: { labels }, spec };
    const body = {
      metadata: { name: 'chaos' },
      spec: { replicas: REPLICAS, selector: { matchLabels: labels }, template },
    };
    await client.call({ method: 'POST', path, body });
    for (let revision = 1; !this.#stopped; revision += 1) {
      const begunMs = performance.now();
      const annotations = { revision: String(revision) };
      const patch = { spec: { template: { metadata: { annotations } } } };
      await client.call({ method: 'PATCH', path: `${path}/chaos`, body: patch });
      const endedMs = await this.#rolledOut(client, `${path}/chaos`);
      this.rollouts.push({ revision, begunMs, endedMs });
      await delay(ROLLOUT_PAUSE_MS);
    }
  }

  async #rolledOut(client: KubeClient, path: string): Promise<number | null> {
    const giveUpMs = performance.now() + LIMITS.rolloutMs;
    while (performance.now() < giveUpMs) {
      const { fate, body } = await client.call({ method: 'GET', path });
      const { metadata, status } = body;
      const isDone =
        fate === 'ok' &&
        status?.observedGeneration === metadata?.generation &&
        ['replicas', 'updatedReplicas', 'availableReplicas'].every((k) => status?.[k] === REPLICAS);
      if (isDone) return performance.now();
      await delay(PAUSE_MS * 5);
    }
    return null;
  }

  /** Ends the traffic, and waits for the informers. @returns what there was, and which informers were late */
  async finish(): Promise<{ records: KubeRecords; late: string[] }> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    this.#loops = [];
    const { servers } = this.#cluster;
    const door = this.#client(servers.at(-1) ?? '');
    const giveUpMs = performance.now() + LIMITS.watchersMs;
    let list = await door.call({ method: 'GET', path: this.#path });
    while (list.fate !== 'ok' && performance.now() < giveUpMs) {
      await delay(REOPEN_MS);
      list = await door.call({ method: 'GET', path: this.#path });
    }
    const finalRv = Math.max(0, ...(list.body.items ?? []).map(rvOf));
    const isLate = (server: string): boolean => (this.#reached.get(server) ?? 0) < finalRv;
    while (servers.some(isLate) && performance.now() < giveUpMs) await delay(PAUSE_MS);
    this.#closed = true;
    await door.call({ method: 'DELETE', path: `/api/v1/namespaces/${this.#namespace}` });
    const { requests, streams, rollouts } = this;
    return { records: { requests, streams, rollouts, finalRv }, late: servers.filter(isLate) };
  }
}

/** @returns undefined for anything that is no event, such as "410 Gone": a new list is due */
function eventOf(line: string): KubeEvent | undefined {
  let said: { type?: string; object?: KubeObject };
  try {
    said = JSON.parse(line);
  } catch {
    // A line that was cut off, or no answer of the API's at all.
    return undefined;
  }
  const { type, object = {} } = said;
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') return undefined;
  const { name = '' } = object.metadata ?? {};
  const { token = '', counter = '0' } = object.data ?? {};
  return { type, name, rv: rvOf(object), token, counter: Number(counter) };
}
