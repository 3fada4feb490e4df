/** A containerd of our own for tests: its folders, socket and bridge are made for it and go with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { delay } from '@kubets/platform';
import { cniConf, writeCniConf } from '../containerd/cni.ts';
import {
  type ContainerdOptions,
  containerdArgs,
  containerdConfig,
  containerdPaths,
} from '../containerd/config.ts';
import { detectSnapshotter, hasSysResource } from '../containerd/detect.ts';
import { shareNetnsDir } from '../containerd/netns-dir.ts';
import { removeAllContainers } from '../containerd/remove-all.ts';
import { containerdReady, ensurePauseImage } from '../containerd/tools.ts';
import type { NodeLayout } from '../layout.ts';

export interface PrivateContainerd {
  readonly options: ContainerdOptions;
  readonly endpoint: string;
  readonly dir: string;
  readonly bridge: string;
  readonly cgroupParent: string;
  /** @param node the names of a kubelet's own bridge and cgroup, to remove as well */
  stop(node?: Pick<NodeLayout, 'bridge' | 'cgroupParent'>): Promise<void>;
}

const READY_TRIES = 100;

async function waitReady(options: ContainerdOptions, child: ChildProcess, log: string) {
  for (let tries = 0; tries < READY_TRIES; tries++) {
    if (child.exitCode !== null) break;
    if (await containerdReady(options)) return;
    await delay(100);
  }
  throw new Error(`containerd did not start:\n${readFileSync(log, 'utf8').slice(-2_000)}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** @param podCidr a range nobody else on the machine uses; undefined: no network yet */
export async function startContainerd(podCidr: string | undefined): Promise<PrivateContainerd> {
  const dir = mkdtempSync(join(tmpdir(), 'kubets-cri-'));
  const id = basename(dir).slice(-6);
  const runDir = join('/run', `kubets-test-${id}`);
  mkdirSync(runDir, { recursive: true });
  const bridge = `kt-${id}`;
  const cgroupParent = `/kubets-test-${id}`;
  const cniConfDir = join(dir, 'cni');
  mkdirSync(cniConfDir);
  if (podCidr !== undefined) {
    writeCniConf(cniConfDir, cniConf({ bridge, podCidr, dataDir: join(dir, 'ipam') }));
  }
  const options: ContainerdOptions = {
    rootDir: dir,
    runDir,
    cniConfDir,
    cniBinDir: '/usr/lib/cni',
    snapshotter: detectSnapshotter(dir),
    restrictOomScoreAdj: !hasSysResource(),
  };
  writeFileSync(containerdPaths(options).configFile, containerdConfig(options));
  shareNetnsDir();
  const log = join(dir, 'containerd.log');
  const out = openSync(log, 'a');
  const child = spawn('containerd', containerdArgs(options), { stdio: ['ignore', out, out] });
  const stop: PrivateContainerd['stop'] = async (node = { bridge, cgroupParent }) => {
    try {
      if (child.exitCode === null) {
        await removeAllContainers({ ...options, ...node, graceSeconds: 0 });
      }
    } finally {
      await end(child);
      rmSync(runDir, { recursive: true, force: true });
      rmSync(dir, { recursive: true, force: true });
    }
  };
  try {
    await waitReady(options, child, log);
    await ensurePauseImage(options);
  } catch (error) {
    await stop();
    throw error;
  }
  const endpoint = `unix://${containerdPaths(options).socket}`;
  return { options, endpoint, dir, bridge, cgroupParent, stop };
}
