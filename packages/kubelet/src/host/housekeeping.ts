import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Clock, errorCode, errorMessage, type Logger, type Timer } from '@kubets/platform';
import { DEAD_CONTAINERS_KEPT, HOUSEKEEPING_MS, LOG_MAX_BYTES, LOG_MAX_FILES } from '../limits.ts';
import type { ContainerRuntime, RuntimeContainer, RuntimePod } from '../ports.ts';

export interface HousekeepingOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly log: Logger;
  /** Pods that are being looked after; others are somebody's orphans and left alone here. */
  readonly isKnown: (podUid: string) => boolean;
}

/** Dead containers beyond those kept for `logs --previous`. */
export function removableContainers(pod: RuntimePod): RuntimeContainer[] {
  const seen = new Map<string, number>();
  const out: RuntimeContainer[] = [];
  pod.containers.forEach((container) => {
    const isNewest = !seen.has(container.name);
    const dead = seen.get(container.name) ?? 0;
    if (isNewest) {
      seen.set(container.name, 0);
    } else {
      seen.set(container.name, dead + 1);
      if (container.phase === 'exited' && dead >= DEAD_CONTAINERS_KEPT) out.push(container);
    }
  });
  return out;
}

/** Old sandboxes nothing hangs on any more. */
export function removableSandboxes(pod: RuntimePod, removed: ReadonlySet<string>): string[] {
  const [, ...older] = pod.sandboxes;
  const used = pod.containers.filter((one) => !removed.has(one.id)).map((one) => one.sandboxId);
  return older.filter((one) => !one.ready && !used.includes(one.id)).map((one) => one.id);
}

/** Rotated files of a log, oldest first. */
async function rotatedFiles(logPath: string): Promise<string[]> {
  const name = basename(logPath);
  const names = await readdir(dirname(logPath));
  const rotated = names.filter((one) => one.startsWith(`${name}.`)).sort();
  return rotated.map((one) => join(dirname(logPath), one));
}

/** Cleans up after containers, and keeps their logs within bounds. */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.setTimeout(() => void this.#round(), HOUSEKEEPING_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #round(): Promise<void> {
    try {
      await this.tidy();
    } catch (error) {
      this.#options.log.warn({ error: errorMessage(error) }, 'housekeeping failed');
    }
    if (!this.#stopped) this.start();
  }

  /** One pass over all pods. */
  async tidy(): Promise<void> {
    const { runtime, isKnown } = this.#options;
    for (const { uid } of await runtime.listPods()) {
      if (this.#stopped || !isKnown(uid)) continue;
      const pod = await runtime.inspectPod(uid);
      const removed = new Set<string>();
      for (const container of removableContainers(pod)) {
        await runtime.removeContainer(container.id);
        await this.#removeLogs(container.logPath);
        removed.add(container.id);
      }
      for (const id of removableSandboxes(pod, removed)) await runtime.removeSandbox(id);
      for (const container of pod.containers) {
        if (container.phase === 'running') await this.#rotate(container);
      }
    }
  }

  async #removeLogs(logPath: string): Promise<void> {
    if (logPath === '') return;
    await rm(logPath, { force: true });
  }

  async #rotate({ id, logPath }: RuntimeContainer): Promise<void> {
    if (logPath === '' || (await sizeOf(logPath)) < LOG_MAX_BYTES) return;
    const stamp = new Date(this.#options.clock.now()).toISOString().replace(/[-:.TZ]/g, '');
    await rename(logPath, `${logPath}.${stamp}`);
    await this.#options.runtime.reopenLog(id);
    const old = await rotatedFiles(logPath);
    for (const file of old.slice(0, Math.max(0, old.length - (LOG_MAX_FILES - 1)))) {
      await rm(file, { force: true });
    }
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0;
    throw error;
  }
}
