import type { Container, Pod } from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import { containerSpec, SecurityError } from '../core/container-spec.ts';
import type { DownwardFacts } from '../core/downward.ts';
import type { ContainerStart } from '../core/plan.ts';
import {
  ephemeralContainers,
  graceSecondsOf,
  initContainers,
  podText,
  uidOf,
} from '../core/pod.ts';
import { durationText } from '../core/time.ts';
import { RuntimeFault, StartFault, VolumeFault } from '../errors.ts';
import type {
  ContainerMount,
  ContainerSpec,
  ImageInfo,
  RuntimeSandbox,
  SandboxSpec,
} from '../ports.ts';
import { resolveEnv } from './container-env.ts';
import type { PodDeps } from './deps.ts';
import { HookFault, runHook } from './hooks.ts';
import type { ContainerType } from './kubelet-figures.ts';

export interface StartRequest {
  readonly pod: Pod;
  readonly item: ContainerStart;
  readonly sandbox: RuntimeSandbox;
  readonly sandboxSpec: SandboxSpec;
  readonly podIps: readonly string[];
  /** Id of the container the new one shares its processes with. */
  readonly pidOf?: string;
  readonly volumes: ReadonlyMap<string, string>;
  /** Aborted when the pod is to go. */
  readonly signal: AbortSignal;
}

const HOOK_LIMIT_MS = 600_000;

function typeOf(pod: Pod, { name }: Container): ContainerType {
  const isNamed = (one: { name: string }): boolean => one.name === name;
  if (initContainers(pod).some(isNamed)) return 'init_container';
  return ephemeralContainers(pod).some(isNamed) ? 'ephemeral_container' : 'container';
}

/** Brings one container up: back-off, image, environment, files, create, start, postStart. */
export class ContainerStarter {
  readonly #deps: PodDeps;

  constructor(deps: PodDeps) {
    this.#deps = deps;
  }

  /** @throws StartFault: why the container is not running; it is tried again later */
  async start(request: StartRequest): Promise<void> {
    const { pod, item, signal } = request;
    this.#checkCrashes(request);
    const { figures } = this.#deps;
    const type = typeOf(pod, item.container);
    try {
      const image = await this.#deps.images.ensure(pod, item.container, signal);
      const { spec } = await this.#prepare(request, image);
      const id = await this.#create(request, spec);
      await this.#run(request, id);
      figures?.containerStarted(type);
    } catch (error) {
      if (error instanceof StartFault) figures?.containerFailed(type, error.reason);
      throw error;
    }
  }

  /** How long a container that just failed to start has to wait, by its back-offs. */
  waitMs(pod: Pod, item: ContainerStart): number {
    const { crashes, images, clock } = this.#deps;
    const { previous, container } = item;
    const key = `${uidOf(pod)}/${container.name}`;
    const crashed = previous?.phase === 'exited';
    const crashMs = crashed ? crashes.remainingMs(key, previous.finishedAtMs, clock.now()) : 0;
    return Math.max(crashMs, images.remainingMs(pod, container));
  }

