/** Brings claims and volumes together, and lets go of volumes whose claim is gone. */
import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  DEFAULT_STORAGE_CLASS,
  isNotFound,
  type KubeObject,
  newestDefault,
  type PersistentVolume,
  type PersistentVolumeClaim,
  storageClassOf,
} from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { sameJson } from '../objects/json.ts';
import { annotationsOf, isDeleting, keyOf, nameOf, uidOf } from '../objects/meta.ts';
import {
  type ClaimStep,
  decideClaim,
  decideVolume,
  failedToDelete,
  type Telling,
  type VolumeStep,
} from './decide.ts';

const CLAIM = 'claim ';
const VOLUME = 'volume ';
const PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
const OLD_PROVISIONER = 'volume.beta.kubernetes.io/storage-provisioner';

/** Deletes a directory of this machine with all that is in it; resolves as well when it is not there. */
export type RemoveTree = (path: string) => Promise<void>;

/** One worker: two claims must not be given the same volume on the same news. Writes are conditional besides. */
export function volumeBinder(deps: ControllerDeps, removeTree: RemoveTree): Controller {
  const { claims, volumes, storageClasses } = deps.informers;
  const binder = new Binder(deps, removeTree);
  return queueController({
    name: 'persistentvolume-binder-controller',
    queueName: 'claims',
    deps,
    concurrency: 1,
    needs: [claims, volumes, storageClasses],
    subscribe: (queue) => {
      const claimKey = (claim: PersistentVolumeClaim): string => CLAIM + keyOf(claim);
      const wakeOpen = (): void => {
        for (const claim of claims.list()) if (!isBound(claim)) queue.add(claimKey(claim));
      };
      const onClaim = (claim: PersistentVolumeClaim): void => {
        queue.add(claimKey(claim));
        const { volumeName } = claim.spec ?? {};
        if (volumeName) queue.add(VOLUME + volumeName);
      };
      const onVolume = (volume: PersistentVolume): void => {
        queue.add(VOLUME + nameOf(volume));
        const { claimRef } = volume.spec ?? {};
        if (claimRef) queue.add(`${CLAIM}${claimRef.namespace}/${claimRef.name}`);
        else wakeOpen();
      };
      const onGone = (claim: PersistentVolumeClaim): void => {
        for (const volume of volumes.list()) {
          if (volume.spec?.claimRef?.uid === uidOf(claim)) queue.add(VOLUME + nameOf(volume));
        }
      };
      return [
        claims.on({ add: onClaim, update: (_old, claim) => onClaim(claim), delete: onGone }),
        volumes.on({
          add: onVolume,
          update: (_old, volume) => onVolume(volume),
          delete: (volume) => {
            for (const claim of claims.list()) {
              if (claim.spec?.volumeName === nameOf(volume)) queue.add(claimKey(claim));
            }
          },
        }),
        storageClasses.on({ add: wakeOpen, update: wakeOpen }),
      ];
    },
    async reconcile(key) {
      try {
        if (key.startsWith(CLAIM)) await binder.claim(key.slice(CLAIM.length));
        else await binder.volume(key.slice(VOLUME.length));
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  });
}

const isBound = (claim: PersistentVolumeClaim): boolean =>
  annotationsOf(claim)[BIND_COMPLETED] !== undefined;

class Binder {
  readonly #deps: ControllerDeps;
  readonly #claims;
  readonly #volumes;
  readonly #recorder;
  readonly #removeTree: RemoveTree;

  constructor(deps: ControllerDeps, removeTree: RemoveTree) {
    this.#deps = deps;
    this.#removeTree = removeTree;
    this.#claims = deps.api.resource<PersistentVolumeClaim>('v1', 'persistentvolumeclaims');
    this.#volumes = deps.api.resource<PersistentVolume>('v1', 'persistentvolumes');
    this.#recorder = deps.recorder('persistentvolume-controller');
  }

  async claim(key: string): Promise<void> {
    const { claims, volumes, storageClasses } = this.#deps.informers;
    const claim = claims.get(key);
    if (claim === undefined) return;
    const classes = storageClasses.list();
    const step = decideClaim({
      claim,
      named: volumes.get(claim.spec?.volumeName ?? ''),
      volumes: volumes.list(),
      storageClass: classes.find((one) => nameOf(one) === storageClassOf(claim)),
      defaultClass: newestDefault(classes, DEFAULT_STORAGE_CLASS),
    });
    await this.#takeClaim(claim, step);
  }

  async #takeClaim(claim: PersistentVolumeClaim, step: ClaimStep): Promise<void> {
    switch (step.do) {
      case 'bind':
        return this.#bind(step.volume, claim);
      case 'setClass': {
        const spec = { ...claim.spec, storageClassName: step.name };
        await this.#claims.update({ ...claim, spec });
        return;
      }
      case 'lose':
        if (claim.status?.phase === 'Lost') return;
        await this.#claims.updateStatus({ ...claim, status: { ...claim.status, phase: 'Lost' } });
        this.#tell(claim, 'PersistentVolumeClaim', step.tell);
        return;
      case 'wait':
        this.#tell(claim, 'PersistentVolumeClaim', step.tell);
        return this.#wait(claim, step.provisioner);
    }
  }

  async #wait(claim: PersistentVolumeClaim, provisioner: string | undefined): Promise<void> {
    let next = claim;
    if (provisioner !== undefined && annotationsOf(claim)[PROVISIONER] !== provisioner) {
      const asked = { [PROVISIONER]: provisioner, [OLD_PROVISIONER]: provisioner };
      const annotations = { ...annotationsOf(claim), ...asked };
      next = await this.#claims.update({ ...claim, metadata: { ...claim.metadata, annotations } });
    }
    if (next.status?.phase === 'Pending' || isBound(next)) return;
    await this.#claims.updateStatus({ ...next, status: { ...next.status, phase: 'Pending' } });
  }

  /** In steps that each can be the last of a process: the next one goes on where this one ended. */
  async #bind(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    let kept = await this.#keep(volume, claim);
    if (kept.status?.phase !== 'Bound') {
      kept = await this.#volumes.updateStatus({ ...kept, status: { phase: 'Bound' } });
    }
    const joined = await this.#join(claim, kept);
    const { accessModes, capacity } = kept.spec ?? {};
    const status = { ...joined.status, phase: 'Bound', accessModes, capacity };
    if (!sameJson(status, joined.status)) await this.#claims.updateStatus({ ...joined, status });
  }

  /** The volume kept for the claim. */
  async #keep(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<PersistentVolume> {
    const before = volume.spec?.claimRef;
    if (before?.uid === uidOf(claim)) return volume;
    const { namespace, name, uid, resourceVersion } = claim.metadata;
    const claimRef = {
      ...{ kind: 'PersistentVolumeClaim', apiVersion: 'v1' },
      ...{ namespace, name, uid, resourceVersion },
    };
    const mark = before === undefined ? { [BOUND_BY_CONTROLLER]: 'yes' } : {};
    const annotations = { ...annotationsOf(volume), ...mark };
    const metadata = { ...volume.metadata, annotations };
    return this.#volumes.update({ ...volume, metadata, spec: { ...volume.spec, claimRef } });
  }

  /** The claim with its volume. */
  async #join(
    claim: PersistentVolumeClaim,
    volume: PersistentVolume,
  ): Promise<PersistentVolumeClaim> {
    const volumeName = nameOf(volume);
    if (isBound(claim) && claim.spec?.volumeName === volumeName) return claim;
    const mark = claim.spec?.volumeName ? {} : { [BOUND_BY_CONTROLLER]: 'yes' };
    const annotations = { ...annotationsOf(claim), ...mark, [BIND_COMPLETED]: 'yes' };
    const metadata = { ...claim.metadata, annotations };
    return this.#claims.update({ ...claim, metadata, spec: { ...claim.spec, volumeName } });
  }

  async volume(name: string): Promise<void> {
    const volume = this.#deps.informers.volumes.get(name);
    if (volume === undefined) return;
    const step = decideVolume(volume, await this.#claimOf(volume));
    await this.#takeVolume(volume, step);
  }

  /** Asked of the API itself when memory has none: a volume must not be let go on old news. */
  async #claimOf({ spec }: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
    const { namespace = '', name = '', uid } = spec?.claimRef ?? {};
    if (!uid) return undefined;
    const known = this.#deps.informers.claims.get(`${namespace}/${name}`);
    if (known?.metadata.uid === uid) return known;
    try {
      return await this.#claims.get(namespace, name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #takeVolume(volume: PersistentVolume, step: VolumeStep): Promise<void> {
    const current = step.forget ? await this.#forget(volume, step.forget) : volume;
    const { phase, remove } = step;
    if (phase !== undefined && current.status?.phase !== phase) {
      const message = step.tell?.message;
      const status = { phase, ...(message !== undefined && { message }) };
      await this.#volumes.updateStatus({ ...current, status });
      this.#tell(volume, 'PersistentVolume', step.tell);
    }
    // Said to be released before: what is still bound is not let go. Somebody else's deletion does not touch the data.
    if (remove !== undefined && !isDeleting(volume)) await this.#remove(volume, remove);
  }

  async #remove(volume: PersistentVolume, path: string): Promise<void> {
    try {
      await this.#removeTree(path);
    } catch (error) {
      await this.#takeVolume(volume, failedToDelete(errorMessage(error)));
      return;
    }
    const preconditions = { uid: uidOf(volume) };
    await this.#volumes.delete('', nameOf(volume), { preconditions }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }

  #forget(volume: PersistentVolume, what: 'claim' | 'uid'): Promise<PersistentVolume> {
    const { claimRef, ...spec } = volume.spec ?? {};
    const { uid: _uid, resourceVersion: _version, ...place } = claimRef ?? {};
    const { [BOUND_BY_CONTROLLER]: _mark, ...annotations } = annotationsOf(volume);
    const metadata = { ...volume.metadata, annotations };
    const rest = what === 'claim' ? spec : { ...spec, claimRef: place };
    return this.#volumes.update({ ...volume, metadata, spec: rest });
  }

  #tell(object: KubeObject, kind: string, telling: Telling | undefined): void {
    if (telling === undefined) return;
    const { type, reason, message } = telling;
    this.#recorder.event({ ...object, apiVersion: 'v1', kind }, type, reason, message);
  }
}
