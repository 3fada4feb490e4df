import {
  type Deployment,
  isAlreadyExists,
  isNotFound,
  labelSelectorOf,
  matchesLabels,
  type Pod,
  type ReplicaSet,
} from '@kubets/api';
import type { EventRecorder, Informer, ResourceApi } from '@kubets/client';
import { StaleCacheError } from '../errors.ts';
import { claim } from '../host/claims.ts';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { INDEX } from '../host/informers.ts';
import { OwnWrites } from '../host/own-writes.ts';
import { failureText, isNamespaceTerminating } from '../host/pod-control.ts';
import { EXPECTATION_TIMEOUT_MS, MAX_HASH_COLLISIONS } from '../limits.ts';
import { withCondition } from '../objects/conditions.ts';
import {
  controllerRefOf,
  isControlledBy,
  isDeleting,
  keyOf,
  labelsOf,
  nameOf,
  namespaceOf,
  uidOf,
} from '../objects/meta.ts';
import type { Action, Status } from './actions.ts';
import { decideDeployment } from './decide.ts';
import { DEPLOYMENT_KIND } from './replica-set.ts';
import { condition, deadlineMs, REASON } from './status.ts';
import { runsTemplateOf, sizeOf } from './view.ts';

/** Rolls Deployments out: ReplicaSets by template, sized step by step. */
export function deploymentController(deps: ControllerDeps): Controller {
  const loop = new DeploymentLoop(deps);
  const { deployments, replicaSets, pods } = deps.informers;
  return queueController({
    name: 'deployment-controller',
    queueName: 'deployment',
    deps,
    needs: [deployments, replicaSets, pods],
    subscribe: (queue) => loop.subscribe(queue),
    reconcile: (key, queue) => loop.reconcile(key, queue),
  });
}

