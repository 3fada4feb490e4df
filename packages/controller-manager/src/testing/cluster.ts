/** A cluster in memory: the fake API, controllers on it, and nodes that run whatever pods they get. */
import type { Event, KubeObject, Namespace, Node, Pod } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import type { Controller, ControllerDeps } from '../host/controller.ts';
import type { ControllerFigures } from '../host/figures.ts';
import { ControllerManager } from '../host/manager.ts';
import { formatTime, isDeleting, nameOf, namespaceOf } from '../objects/meta.ts';
import { isFinished, isReady } from '../objects/pods.ts';
import { NOW_MS } from './builders.ts';
import { LaggingApi } from './lagging-api.ts';

const RESOURCES: Record<string, string> = {
  pods: 'v1',
  nodes: 'v1',
  services: 'v1',
  endpoints: 'v1',
  namespaces: 'v1',
  configmaps: 'v1',
  secrets: 'v1',
  serviceaccounts: 'v1',
  replicationcontrollers: 'v1',
  events: 'v1',
  deployments: 'apps/v1',
  replicasets: 'apps/v1',
  daemonsets: 'apps/v1',
  statefulsets: 'apps/v1',
  controllerrevisions: 'apps/v1',
  persistentvolumeclaims: 'v1',
  persistentvolumes: 'v1',
  storageclasses: 'storage.k8s.io/v1',
  csidrivers: 'storage.k8s.io/v1',
  volumeattachments: 'storage.k8s.io/v1',
  resourcequotas: 'v1',
  cronjobs: 'batch/v1',
  poddisruptionbudgets: 'policy/v1',
  horizontalpodautoscalers: 'autoscaling/v2',
  jobs: 'batch/v1',
  leases: 'coordination.k8s.io/v1',
  endpointslices: 'discovery.k8s.io/v1',
  certificatesigningrequests: 'certificates.k8s.io/v1',
  customresourcedefinitions: 'apiextensions.k8s.io/v1',
  widgets: 'example.com/v1',
  apiservices: 'apiregistration.k8s.io/v1',
  things: 'far.io/v1',
  clusterroles: 'rbac.authorization.k8s.io/v1',
};

export type MakeControllers = (deps: ControllerDeps) => Controller[];

type Outcome = 'Succeeded' | 'Failed';

export interface ClusterOptions {
  controllers: MakeControllers;
  /** Deleted pods stay until their node confirms. */
  gracefulPods?: boolean;
  /** Watches deliver late and at different paces: caches are behind most of the time. */
  lagging?: boolean;
  seed?: number;
  /** Where the controllers count what they do. */
  figures?: ControllerFigures;
}

