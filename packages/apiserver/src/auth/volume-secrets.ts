/** Which volumes a kubelet needs which secrets for. */
import type { PersistentVolume, PersistentVolumeSpec } from '@kubets/api';
import type { CacheChange, CacheView } from '../ports.ts';

interface SecretRef {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
}

/** Secrets that the node itself reads to use a volume. Those of controllers (publishing, growing) are none of its business. */
function secretsOf(spec: Partial<PersistentVolumeSpec>): SecretRef[] {
  const { azureFile, cephfs, cinder, csi, flexVolume, iscsi, rbd, scaleIO, storageos } = spec;
  const all = [
    azureFile && { name: azureFile.secretName, namespace: azureFile.secretNamespace },
    ...[cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos].map((one) => one?.secretRef),
    ...[csi?.nodeStageSecretRef, csi?.nodePublishSecretRef, csi?.nodeExpandSecretRef],
  ];
  return all.filter((ref) => ref !== undefined && ref !== null);
}

/** Volumes by the secrets they name. A secret without a namespace is one of the claim's. */
export class VolumeSecrets {
  readonly #volumes = new Map<string, Set<string>>();
  readonly #secrets = new Map<string, readonly string[]>();

  apply({ type, name, object }: Pick<CacheChange<PersistentVolume>, 'type' | 'name' | 'object'>) {
    for (const key of this.#secrets.get(name) ?? []) {
      const volumes = this.#volumes.get(key);
      volumes?.delete(name);
      if (volumes?.size === 0) this.#volumes.delete(key);
    }
    this.#secrets.delete(name);
    if (type === 'DELETED') return;
    const { spec = {} } = object;
    const claimed = spec.claimRef?.namespace ?? '';
    const keys = secretsOf(spec)
      .filter((ref) => ref.name)
      .map((ref) => `${ref.namespace || claimed}/${ref.name}`);
    if (keys.length === 0) return;
    this.#secrets.set(name, keys);
    for (const key of keys) {
      const volumes = this.#volumes.get(key) ?? new Set<string>();
      this.#volumes.set(key, volumes.add(name));
    }
  }

  /** Names of the volumes that need a secret. */
  of(namespace: string, name: string): Iterable<string> {
    return this.#volumes.get(`${namespace}/${name}`) ?? [];
  }
}

/** The index of a cache of volumes. */
export function watchVolumeSecrets(volumes: CacheView<PersistentVolume>): VolumeSecrets {
  const index = new VolumeSecrets();
  volumes.onChange((change) => index.apply(change));
  return index;
}
