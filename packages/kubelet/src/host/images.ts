import type { Container, Pod, Secret } from '@kubets/api';
import { type Clock, errorMessage } from '@kubets/platform';
import { FailureBackoff } from '../core/backoff.ts';
import { isImageReference, pullPolicyOf, registryOf, withTag } from '../core/image-name.ts';
import { namespaceOf, specOf, uidOf } from '../core/pod.ts';
import { registryAuth } from '../core/registry-auth.ts';
import { rpcText, StartFault, type StartFaultReason } from '../errors.ts';
import type { ContainerRuntime, ImageInfo, ObjectSource, RegistryAuth } from '../ports.ts';
import type { PodEvents } from './pod-events.ts';

export interface ImagesOptions {
  readonly runtime: ContainerRuntime;
  readonly objects: ObjectSource;
  readonly events: PodEvents;
  readonly clock: Clock;
}

const MS_PER_SECOND = 1_000;

/** The last try to pull an image for a pod. */
interface Failure {
  readonly atMs: number;
  readonly why: string;
}

/** Makes sure a container's image is on the node, by its pull policy. */
export class Images {
  readonly #options: ImagesOptions;
  readonly #backoff = new FailureBackoff();
  readonly #failures = new Map<string, Failure>();

  constructor(options: ImagesOptions) {
    this.#options = options;
  }

  /**
   * @param signal aborted when the pod goes: a pull under way is given up
   * @throws StartFault saying why there is no image
   */
  async ensure(pod: Pod, container: Container, signal: AbortSignal): Promise<ImageInfo> {
    const { events } = this.#options;
    const name = container.image ?? '';
    if (!isImageReference(name)) {
      const why = `Failed to apply default image tag "${name}": couldn't parse image name`;
      events.warn(pod, 'InspectFailed', why);
      throw this.#fault(pod, 'InvalidImageName', why);
    }
    const image = withTag(name);
    const policy = pullPolicyOf(container);
    const present = policy === 'Always' ? undefined : await this.#inspect(pod, image);
    if (present !== undefined) {
      events.normal(pod, 'Pulled', `Container image "${name}" already present on machine`);
      return present;
    }
    if (policy === 'Never') {
      const why = `Container image "${name}" is not present with pull policy of Never`;
      events.warn(pod, 'ErrImageNeverPull', why);
      throw this.#fault(pod, 'ErrImageNeverPull', why);
    }
    return this.#pull(pod, image, signal);
  }

  /** How long until the next pull of this pod's image may be tried. */
  remainingMs(pod: Pod, container: Container): number {
    const key = `${uidOf(pod)}/${withTag(container.image ?? '')}`;
    const failed = this.#failures.get(key);
    if (failed === undefined) return 0;
    return this.#backoff.remainingMs(key, failed.atMs, this.#options.clock.now());
  }

  forget(podUid: string): void {
    this.#backoff.forgetPrefix(`${podUid}/`);
    for (const key of this.#failures.keys()) {
      if (key.startsWith(`${podUid}/`)) this.#failures.delete(key);
    }
  }

  async #inspect(pod: Pod, image: string): Promise<ImageInfo | undefined> {
    try {
      return await this.#options.runtime.imageStatus(image);
    } catch (error) {
      const why = `Failed to inspect image "${image}": ${errorMessage(error)}`;
      this.#options.events.warn(pod, 'InspectFailed', why);
      throw this.#fault(pod, 'ImageInspectError', why, error);
    }
  }

  async #pull(pod: Pod, image: string, signal: AbortSignal): Promise<ImageInfo> {
    const { clock, events, runtime } = this.#options;
    const key = `${uidOf(pod)}/${image}`;
    const failed = this.#failures.get(key);
    if (failed !== undefined && this.#backoff.remainingMs(key, failed.atMs, clock.now()) > 0) {
      const why = `Back-off pulling image "${image}"`;
      events.normal(pod, 'BackOff', why);
      throw this.#fault(pod, 'ImagePullBackOff', `${why}: ErrImagePull: ${failed.why}`);
    }
    events.normal(pod, 'Pulling', `Pulling image "${image}"`);
    const startedMs = clock.monotonicMs();
    try {
      await runtime.pullImage(image, await this.#auth(pod, image), signal);
      const info = await runtime.imageStatus(image);
      if (info === undefined) throw new StartFault('ErrImagePull', `image "${image}" vanished`);
      this.#failures.delete(key);
      const took = ((clock.monotonicMs() - startedMs) / MS_PER_SECOND).toFixed(3);
      const text = `Successfully pulled image "${image}" in ${took}s (${took}s including waiting). Image size: ${info.sizeBytes} bytes.`;
      events.normal(pod, 'Pulled', text);
      return info;
    } catch (error) {
      const nowMs = clock.now();
      this.#backoff.next(key, nowMs, nowMs);
      const why = rpcText(error);
      this.#failures.set(key, { atMs: nowMs, why });
      events.warn(pod, 'Failed', `Failed to pull image "${image}": ${why}`);
      throw this.#fault(pod, 'ErrImagePull', why, error);
    }
  }

  /** Why a container does not start, told in an event besides. */
  #fault(pod: Pod, reason: StartFaultReason, why: string, cause?: unknown): StartFault {
    this.#options.events.warn(pod, 'Failed', `Error: ${reason}`);
    return new StartFault(reason, why, { cause });
  }

  async #auth(pod: Pod, image: string): Promise<RegistryAuth | undefined> {
    const secrets: Secret[] = [];
    for (const { name } of specOf(pod).imagePullSecrets ?? []) {
      const secret = await this.#options.objects.secret(namespaceOf(pod), name ?? '');
      if (secret !== undefined) secrets.push(secret);
    }
    return registryAuth(secrets, registryOf(image));
  }
}