  #checkCrashes({ pod, item }: StartRequest): void {
    const { crashes, clock, events } = this.#deps;
    const { previous, container } = item;
    if (previous?.phase !== 'exited') return;
    const key = `${uidOf(pod)}/${container.name}`;
    const nowMs = clock.now();
    if (crashes.remainingMs(key, previous.finishedAtMs, nowMs) > 0) {
      const wait = durationText(crashes.waitMs(key));
      const who = `container=${container.name} pod=${podText(pod)}`;
      const text = `Back-off restarting failed container ${container.name} in pod ${podText(pod)}`;
      events.warn(pod, 'BackOff', text);
      throw new StartFault('CrashLoopBackOff', `back-off ${wait} restarting failed ${who}`);
    }
    crashes.next(key, previous.finishedAtMs, nowMs);
  }

  async #prepare(request: StartRequest, image: ImageInfo): Promise<{ spec: ContainerSpec }> {
    const { pod, item, podIps, volumes } = request;
    const { node, objects, services, files } = this.#deps;
    const { container } = item;
    const attempt = this.#attempt(request);
    const facts: DownwardFacts = {
      podIps,
      hostIps: node.ips,
      allocatable: {
        cpuMilli: node.cpuMilli,
        memoryBytes: node.memoryBytes,
        diskBytes: node.diskBytes,
      },
    };
    try {
      const sources = { objects, services: services() };
      const env = await resolveEnv(pod, container, sources, facts);
      const place = { pod, container, attempt, podIps, volumes, env };
      const mounts: ContainerMount[] = await files.prepareContainer(place);
      const own = { memoryCapacityBytes: node.memoryBytes, seccompDir: node.seccompDir };
      const shared = request.pidOf === undefined ? own : { ...own, pidOf: request.pidOf };
      return { spec: containerSpec(pod, container, { attempt, image, env, mounts, ...shared }) };
    } catch (error) {
      throw this.#configFault(pod, error);
    }
  }

  #configFault(pod: Pod, error: unknown): unknown {
    const expected =
      error instanceof StartFault || error instanceof SecurityError || error instanceof VolumeFault;
    if (!expected) return error;
    this.#deps.events.warn(pod, 'Failed', `Error: ${error.message}`);
    if (error instanceof StartFault) return error;
    return new StartFault('CreateContainerConfigError', error.message, { cause: error });
  }

  /** One more than the last run; after the runtime forgot everything, the API's count goes on. */
  #attempt({ pod, item }: StartRequest): number {
    const { previous, container } = item;
    if (previous !== undefined) return previous.attempt + (previous.phase === 'created' ? 0 : 1);
    const latest = this.#deps.statuses.latest(uidOf(pod)) ?? pod.status;
    const statuses = [
      ...(latest?.containerStatuses ?? []),
      ...(latest?.initContainerStatuses ?? []),
      ...(latest?.ephemeralContainerStatuses ?? []),
    ];
    const known = statuses.find((one) => one.name === container.name);
    const ranBefore = known?.lastState?.terminated ?? known?.state?.terminated;
    return ranBefore === undefined ? 0 : (known?.restartCount ?? 0);
  }

  async #create({ pod, item, sandbox, sandboxSpec }: StartRequest, spec: ContainerSpec) {
    const { runtime, events, slots } = this.#deps;
    const { previous, container } = item;
    try {
      // Created by a kubelet that died before it could start it.
      if (previous?.phase === 'created') await runtime.removeContainer(previous.id);
      const make = () => runtime.createContainer(sandbox.id, spec, sandboxSpec);
      const id = await slots.run(make);
      events.normal(pod, 'Created', `Created container: ${container.name}`);
      return id;
    } catch (error) {
      if (!(error instanceof RuntimeFault)) throw error;
      events.warn(pod, 'Failed', `Error: ${error.message}`);
      throw new StartFault('CreateContainerError', error.message, { cause: error });
    }
  }

  async #run(request: StartRequest, id: string): Promise<void> {
    const { runtime, events, slots } = this.#deps;
    const { pod, item } = request;
    try {
      await slots.run(() => runtime.startContainer(id));
    } catch (error) {
      if (!(error instanceof RuntimeFault)) throw error;
      events.warn(pod, 'Failed', `Error: ${error.message}`);
      throw new StartFault('RunContainerError', error.message, { cause: error });
    }
    events.normal(pod, 'Started', `Started container ${item.container.name}`);
    await this.#postStart(request, item.container, id);
  }

  async #postStart(request: StartRequest, container: Container, id: string): Promise<void> {
    const hook = container.lifecycle?.postStart;
    if (hook === undefined) return;
    const { runtime, clock, events } = this.#deps;
    const { pod, podIps } = request;
    try {
      const target = { container, containerId: id, podIp: podIps[0] ?? '' };
      await runHook(hook, target, { runtime, clock, timeoutMs: HOOK_LIMIT_MS });
    } catch (error) {
      if (!(error instanceof HookFault || error instanceof RuntimeFault)) throw error;
      const why = `PostStartHook failed: ${errorMessage(error)}`;
      // More people read events than the pod: what the hook printed is not for all of them.
      events.warn(pod, 'FailedPostStartHook', 'PostStartHook failed');
      await runtime.stopContainer(id, graceSecondsOf(pod));
      throw new StartFault('PostStartHookError', why, { cause: error });
    }
  }
}
