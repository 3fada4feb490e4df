/** Gives pods their volumes before they get their node. */
import {
  BOUND_BY_CONTROLLER,
  type PersistentVolume,
  type PersistentVolumeClaim,
  SELECTED_NODE,
} from '@kubets/api';
import type { Api, ResourceApi } from '@kubets/client';
import type { Clock } from '@kubets/platform';
import type { ClusterState } from '../core/cluster-state.ts';
import type { PodInfo } from '../core/pod-info.ts';
import { claimsOf, planFor, type VolumePlan } from '../core/volumes.ts';
import { isTaken } from '../filters/volume-binding.ts';

const FAILED = 'running PreBind plugin "VolumeBinding": binding volumes';

/** Volumes set aside for a pod on a node. */
export interface Reservation extends VolumePlan {
  readonly node: string;
}

export class VolumeBinder {
  readonly #volumes: ResourceApi<PersistentVolume>;
  readonly #claims: ResourceApi<PersistentVolumeClaim>;
  readonly #state: ClusterState;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();

  readonly #waitMs: number;

  /** @param o.waitMs how long a pod waits for its claims */
  constructor(o: { api: Api; state: ClusterState; clock: Clock; waitMs: number }) {
    const { api, state, clock } = o;
    this.#waitMs = o.waitMs;
    this.#volumes = api.resource<PersistentVolume>('v1', 'persistentvolumes');
    this.#claims = api.resource<PersistentVolumeClaim>('v1', 'persistentvolumeclaims');
    this.#state = state;
    this.#clock = clock;
  }

  /** Sets aside what a pod needs on the node chosen for it; undefined when nothing is left to do. */
  reserve(pod: PodInfo, node: string): Reservation | undefined {
    const { volumes, assumedVolumes, table } = this.#state;
    const claims = pod.hasClaims ? claimsOf(pod, volumes) : '';
    const entry = table.byName(node);
    if (typeof claims === 'string' || entry === undefined) return undefined;
    const plan = planFor(claims, entry, volumes, isTaken(assumedVolumes));
    if (typeof plan === 'string' || plan.keep.length + plan.provision.length === 0)
      return undefined;
    for (const { volume, claim } of plan.keep) {
      assumedVolumes.set(volume.metadata.name ?? '', claim.metadata.uid ?? '');
    }
    return { ...plan, node };
  }

  /** Resolves once all claims have their volumes. @throws Error when that fails, or takes too long */
  async carryOut(reservation: Reservation): Promise<void> {
    const { keep, provision, node } = reservation;
    try {
      await Promise.all([
        ...keep.map(({ volume, claim }) => this.#keep(volume, claim)),
        ...provision.map((claim) => this.#askFor(claim, node)),
      ]);
      const all = [...keep.map(({ claim }) => claim), ...provision];
      await this.#bound(all, new Set(provision.map(uidOf)), node);
    } finally {
      for (const { volume } of keep) this.#state.assumedVolumes.delete(volume.metadata.name ?? '');
    }
  }

  /** Claims, volumes or classes changed: whoever waits looks again. */
  changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  async #keep(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const { name = '', resourceVersion } = volume.metadata;
    const { namespace, name: claimName, uid } = claim.metadata;
    const claimRef = {
      ...{ kind: 'PersistentVolumeClaim', apiVersion: 'v1' },
      ...{ namespace, name: claimName, uid },
    };
    const mark = volume.spec?.claimRef ? {} : { annotations: { [BOUND_BY_CONTROLLER]: 'yes' } };
    const body = { metadata: { resourceVersion, ...mark }, spec: { claimRef } };
    await this.#volumes.patch('', name, 'merge', body);
  }

  async #askFor(claim: PersistentVolumeClaim, node: string): Promise<void> {
    const { namespace = '', name = '', resourceVersion, annotations } = claim.metadata;
    if (annotations?.[SELECTED_NODE] === node) return;
    const body = { metadata: { resourceVersion, annotations: { [SELECTED_NODE]: node } } };
    await this.#claims.patch(namespace, name, 'merge', body);
  }

  #bound(
    claims: readonly PersistentVolumeClaim[],
    asked: ReadonlySet<string>,
    node: string,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (how: () => void): void => {
        timer.cancel();
        this.#waiting.delete(look);
        how();
      };
      const look = (): void => {
        const states = claims.map((claim) => this.#stateOf(claim, asked, node));
        if (states.includes('refused')) {
          end(() => reject(new Error(`${FAILED}: the claim or its choice of node went away`)));
        } else if (states.every((state) => state === 'bound')) end(resolve);
      };
      const timer = this.#clock.setTimeout(
        () => end(() => reject(new Error(`${FAILED}: context deadline exceeded`))),
        this.#waitMs,
      );
      this.#waiting.add(look);
      look();
    });
  }

  /** A provisioner that cannot serve a node takes its name off the claim again. */
  #stateOf(
    claim: PersistentVolumeClaim,
    asked: ReadonlySet<string>,
    node: string,
  ): 'bound' | 'open' | 'refused' {
    const { namespace, name } = claim.metadata;
    const now = this.#state.volumes.claims.get(`${namespace}/${name}`);
    if (now === undefined || uidOf(now) !== uidOf(claim)) return 'refused';
    if (now.status?.phase === 'Bound') return 'bound';
    const isOld = now.metadata.resourceVersion === claim.metadata.resourceVersion;
    const choice = now.metadata.annotations?.[SELECTED_NODE];
    return asked.has(uidOf(claim)) && !isOld && choice !== node ? 'refused' : 'open';
  }
}

const uidOf = ({ metadata }: PersistentVolumeClaim): string => metadata.uid ?? '';
