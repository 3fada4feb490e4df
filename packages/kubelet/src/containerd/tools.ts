/** Operations on a private containerd from outside the kubelet: whether it answers, images. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorMessage, silentLogger, systemClock } from '@kubets/platform';
import { CriRuntime } from '../cri/adapter.ts';
import { RuntimeFault } from '../errors.ts';
import { PAUSE_IMAGE, pauseArch, pauseImageTar } from '../pause/image.ts';
import type { ContainerdOptions } from './config.ts';
import { containerdPaths } from './config.ts';

const run = promisify(execFile);

/** CRI keeps its images and containers in this containerd namespace. */
const NAMESPACE = 'k8s.io';
const CTR_TIMEOUT_MS = 300_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

export type ContainerdAccess = Pick<ContainerdOptions, 'rootDir' | 'runDir' | 'snapshotter'>;

async function ctr(access: ContainerdAccess, args: readonly string[]): Promise<string> {
  const { socket } = containerdPaths(access);
  const all = ['--address', socket, '--namespace', NAMESPACE, ...args];
  const limits = { timeout: CTR_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES };
  try {
    return (await run('ctr', all, limits)).stdout;
  } catch (error) {
    const stderr = (error as { stderr?: string }).stderr?.trim() ?? '';
    const why = stderr === '' ? errorMessage(error) : stderr;
    throw new RuntimeFault(`ctr ${args.slice(0, 2).join(' ')}: ${why}`, { cause: error });
  }
}

/** A runtime on the instance's socket, for one-off work. */
export function criOf(access: ContainerdAccess): CriRuntime {
  const endpoint = `unix://${containerdPaths(access).socket}`;
  return new CriRuntime({ endpoint, clock: systemClock, log: silentLogger });
}

/** Names `ctr images import` reports, such as `docker.io/library/busybox:latest`. */
export function importedNames(output: string): string[] {
  const names = [...output.matchAll(/^(?:unpacking )?(\S+)(?: \(sha256:\w+\)|\s+saved)/gm)];
  return [...new Set(names.map((match) => match[1] ?? ''))].filter((name) => name !== '');
}

/**
 * Loads a docker-archive or OCI tar.
 * @returns the names of the images it held
 * @throws RuntimeFault with ctr's words when the file is no image or the instance does not answer
 */
export async function importImage(access: ContainerdAccess, tarPath: string): Promise<string[]> {
  const args = ['images', 'import', '--snapshotter', access.snapshotter, tarPath];
  return importedNames(await ctr(access, args));
}

/** Waits until the instance answers on its socket. */
export async function containerdReady(access: ContainerdAccess): Promise<boolean> {
  const cri = criOf(access);
  try {
    await cri.version();
    return true;
  } catch (error) {
    if (error instanceof RuntimeFault) return false;
    throw error;
  } finally {
    cri.close();
  }
}

/** Makes sure the sandbox image is there. */
export async function ensurePauseImage(access: ContainerdAccess): Promise<void> {
  const cri = criOf(access);
  try {
    if ((await cri.imageStatus(PAUSE_IMAGE)) !== undefined) return;
  } finally {
    cri.close();
  }
  const arch = pauseArch(process.arch);
  if (arch === undefined) throw new RuntimeFault(`no pause program for ${process.arch}`);
  const dir = mkdtempSync(join(tmpdir(), 'kubets-pause-'));
  try {
    const tar = join(dir, 'pause.tar');
    writeFileSync(tar, pauseImageTar(arch));
    await importImage(access, tar);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
