/** A Deployment, its ReplicaSets and pods that become ready when told: enough to play rollouts. */
import type { Deployment, DeploymentSpec, ReplicaSet } from '@kubets/api';
import type { Action } from '../deployment/actions.ts';
import { decideDeployment } from '../deployment/decide.ts';
import { sizeOf } from '../deployment/view.ts';
import { annotationsOf, formatTime, nameOf } from '../objects/meta.ts';
import { deployment, NOW_MS } from './builders.ts';

interface SimulatedSet {
  /** Pods there are, and how many of them are available. */
  pods: number;
  available: number;
  /** Pods of this template never become available. */
  broken: boolean;
}

export class RolloutWorld {
  deployment: Deployment;
  nowMs = NOW_MS;
  /** Templates whose image is in here never become available. */
  readonly brokenImages = new Set<string>();
  readonly #sets = new Map<string, { rs: ReplicaSet; simulated: SimulatedSet }>();
  readonly log: string[] = [];

  constructor(spec: Partial<DeploymentSpec>) {
    this.deployment = deployment('web', spec);
  }

  get replicaSets(): ReplicaSet[] {
    return [...this.#sets.values()].map(({ rs }) => rs);
  }

  get totalPods(): number {
    return [...this.#sets.values()].reduce((sum, s) => sum + s.simulated.pods, 0);
  }

  get availablePods(): number {
    return [...this.#sets.values()].reduce((sum, s) => sum + s.simulated.available, 0);
  }

  /** Sizes by image, such as `{ v1: 3, v2: 1 }`. */
  sizes(): Record<string, number> {
    const sizes: Record<string, number> = {};
    for (const { rs } of this.#sets.values()) sizes[imageOf(rs)] = sizeOf(rs);
    return sizes;
  }

  set(image: string): ReplicaSet {
    const found = this.replicaSets.find((rs) => imageOf(rs) === image);
    if (!found) throw new Error(`no replica set runs ${image}`);
    return found;
  }

  edit(change: Partial<DeploymentSpec>): void {
    const { spec, metadata } = this.deployment;
    if (!spec) throw new Error('no spec');
    const generation = (metadata.generation ?? 0) + 1;
    const next = { ...spec, ...change };
    this.deployment = { ...this.deployment, metadata: { ...metadata, generation }, spec: next };
  }

  setImage(image: string): void {
    const template = structuredClone(this.deployment.spec?.template) ?? { metadata: {} };
    template.spec = { containers: [{ name: 'c', image }] };
    this.edit({ template });
  }

  /** One pass of the controller. @returns whether it did anything but status */
  reconcile(): boolean {
    const plan = decideDeployment({
      deployment: this.deployment,
      replicaSets: this.replicaSets,
      podsOf: () => [],
      nowMs: this.nowMs,
    });
    for (const action of plan.actions) this.#apply(action);
    return plan.actions.some((action) => action.type !== 'status');
  }

  /** One pass of the ReplicaSet controller: pods follow sizes, `ready` of the new ones get ready. */
  runPods(ready = Number.POSITIVE_INFINITY): void {
    let left = ready;
    for (const entry of this.#sets.values()) {
      const { simulated: s } = entry;
      s.pods = sizeOf(entry.rs);
      s.available = Math.min(s.available, s.pods);
      const gain = s.broken ? 0 : Math.min(left, s.pods - s.available);
      s.available += gain;
      left -= gain;
      entry.rs = {
        ...entry.rs,
        status: {
          replicas: s.pods,
          readyReplicas: s.available,
          availableReplicas: s.available,
          observedGeneration: entry.rs.metadata.generation ?? 0,
        },
      };
    }
  }

  /** Reconciles and runs pods until nothing changes. @returns the sizes after each step */
  settle(options: { ready?: number; check?: () => void } = {}): Record<string, number>[] {
    const steps: Record<string, number>[] = [];
    for (let round = 0; round < 500; round++) {
      const before = JSON.stringify([this.replicaSets, this.deployment.status]);
      this.nowMs += 1000;
      if (this.reconcile()) steps.push(this.sizes());
      options.check?.();
      this.runPods(options.ready);
      options.check?.();
      if (JSON.stringify([this.replicaSets, this.deployment.status]) === before) return steps;
    }
    throw new Error('the rollout does not settle');
  }

  progressing(): { status: string; reason: string; message: string } | undefined {
    const found = this.deployment.status?.conditions?.find((c) => c.type === 'Progressing');
    return (
      found && { status: found.status, reason: found.reason ?? '', message: found.message ?? '' }
    );
  }

  #apply(action: Action): void {
    switch (action.type) {
      case 'create': {
        const rs = structuredClone(action.replicaSet);
        const name = nameOf(rs);
        if (this.#sets.has(name)) throw new Error(`${name} exists`);
        rs.metadata.uid = `uid-of-${name}`;
        rs.metadata.generation = 1;
        rs.metadata.creationTimestamp = formatTime(this.nowMs);
        const broken = this.brokenImages.has(imageOf(rs));
        this.#sets.set(name, { rs, simulated: { pods: 0, available: 0, broken } });
        this.log.push(`create ${imageOf(rs)} ${sizeOf(rs)}`);
        return;
      }
      case 'update':
        this.#update(action.from, action.to);
        return;
      case 'delete':
        this.#sets.delete(nameOf(action.replicaSet));
        this.log.push(`delete ${imageOf(action.replicaSet)}`);
        return;
      case 'annotate': {
        const annotations = { ...annotationsOf(this.deployment), ...action.annotations };
        const metadata = { ...this.deployment.metadata, annotations };
        this.deployment = { ...this.deployment, metadata };
        return;
      }
      case 'status':
        this.deployment = { ...this.deployment, status: action.status };
        return;
    }
  }

  #update(from: ReplicaSet, to: ReplicaSet): void {
    const entry = this.#sets.get(nameOf(from));
    if (!entry || entry.rs !== from) throw new Error('update of a stale replica set');
    const bumped = sizeOf(from) === sizeOf(to) ? 0 : 1;
    const generation = (from.metadata.generation ?? 0) + bumped;
    entry.rs = { ...to, metadata: { ...to.metadata, generation } };
    if (bumped) this.log.push(`${imageOf(to)} ${sizeOf(from)} -> ${sizeOf(to)}`);
  }
}

export const imageOf = (rs: ReplicaSet): string =>
  rs.spec?.template?.spec?.containers[0]?.image ?? '';
