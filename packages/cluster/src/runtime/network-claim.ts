/**
 * One cluster with real containers a network namespace: all use the same pod and service ranges and the same names of packet
 * filter chains, so two at once would take each other's traffic.
 */
import { readlinkSync } from 'node:fs';
import { ConfigError } from '@kubets/platform';
import { readIfThere, replaceFile } from '../files.ts';
import { lockHolder, releaseLock } from './lock.ts';
import { startTimeOf } from './processes.ts';

const RUN_DIR = '/run';

/** The claim's file: `/run` may be shared between namespaces, the namespace's number tells them apart. */
export function claimFile(runDir: string = RUN_DIR): string {
  const inode = /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? '0';
  return `${runDir}/kubets-net-${inode}.claim`;
}

/**
 * Takes the network namespace for this process; a claim ends with the process that made it.
 * @returns what gives it back
 * @throws ConfigError when another cluster's supervisor holds it
 */
export function claimNetwork(dataDir: string, file: string = claimFile()): () => void {
  const holder = lockHolder(file);
  if (holder !== undefined && holder !== process.pid) {
    const other = readIfThere(file)?.trim().split(' ').slice(2).join(' ') ?? '';
    throw new ConfigError(
      `another cluster with real containers runs on this machine (${other}, pid ${holder}); ` +
        `stop it with "npx kubets down --data-dir ${other}", or start this one with --runtime simulated`,
    );
  }
  replaceFile(file, `${process.pid} ${startTimeOf(process.pid)} ${dataDir}\n`);
  return () => releaseLock(file);
}
