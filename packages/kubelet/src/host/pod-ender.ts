import { isConflict, isNotFound, type Pod } from '@kubets/api';
import type { ContainerKill, KillReason } from '../core/plan.ts';
import {
  graceSecondsOf,
  initContainers,
  isSidecar,
  mainContainers,
  nameOf,
  namespaceOf,
  specOf,
  uidOf,
} from '../core/pod.ts';
import type { RuntimeContainer, RuntimePod } from '../ports.ts';
import type { PodDeps } from './deps.ts';

const WHY: Readonly<Record<KillReason, (name: string) => string>> = {
  liveness: (name) => `Container ${name} failed liveness probe, will be restarted`,
  startup: (name) => `Container ${name} failed startup probe, will be restarted`,
  changed: (name) => `Container ${name} definition changed, will be restarted`,
  stray: (name) => `Container ${name} runs in a sandbox that is gone, will be restarted`,
};

/** Stops containers and sandboxes of one pod, and the pod as a whole. */
export class PodEnder {
  readonly #deps: PodDeps;
  /** Sandboxes of this pod that were stopped. */
  readonly #stopped = new Set<string>();

  constructor(deps: PodDeps) {
    this.#deps = deps;
  }

  /** Begins to stop one container that has to be restarted. */
  killUnhealthy(pod: Pod, runtime: RuntimePod, kill: ContainerKill): void {
    const { container, target, reason } = kill;
    if (this.#deps.killer.stopping(target.id)) return;
    const probe = reason === 'startup' ? container.startupProbe : container.livenessProbe;
    const byProbe = reason === 'liveness' || reason === 'startup';
    const own = byProbe ? probe?.terminationGracePeriodSeconds : undefined;
    const graceSeconds = own === undefined ? graceSecondsOf(pod) : Number(own);
    const why = WHY[reason](container.name);
    const podIp = runtime.sandboxes[0]?.ips[0] ?? '';
    this.#deps.killer.kill({ pod, container, target, graceSeconds, why, podIp });
  }

  /**
   * Begins to stop everything; sidecars last, in reverse order.
   * @returns whether everything has stopped, sandboxes included; if not, call again when a container has
   */
  async stopAll(pod: Pod, runtime: RuntimePod, graceSeconds: number): Promise<boolean> {
    const alive = runtime.containers.filter((one) => one.phase === 'running');
    for (const target of this.#nextToStop(pod, alive)) {
      this.#kill(pod, runtime, target, graceSeconds);
    }
    if (alive.length > 0) return false;
    // Also those that died by themselves: only stopping them gives their network back.
    for (const { id, ready } of runtime.sandboxes) {
      if (!ready && this.#stopped.has(id)) continue;
      await this.#deps.runtime.stopSandbox(id);
      this.#stopped.add(id);
    }
    return true;
  }

  /** Stops what hangs on sandboxes that cannot be used any more. @returns as stopAll */
  stopStale(pod: Pod, runtime: RuntimePod): Promise<boolean> {
    return this.stopAll(pod, runtime, graceSecondsOf(pod));
  }

  /** Gives back what the pod used, apart from its runtime objects and logs. */
  async release(pod: Pod): Promise<void> {
    const { prober, volumes, images, crashes } = this.#deps;
    const uid = uidOf(pod);
    prober.forgetPod(uid);
    images.forget(uid);
    crashes.forgetPrefix(`${uid}/`);
    await volumes.unmount(uid);
  }

  /** Removes containers, sandboxes and files of a pod nobody asks about any more. */
  async removeAll(pod: Pod, runtime: RuntimePod): Promise<void> {
    const { files, statuses } = this.#deps;
    for (const { id } of runtime.containers) await this.#deps.runtime.removeContainer(id);
    for (const { id } of runtime.sandboxes) {
      await this.#deps.runtime.stopSandbox(id);
      await this.#deps.runtime.removeSandbox(id);
    }
    const uid = uidOf(pod);
    await this.#deps.volumes.unmount(uid);
    await files.remove({ uid, name: nameOf(pod), namespace: namespaceOf(pod) });
    statuses.forget(uid);
  }

  /** Tells the API that the pod has stopped, so that its object can go. */
  async deleteFromApi(pod: Pod): Promise<void> {
    const pods = this.#deps.api.resource<Pod>('v1', 'pods');
    const preconditions = { uid: uidOf(pod) };
    try {
      await pods.delete(namespaceOf(pod), nameOf(pod), { gracePeriodSeconds: 0, preconditions });
    } catch (error) {
      // Gone already, or its name has passed on to another pod.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  #nextToStop(pod: Pod, alive: readonly RuntimeContainer[]): readonly RuntimeContainer[] {
    const sidecars = initContainers(pod).filter(isSidecar);
    const rank = (run: RuntimeContainer): number =>
      sidecars.findIndex((one) => one.name === run.name);
    const others = alive.filter((run) => rank(run) < 0);
    if (others.length > 0) return others;
    return [...alive].sort((a, b) => rank(b) - rank(a)).slice(0, 1);
  }

  #kill(pod: Pod, runtime: RuntimePod, target: RuntimeContainer, graceSeconds: number): void {
    const { killer, node } = this.#deps;
    const named = [...initContainers(pod), ...mainContainers(pod)];
    const container = named.find((one) => one.name === target.name);
    const why = `Stopping container ${target.name}`;
    const hostIp = specOf(pod).hostNetwork ? node.ips[0] : undefined;
    const podIp = hostIp ?? runtime.sandboxes[0]?.ips[0] ?? '';
    killer.kill({ pod, container, target, graceSeconds, why, podIp });
  }
}
