import { createHash } from 'node:crypto';
import { resolve } from 'node:path';

/**
 * The name of a node's bridge: the same for the kubelet that configures it and the command that removes it, different for every
 * node on a machine, and within the kernel's 15 characters.
 * @param rootDir the kubelet's `--root-dir`
 */
export const nodeBridge = (rootDir: string): string =>
  `kb-${createHash('sha256').update(resolve(rootDir)).digest('hex').slice(0, 10)}`;