export class TestCluster {
  readonly clock = new ManualClock(NOW_MS);
  readonly api: FakeApi;
  /** Pods whose image is in here never become ready. */
  readonly brokenImages = new Set<string>();
  /** Pods of these images end as soon as they run; those without an outcome go on. */
  readonly outcomes = new Map<string, Outcome | ((pod: Pod) => Outcome | undefined)>();
  /** Nodes that do nothing: no pods run, no deletions are confirmed. */
  readonly deadNodes = new Set<string>();
  runsPods = true;
  readonly #options: ClusterOptions;
  readonly #lagging: LaggingApi | undefined;
  #manager: ControllerManager;
  #leading: AbortController | undefined;
  #nextIp = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const random = seededRandom(options.seed ?? 1);
    const gracefulPods = options.gracefulPods ?? false;
    this.api = new FakeApi({ clock: this.clock, random, gracefulPods });
    this.#lagging = options.lagging ? new LaggingApi(this.api, random) : undefined;
    this.#manager = this.#newManager();
    this.api.seed('v1', 'namespaces', namespace('default'));
  }

  /** Leadership begins; waits until all that follows has happened. */
  async start(): Promise<void> {
    this.#lead();
    await this.settle();
  }

  /** Leadership is lost in the middle of whatever is going on, and a process without memory takes over. */
  failover(): void {
    this.#leading?.abort();
    void this.#manager.end();
    this.#manager = this.#newManager();
    this.#lead();
  }

  async stop(): Promise<void> {
    this.#leading?.abort();
    await this.#manager.end();
  }

  #newManager(): ControllerManager {
    return new ControllerManager({
      api: this.#lagging ?? this.api,
      clock: this.clock,
      random: seededRandom((this.#options.seed ?? 1) + 1),
      log: silentLogger,
      controllers: this.#options.controllers,
      figures: this.#options.figures,
    });
  }

  #lead(): void {
    this.#leading = new AbortController();
    this.#manager.begin(this.#leading.signal);
  }

  async create<T extends KubeObject>(resource: string, object: T): Promise<T> {
    return this.api.resource<T>(groupVersion(resource), resource).create(object);
  }

  async change<T extends KubeObject>(resource: string, key: string, edit: (o: T) => void) {
    const object = structuredClone(this.get<T>(resource, key));
    edit(object);
    return this.api.resource<T>(groupVersion(resource), resource).update(object);
  }

  async delete(
    resource: string,
    key: string,
    propagationPolicy: 'Background' | 'Foreground' | 'Orphan' = 'Background',
  ): Promise<void> {
    const object = this.get(resource, key);
    const api = this.api.resource(groupVersion(resource), resource);
    await api.delete(namespaceOf(object), nameOf(object), { propagationPolicy });
  }

  list<T extends KubeObject = KubeObject>(resource: string): T[] {
    return this.api.objects<T>(groupVersion(resource), resource);
  }

  names(resource: string): string[] {
    return this.list(resource).map(nameOf).sort();
  }

  /** @throws Error when it is not there */
  get<T extends KubeObject = KubeObject>(resource: string, name: string): T {
    const found = this.list<T>(resource).find((object) => nameOf(object) === name);
    if (!found) throw new Error(`no ${resource} ${name}: ${this.names(resource).join(', ')}`);
    return found;
  }

  has(resource: string, name: string): boolean {
    return this.names(resource).includes(name);
  }

  events(): string[] {
    return this.list<Event>('events').map((e) => `${e.reason}: ${e.message}`);
  }

  /** One turn of everything: watch events arrive, pods run, a little time passes. */
  async turn(ms = 20): Promise<void> {
    await this.api.settle();
    if (this.runsPods) await this.#runPods();
    this.#lagging?.tick();
    this.clock.advance(ms);
    await this.api.settle();
  }

  /** Turns until two in a row change nothing. */
  async settle(): Promise<void> {
    let quiet = 0;
    for (let turns = 0; turns < 3000 && quiet < 3; turns++) {
      const before = this.#version();
      await this.turn();
      const still = this.#version() === before && (this.#lagging?.waiting ?? 0) === 0;
      quiet = still ? quiet + 1 : 0;
    }
    if (quiet < 3) throw new Error('the cluster does not settle');
  }

  /** Turns until the condition holds; time passes meanwhile. */
  async until(what: string, holds: () => boolean, ms = 50): Promise<void> {
    for (let turns = 0; turns < 600; turns++) {
      if (holds()) return;
      await this.turn(ms);
    }
    throw new Error(`never happened: ${what}`);
  }

  /** Lets time pass in steps, so that everything due on the way happens. */
  async pass(ms: number, stepMs = 1000): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) await this.turn(stepMs);
  }

  addNode(node: Node): void {
    this.api.seed('v1', 'nodes', node);
  }

  #version(): string {
    return Object.keys(RESOURCES)
      .filter((resource) => resource !== 'events')
      .map((r) =>
        this.list(r)
          .map((o) => `${nameOf(o)}@${o.metadata.resourceVersion}`)
          .join(),
      )
      .join(';');
  }

  async #end(pod: Pod, phase: Outcome): Promise<void> {
    const finishedAt = formatTime(this.clock.now());
    const terminated = { exitCode: phase === 'Succeeded' ? 0 : 1, finishedAt };
    const ended = { name: 'c', image: '', imageID: '', ready: false, restartCount: 0 };
    await this.api.resource<Pod>('v1', 'pods').updateStatus({
      ...pod,
      status: { phase, containerStatuses: [{ ...ended, state: { terminated } }] },
    });
  }

  /** What the nodes do: new pods get an address and become ready, deleted ones go. */
  async #runPods(): Promise<void> {
    const pods = this.api.resource<Pod>('v1', 'pods');
    for (const pod of this.list<Pod>('pods')) {
      if (this.deadNodes.has(pod.spec?.nodeName ?? '')) continue;
      if (isDeleting(pod)) {
        await pods.delete(namespaceOf(pod), nameOf(pod), { gracePeriodSeconds: 0 });
        continue;
      }
      const image = pod.spec?.containers[0]?.image ?? '';
      const known = this.outcomes.get(image);
      const outcome = typeof known === 'function' ? known(pod) : known;
      if (outcome !== undefined && !isFinished(pod)) {
        await this.#end(pod, outcome);
        continue;
      }
      const broken = this.brokenImages.has(image);
      if (isFinished(pod) || isReady(pod) || (pod.status?.podIP && broken)) continue;
      const ip = pod.status?.podIP ?? `10.244.0.${++this.#nextIp}`;
      await pods.updateStatus({
        ...pod,
        status: {
          phase: 'Running',
          podIP: ip,
          podIPs: [{ ip }],
          conditions: [
            {
              type: 'Ready',
              status: broken ? 'False' : 'True',
              lastTransitionTime: formatTime(this.clock.now()),
            },
          ],
        },
      });
    }
  }
}

function groupVersion(resource: string): string {
  const gv = RESOURCES[resource];
  if (gv === undefined) throw new Error(`test cluster: unknown resource ${resource}`);
  return gv;
}

export const namespace = (name: string): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
  spec: { finalizers: ['kubernetes'] },
  status: { phase: 'Active' },
});
