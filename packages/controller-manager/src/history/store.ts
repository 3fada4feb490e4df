import {
  type ControllerRevision,
  isAlreadyExists,
  isNotFound,
  type KubeObject,
  type PodTemplateSpec,
} from '@kubets/api';
import type { Informer, ResourceApi } from '@kubets/client';
import { StaleCacheError } from '../errors.ts';
import type { ControllerDeps } from '../host/controller.ts';
import { INDEX } from '../host/informers.ts';
import { sameJson } from '../objects/json.ts';
import { nameOf, namespaceOf, type OwnerKind, uidOf } from '../objects/meta.ts';
import { excessRevisions, planRevision } from './revisions.ts';

/** The template versions of one kind of owner, kept as ControllerRevisions. */
export class RevisionStore {
  readonly informer: Informer<ControllerRevision>;
  readonly #api: ResourceApi<ControllerRevision>;
  readonly #kind: OwnerKind;

  constructor(deps: ControllerDeps, kind: OwnerKind) {
    this.informer = deps.informers.controllerRevisions;
    this.#api = deps.api.resource<ControllerRevision>('apps/v1', 'controllerrevisions');
    this.#kind = kind;
  }

  of(owner: KubeObject): ControllerRevision[] {
    return this.informer.byIndex(INDEX.controller, uidOf(owner));
  }

  /**
   * The revision of the present template, written if it was not there.
   * @param onCollision told the next collision count when another template has the same hash
   */
  async ensure(
    owner: KubeObject,
    facts: { template: PodTemplateSpec; collisionCount: number | undefined },
    onCollision: (collisionCount: number) => Promise<void>,
  ): Promise<ControllerRevision> {
    const plan = planRevision(owner, this.#kind, { ...facts, revisions: this.of(owner) });
    if (plan.write === undefined) return plan.current;
    if (plan.write === 'renumber') return this.#api.update(plan.current);
    try {
      return await this.#api.create(plan.current);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const live = await this.#api.get(namespaceOf(owner), nameOf(plan.current));
    const isOurs = live.metadata.ownerReferences?.some((ref) => ref.uid === uidOf(owner));
    if (isOurs && sameJson(live.data, plan.current.data)) return live;
    await onCollision((facts.collisionCount ?? 0) + 1);
    throw new StaleCacheError(`revision name ${nameOf(plan.current)} is taken`);
  }

  /** Removes revisions past the limit that are not in use. */
  async prune(
    owner: KubeObject,
    inUse: (revision: ControllerRevision) => boolean,
    limit: number,
  ): Promise<void> {
    for (const revision of excessRevisions(this.of(owner), inUse, limit)) {
      try {
        const preconditions = { uid: uidOf(revision) };
        await this.#api.delete(namespaceOf(revision), nameOf(revision), { preconditions });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }
}
