/** The private containerd of every node: its files, its readiness, its images, its end. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ContainerdOptions,
  containerdArgs,
  containerdConfig,
  containerdPaths,
  containerdReady,
  detectSnapshotter,
  ensurePauseImage,
  hasSysResource,
  importImage,
  nodeBridge,
  removeAllContainers,
  shareNetnsDir,
} from '@kubets/kubelet';
import { errorMessage, type Logger } from '@kubets/platform';
import { StartError } from '../errors.ts';
import { makePrivateDir } from '../files.ts';
import { findCniDir, findProgram } from '../install/machine.ts';
import type { ClusterPaths } from '../paths.ts';
import type { ContainerdPlan } from '../plan/processes.ts';

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

  /** Stops and removes every pod. A runtime that no longer answers is said so and left to {@link cleanUp}. */
  async removeContainers(nodes: readonly string[]): Promise<void> {
    for (const node of nodes) {
      try {
        await removeAllContainers({
          ...this.#options(node),
          bridge: nodeBridge(this.#kubeletDir(node)),
          podsDir: join(this.#kubeletDir(node), 'pods'),
        });
      } catch (error) {
        this.#log.warn({ node, error: errorMessage(error) }, 'could not remove all containers');
      }
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
