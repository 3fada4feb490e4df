import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type EmptyDirVolumeSource,
  type HostPathVolumeSource,
  isNotFound,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type ProjectedVolumeSource,
  quantityBytes,
  type Volume,
} from '@kubets/api';
import type { Api } from '@kubets/client';
import { errorCode, errorMessage } from '@kubets/platform';
import { DownwardError, type DownwardFacts } from '../../core/downward.ts';
import {
  configMapPayload,
  downwardPayload,
  type Payload,
  PayloadError,
  type PayloadFile,
  type Selection,
  secretPayload,
  tokenFile,
} from '../../core/payload.ts';
import { nameOf, namespaceOf, specOf, uidOf } from '../../core/pod.ts';
import { VolumeFault } from '../../errors.ts';
import type { ClaimPlace, ObjectSource, PodVolumes } from '../../ports.ts';
import { mountsBelow } from '../mounts.ts';
import { isMountPoint, type MemoryFolder } from './memory-folder.ts';
import { writePayload } from './payload-writer.ts';
import type { PodTokens } from './tokens.ts';

const run = promisify(execFile);

export interface NodeVolumesOptions {
  readonly podsDir: string;
  /** Where secrets, tokens and what pods read of themselves lie. */
  readonly memory: Pick<MemoryFolder, 'path' | 'ensure'>;
  readonly api: Api;
  readonly objects: ObjectSource;
  readonly tokens: PodTokens;
  readonly facts: (pod: Pod) => DownwardFacts;
}

const SHARED_DIR = 0o777;
const GROUP_DIR = 0o2777;

interface ConfigLike {
  readonly items?: Selection['items'];
  readonly optional?: boolean | undefined;
}

const selectionOf = (source: ConfigLike, defaultMode: number | undefined): Selection => ({
  items: source.items,
  defaultMode,
  optional: source.optional ?? false,
});

/** What paths of a type are called. */
const HOST_PATH_KINDS: Readonly<Record<string, string>> = {
  Directory: 'a directory',
  DirectoryOrCreate: 'a directory',
  File: 'a file',
  FileOrCreate: 'a file',
  Socket: 'a socket file',
  CharDevice: 'a character device',
  BlockDevice: 'a block device',
};

/** What a hostPath must be before it is mounted. */
async function checkHostPath({ path, type = '' }: HostPathVolumeSource): Promise<string> {
  if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 });
  if (type === 'FileOrCreate') await (await open(path, 'a')).close();
  if (type === '') return path;
  try {
    const found = await stat(path);
    const fits =
      (type.startsWith('Directory') && found.isDirectory()) ||
      (type.startsWith('File') && found.isFile()) ||
      (type === 'Socket' && found.isSocket()) ||
      (type === 'CharDevice' && found.isCharacterDevice()) ||
      (type === 'BlockDevice' && found.isBlockDevice());
    if (fits) return path;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  throw new VolumeFault(`hostPath type check failed: ${path} is not ${HOST_PATH_KINDS[type]}`);
}

/** Real volumes below the kubelet's root: `pods/UID/volumes/NAME`. */
export class NodeVolumes implements PodVolumes {
  readonly #options: NodeVolumesOptions;
  /** By the pods' uids. */
  readonly #claims = new Map<string, ClaimPlace[]>();

  constructor(options: NodeVolumesOptions) {
    this.#options = options;
  }

