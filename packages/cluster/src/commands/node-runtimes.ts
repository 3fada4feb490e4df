/** The private containerd of every node: its files, its readiness, its images, its end. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type ContainerdOptions,
  containerdArgs,
  containerdConfig,
  containerdPaths,
  containerdReady,
  containerMounts,
  detectSnapshotter,
  ensurePauseImage,
  hasSysResource,
  importImage,
  nodeBridge,
  removeAllContainers,
  removeNodeTraces,
  shareNetnsDir,
} from '@kubets/kubelet';
import { delay, errorMessage, type Logger, systemClock } from '@kubets/platform';
import { StartError } from '../errors.ts';
import { makePrivateDir } from '../files.ts';
import { findCniDir, findProgram } from '../install/machine.ts';
import { limits } from '../limits.ts';
import type { ClusterPaths } from '../paths.ts';
import type { ContainerdPlan } from '../plan/processes.ts';
import { systemLauncher } from '../runtime/launcher.ts';
import { tailOf } from '../runtime/logs.ts';
import { lastWords } from '../supervisor/last-words.ts';

export class NodeRuntimes {
  readonly #paths: ClusterPaths;
  readonly #log: Logger;
  #snapshotter: 'overlayfs' | 'native' | undefined;

  constructor(paths: ClusterPaths, log: Logger) {
    this.#paths = paths;
    this.#log = log;
  }

  get plan(): ContainerdPlan {
    return {
      binary: findProgram('containerd') ?? 'containerd',
      args: (node) => containerdArgs(this.#options(node)),
      socket: (node) => containerdPaths(this.#options(node)).socket,
      cniConfDir: (node) => this.#options(node).cniConfDir,
      cniBinDir: findCniDir() ?? '/usr/lib/cni',
    };
  }

  /** Writes what each instance reads at its start. */
  prepare(nodes: readonly string[]): void {
    if (nodes.length > 0) shareNetnsDir();
    for (const node of nodes) {
      const options = this.#options(node);
      makePrivateDir(options.rootDir);
      makePrivateDir(options.runDir);
      mkdirSync(options.cniConfDir, { recursive: true });
      const { configFile } = containerdPaths(options);
      writeFileSync(configFile, containerdConfig(options), { mode: 0o600 });
    }
  }

  /** How to see that a process of ours serves; undefined for processes that are not containerd. */
  readiness(processName: string): (() => Promise<void>) | undefined {
    const node = /^containerd-(.+)$/.exec(processName)?.[1];
    if (node === undefined) return undefined;
    return async () => {
      const options = this.#options(node);
      if (!(await containerdReady(options))) throw new StartError('containerd does not answer yet');
      await ensurePauseImage(options);
    };
  }

  /** Loads a tar on every node; the names of the images it held. */
  async load(nodes: readonly string[], file: string): Promise<string[]> {
    const names = new Set<string>();
    for (const node of nodes) {
      for (const name of await importImage(this.#options(node), file)) names.add(name);
    }
    return [...names];
  }

  /** Nodes that were here, whatever the settings say of them now. */
  present(): string[] {
    const dir = dirname(this.#paths.nodeDir('any'));
    const names = existsSync(dir) ? readdirSync(dir) : [];
    return names.filter((node) => existsSync(containerdPaths(this.#options(node)).configFile));
  }

  /** Whether pods of them live, with their runtime or without. */
  hasContainers(nodes: readonly string[]): boolean {
    return nodes.some((node) => containerMounts(this.#options(node)).length > 0);
  }

  /**
   * Stops and removes every pod, and what the nodes have in the kernel. What a runtime does not do is done without it, and
   * said.
   */
  async removeContainers(nodes: readonly string[]): Promise<void> {
    for (const node of nodes) {
      const traces = {
        ...this.#options(node),
        bridge: nodeBridge(this.#kubeletDir(node)),
        podsDir: join(this.#kubeletDir(node), 'pods'),
      };
      try {
        const isAwake = await containerdReady(traces);
        if (!isAwake && this.hasContainers([node])) await this.#wake(node);
        if (await containerdReady(traces)) await removeAllContainers(traces);
        else await removeNodeTraces(traces);
      } catch (error) {
        this.#log.warn(
          { node, error: errorMessage(error) },
          'the runtime could not remove all containers; they were ended without it',
        );
        await removeNodeTraces(traces);
      }
    }
  }

  /**
   * Starts an instance that has ended while its pods live on: nothing else knows which addresses and rules they were given. It
   * ends with the cluster's other processes.
   */
  async #wake(node: string): Promise<void> {
    this.prepare([node]);
    makePrivateDir(this.#paths.logs);
    const name = `containerd-${node}`;
    const logFile = this.#paths.log(name);
    const { binary, args } = this.plan;
    const request = { name, command: binary, args: args(node), logFile };
    const child = systemLauncher(this.#paths.dataDir).launch(request);
    let hasEnded = false;
    void child.exited.then(() => {
      hasEnded = true;
    });
    const endMs = systemClock.monotonicMs() + limits.wakeTimeoutMs;
    while (!(await containerdReady(this.#options(node)))) {
      if (hasEnded || systemClock.monotonicMs() > endMs) {
        throw new StartError(`containerd does not start: ${lastWords(tailOf(logFile))}`);
      }
      await delay(limits.probeIntervalMs);
    }
  }

  /** Sockets and state of instances that have ended. */
  cleanUp(): void {
    rmSync(this.#paths.runDir, { recursive: true, force: true });
  }

  #kubeletDir(node: string): string {
    return join(this.#paths.nodeDir(node), 'kubelet');
  }

  #options(node: string): ContainerdOptions {
    const rootDir = this.#paths.nodeDir(node);
    this.#snapshotter ??= detectSnapshotter(this.#paths.dataDir);
    return {
      rootDir,
      runDir: join(this.#paths.runDir, node),
      cniConfDir: join(rootDir, 'cni'),
      cniBinDir: findCniDir() ?? '/usr/lib/cni',
      snapshotter: this.#snapshotter,
      restrictOomScoreAdj: !hasSysResource(),
    };
  }
}