class DeploymentLoop {
  readonly #deps: ControllerDeps;
  readonly #deployments: Informer<Deployment>;
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;
  readonly #deploymentApi: ResourceApi<Deployment>;
  readonly #replicaSetApi: ResourceApi<ReplicaSet>;
  readonly #events: EventRecorder;
  readonly #writes: OwnWrites;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#deployments = deps.informers.deployments;
    this.#replicaSets = deps.informers.replicaSets;
    this.#pods = deps.informers.pods;
    this.#deploymentApi = deps.api.resource<Deployment>('apps/v1', 'deployments');
    this.#replicaSetApi = deps.api.resource<ReplicaSet>('apps/v1', 'replicasets');
    this.#events = deps.recorder('deployment-controller');
    this.#writes = new OwnWrites(deps.clock);
  }

  subscribe(queue: KeyQueue): (() => void)[] {
    const enqueue = (d: Deployment): void => queue.add(keyOf(d));
    const offDeployments = this.#deployments.on({
      add: enqueue,
      update: (_old, d) => enqueue(d),
    });
    const offSets = this.#replicaSets.on({
      add: (rs) => this.#setChanged(rs, queue),
      update: (old, rs) => {
        if (controllerRefOf(old)?.uid !== controllerRefOf(rs)?.uid) this.#wakeOwner(old, queue);
        this.#setChanged(rs, queue);
      },
      delete: (rs) => {
        this.#writes.gone(`${namespaceOf(rs)}/${controllerRefOf(rs)?.name ?? ''}`, rs);
        this.#wakeOwner(rs, queue);
      },
    });
    // Recreate waits for the last old pod, which no ReplicaSet status shows once it is terminating.
    const offPods = this.#pods.on({ delete: (pod) => this.#podGone(pod, queue) });
    return [offDeployments, offSets, offPods];
  }

  async reconcile(key: string, queue: KeyQueue): Promise<void> {
    const deployment = this.#deployments.get(key);
    if (!deployment || deployment.spec === undefined) {
      this.#writes.forget(key);
      return;
    }
    if (!this.#writes.areVisible(key, (rs) => this.#replicaSets.get(rs))) {
      // The event that is missing brings the key back; the timer is for one that never comes.
      queue.addAfter(key, EXPECTATION_TIMEOUT_MS + 1000);
      return;
    }
    const replicaSets = await this.#claimSets(deployment);
    const plan = decideDeployment({
      deployment,
      replicaSets,
      podsOf: (rs) => this.#pods.byIndex(INDEX.controller, uidOf(rs)),
      nowMs: this.#deps.clock.now(),
    });
    for (const action of plan.actions) await this.#carryOut(action, deployment);
    if (plan.requeueAfterMs !== undefined) queue.addAfter(key, plan.requeueAfterMs);
  }

  #setChanged(rs: ReplicaSet, queue: KeyQueue): void {
    if (controllerRefOf(rs)) {
      this.#wakeOwner(rs, queue);
      return;
    }
    if (isDeleting(rs)) return;
    for (const d of this.#deployments.byIndex(INDEX.namespace, namespaceOf(rs))) {
      if (selects(d, rs)) queue.add(keyOf(d));
    }
  }

  #wakeOwner(rs: ReplicaSet, queue: KeyQueue): void {
    const ref = controllerRefOf(rs);
    if (ref?.kind === DEPLOYMENT_KIND.kind && ref.apiVersion === DEPLOYMENT_KIND.apiVersion) {
      queue.add(`${namespaceOf(rs)}/${ref.name}`);
    }
  }

  #podGone(pod: Pod, queue: KeyQueue): void {
    const ref = controllerRefOf(pod);
    if (ref?.kind !== 'ReplicaSet') return;
    const rs = this.#replicaSets.get(`${namespaceOf(pod)}/${ref.name}`);
    if (!rs || uidOf(rs) !== ref.uid) return;
    const d = this.#deployments.get(`${namespaceOf(pod)}/${controllerRefOf(rs)?.name ?? ''}`);
    if (d?.spec?.strategy?.type === 'Recreate') queue.add(keyOf(d));
  }

  async #claimSets(deployment: Deployment): Promise<ReplicaSet[]> {
    return claim<Deployment, ReplicaSet>({
      owner: deployment,
      kind: DEPLOYMENT_KIND,
      candidates: this.#replicaSets.byIndex(INDEX.namespace, namespaceOf(deployment)),
      selects: (rs) => selects(deployment, rs),
      owners: this.#deploymentApi,
      objects: this.#replicaSetApi,
    });
  }

  async #carryOut(action: Action, deployment: Deployment): Promise<void> {
    switch (action.type) {
      case 'create':
        return this.#create(action.replicaSet, deployment);
      case 'update':
        return this.#update(action.from, action.to, deployment);
      case 'delete':
        return this.#delete(action.replicaSet);
      case 'annotate':
        return this.#annotate(deployment, action.annotations);
      case 'status':
        return this.#writeStatus(deployment, action.status);
    }
  }

  async #create(replicaSet: ReplicaSet, deployment: Deployment): Promise<void> {
    try {
      const made = await this.#replicaSetApi.create(replicaSet);
      this.#writes.wrote(keyOf(deployment), made);
      this.#tellScaling(deployment, made, 0);
    } catch (error) {
      if (isAlreadyExists(error)) return this.#nameTaken(replicaSet, deployment);
      if (isNamespaceTerminating(error)) return;
      await this.#reportCreateError(deployment, error);
      throw error;
    }
  }

  /**
   * The name is made from the template, so its holder is either our own ReplicaSet the cache has not
   * shown yet, or another template with the same hash: then the collision count gives a new name.
   */
  async #nameTaken(wanted: ReplicaSet, deployment: Deployment): Promise<void> {
    const live = await this.#replicaSetApi.get(namespaceOf(wanted), nameOf(wanted));
    if (isControlledBy(live, deployment) && runsTemplateOf(live, deployment)) {
      throw new StaleCacheError(`replica set ${nameOf(live)} exists`);
    }
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    if (collisionCount > MAX_HASH_COLLISIONS) {
      throw new Error(`no free replica set name for ${keyOf(deployment)}`);
    }
    await this.#writeStatus(deployment, { ...deployment.status, collisionCount });
    throw new StaleCacheError(`template hash collides with ${nameOf(live)}`);
  }

  async #reportCreateError(deployment: Deployment, error: unknown): Promise<void> {
    const message = failureText(error);
    this.#events.event(
      { ...deployment, ...DEPLOYMENT_KIND },
      'Warning',
      REASON.createError,
      `Failed to create new replica set: ${message}`,
    );
    if (deadlineMs(deployment) === undefined) return;
    const nowMs = this.#deps.clock.now();
    const failed = condition('Progressing', 'False', {
      reason: REASON.createError,
      message,
      nowMs,
    });
    const conditions = withCondition(deployment.status?.conditions, failed);
    await this.#writeStatus(deployment, { ...deployment.status, conditions });
  }

  async #update(from: ReplicaSet, to: ReplicaSet, deployment: Deployment): Promise<void> {
    const made = await this.#replicaSetApi.update(to);
    this.#writes.wrote(keyOf(deployment), made);
    if (sizeOf(from) !== sizeOf(made)) this.#tellScaling(deployment, made, sizeOf(from));
  }

  async #delete(replicaSet: ReplicaSet): Promise<void> {
    const preconditions = { uid: uidOf(replicaSet) };
    try {
      await this.#replicaSetApi.delete(namespaceOf(replicaSet), nameOf(replicaSet), {
        preconditions,
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /**
   * A patch, as the user may be editing the Deployment at the same moment. It goes with the status: an
   * annotation written to the Deployment itself counts as a wish of its user and would raise the generation.
   */
  async #annotate(deployment: Deployment, annotations: Record<string, string>): Promise<void> {
    const body = { metadata: { uid: uidOf(deployment), annotations } };
    await this.#deploymentApi.patch(namespaceOf(deployment), nameOf(deployment), 'merge', body, {
      subresource: 'status',
    });
  }

  /**
   * A patch without a version: nobody else writes this status, and a pass that annotated the
   * Deployment before would otherwise conflict with itself. A status from a cache that was behind is
   * put right by the event it was behind of.
   */
  async #writeStatus(deployment: Deployment, status: Status): Promise<void> {
    const { uid, generation } = deployment.metadata;
    const stamped = { ...status, observedGeneration: generation ?? 0 };
    const body = { metadata: { uid }, status: stamped };
    try {
      await this.#deploymentApi.patch(namespaceOf(deployment), nameOf(deployment), 'merge', body, {
        subresource: 'status',
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #tellScaling(deployment: Deployment, rs: ReplicaSet, before: number): void {
    const after = sizeOf(rs);
    if (after === before) return;
    const direction = after > before ? 'up' : 'down';
    const message = `Scaled ${direction} replica set ${nameOf(rs)} from ${before} to ${after}`;
    this.#events.event(
      { ...deployment, ...DEPLOYMENT_KIND },
      'Normal',
      'ScalingReplicaSet',
      message,
    );
  }
}

function selects(deployment: Deployment, rs: ReplicaSet): boolean {
  const selector = deployment.spec?.selector;
  if (selector === undefined) return false;
  return matchesLabels(labelSelectorOf(selector), labelsOf(rs));
}