  async mount(pod: Pod): Promise<ReadonlyMap<string, string>> {
    const paths = new Map<string, string>();
    this.#claims.delete(uidOf(pod));
    for (const volume of specOf(pod).volumes ?? []) {
      try {
        paths.set(volume.name, await this.#mountOne(pod, volume));
      } catch (error) {
        const isExpected =
          error instanceof VolumeFault ||
          error instanceof PayloadError ||
          error instanceof DownwardError;
        if (isExpected || isSystem(error)) {
          const why = `MountVolume.SetUp failed for volume "${volume.name}" : ${errorMessage(error)}`;
          throw new VolumeFault(why, { cause: error });
        }
        throw error;
      }
    }
    return paths;
  }

  async unmount(podUid: string): Promise<void> {
    this.#claims.delete(podUid);
    this.#options.tokens.forget(podUid);
    const dir = this.#volumesDir(podUid);
    for (const point of mountsBelow(dir, await readFile('/proc/self/mountinfo', 'utf8'))) {
      await run('umount', [point]);
    }
    await rm(dir, { recursive: true, force: true });
    await rm(join(this.#options.memory.path, podUid), { recursive: true, force: true });
  }

  *claims(): Iterable<ClaimPlace> {
    for (const places of this.#claims.values()) yield* places;
  }

  async mounted(): Promise<string[]> {
    const { podsDir, memory } = this.#options;
    const found = await Promise.all([podsDir, memory.path].map(entriesOf));
    return [...new Set(found.flat())];
  }

  #volumesDir(podUid: string): string {
    return join(this.#options.podsDir, podUid, 'volumes');
  }

  async #mountOne(pod: Pod, volume: Volume): Promise<string> {
    const dir = join(this.#volumesDir(uidOf(pod)), volume.name);
    const gid = specOf(pod).securityContext?.fsGroup;
    if (volume.emptyDir !== undefined) return this.#emptyDir(dir, volume.emptyDir, gid);
    if (volume.hostPath !== undefined) return checkHostPath(volume.hostPath);
    if (volume.persistentVolumeClaim !== undefined) {
      return this.#claim(pod, volume.persistentVolumeClaim.claimName);
    }
    if (volume.ephemeral !== undefined) {
      return this.#claim(pod, `${nameOf(pod)}-${volume.name}`);
    }
    const payload = await this.#payload(pod, volume);
    if (payload === undefined) {
      throw new VolumeFault(`volume "${volume.name}" is of a kind this node cannot mount`);
    }
    const place = await this.#placeOf(pod, volume, dir);
    await writePayload(place, payload, gid);
    return place;
  }

  /** ConfigMaps may lie on the disk, and so may what a kubelet before this one has put there for a pod that runs. */
  async #placeOf(pod: Pod, volume: Volume, dir: string): Promise<string> {
    if (volume.configMap !== undefined || (await exists(dir))) return dir;
    const { memory } = this.#options;
    await memory.ensure();
    return join(memory.path, uidOf(pod), volume.name);
  }

  async #emptyDir(
    dir: string,
    source: EmptyDirVolumeSource,
    gid: number | undefined,
  ): Promise<string> {
    await mkdir(dir, { recursive: true });
    if (source.medium === 'Memory' && !(await isMountPoint(dir))) {
      const size =
        source.sizeLimit === undefined ? [] : [`size=${quantityBytes(source.sizeLimit)}`];
      const options = size.length === 0 ? [] : ['-o', size.join(',')];
      await run('mount', ['-t', 'tmpfs', ...options, 'tmpfs', dir]);
    }
    if (gid !== undefined) await chown(dir, 0, gid);
    await chmod(dir, gid === undefined ? SHARED_DIR : GROUP_DIR);
    return dir;
  }

  async #payload(pod: Pod, volume: Volume): Promise<Payload | undefined> {
    const { objects, facts } = this.#options;
    const namespace = namespaceOf(pod);
    const { configMap, secret, downwardAPI, projected } = volume;
    if (configMap !== undefined) {
      const name = configMap.name ?? '';
      const selection = selectionOf(configMap, configMap.defaultMode);
      return configMapPayload(name, await objects.configMap(namespace, name), selection);
    }
    if (secret !== undefined) {
      const name = secret.secretName ?? '';
      const selection = selectionOf(secret, secret.defaultMode);
      return secretPayload(name, await objects.secret(namespace, name), selection);
    }
    if (downwardAPI !== undefined) {
      const { items = [], defaultMode } = downwardAPI;
      return downwardPayload(pod, items, defaultMode, facts(pod));
    }
    return projected === undefined ? undefined : this.#projected(pod, projected);
  }

  async #projected(pod: Pod, source: ProjectedVolumeSource): Promise<Payload> {
    const { objects, tokens, facts } = this.#options;
    const namespace = namespaceOf(pod);
    const mode = source.defaultMode;
    const files = new Map<string, PayloadFile>();
    for (const part of source.sources ?? []) {
      const { configMap, secret, downwardAPI, serviceAccountToken } = part;
      const payloads: Payload[] = [];
      if (configMap !== undefined) {
        const name = configMap.name ?? '';
        const map = await objects.configMap(namespace, name);
        payloads.push(configMapPayload(name, map, selectionOf(configMap, mode)));
      }
      if (secret !== undefined) {
        const name = secret.name ?? '';
        const found = await objects.secret(namespace, name);
        payloads.push(secretPayload(name, found, selectionOf(secret, mode)));
      }
      if (downwardAPI !== undefined) {
        payloads.push(downwardPayload(pod, downwardAPI.items ?? [], mode, facts(pod)));
      }
      for (const payload of payloads) for (const [path, file] of payload) files.set(path, file);
      if (serviceAccountToken !== undefined) {
        const token = await tokens.token(pod, serviceAccountToken);
        files.set(serviceAccountToken.path, tokenFile(pod, token, mode));
      }
    }
    return files;
  }

  #noteClaim(pod: Pod, claim: string, path: string): void {
    const places = this.#claims.get(uidOf(pod)) ?? [];
    this.#claims.set(uidOf(pod), [...places, { namespace: namespaceOf(pod), claim, path }]);
  }

  /** A claim leads to a volume; volumes that are folders of this node can be used as they are. */
  async #claim(pod: Pod, claimName: string): Promise<string> {
    const { api } = this.#options;
    const claims = api.resource<PersistentVolumeClaim>('v1', 'persistentvolumeclaims');
    const volumes = api.resource<PersistentVolume>('v1', 'persistentvolumes');
    try {
      const claim = await claims.get(namespaceOf(pod), claimName);
      const name = claim.spec?.volumeName;
      if (!name) throw new VolumeFault(`persistentvolumeclaim "${claimName}" is not bound`);
      const { hostPath, local } = (await volumes.get('', name)).spec ?? {};
      if (hostPath !== undefined) return await checkHostPath(hostPath);
      if (local !== undefined) {
        this.#noteClaim(pod, claimName, local.path);
        return local.path;
      }
      throw new VolumeFault(`volume "${name}" is of a kind this node cannot mount`);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      throw new VolumeFault(`persistentvolumeclaim "${claimName}" or its volume not found`);
    }
  }
}

const isSystem = (error: unknown): boolean => errorCode(error) !== undefined;

/** What is in a folder; nothing when there is none. */
async function entriesOf(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
