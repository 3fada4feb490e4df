/** `kubets etcd recover`: the quorum is lost for good, one member's data is left. */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError, silentLogger, systemRandom } from '@kubets/platform';
import type { Command } from 'commander';
import { copyDataDir } from '../backup/runtime/copy.ts';
import { messageType, type ProposalBatch } from '../codec/index.ts';
import { loadVault } from '../encryption/key-file.ts';
import type { Vault } from '../encryption/vault.ts';
import { DataDirLockedError } from '../host/errors.ts';
import { DEFAULT_NODE_LIMITS } from '../host/limits.ts';
import { recoverQuorum, type Survivor } from '../host/recover-quorum.ts';
import { LIMITS } from '../limits.ts';
import { logDirOf, stateDirOf } from '../storage/data-dir.ts';
import { LevelStorage } from '../storage/level-storage.ts';
import type { Deps } from './snapshot.ts';
import { hex } from './table.ts';

const BATCH = messageType<ProposalBatch>('kubets.etcd.v1.ProposalBatch');

interface RecoverFlags {
  readonly dataDir: string;
  readonly backup: boolean;
  readonly encryptionKeyFile?: string;
}

async function lock(dataDir: string, { disk }: Deps): Promise<() => Promise<void>> {
  try {
    return await disk.lock(dataDir);
  } catch (error) {
    if (!(error instanceof DataDirLockedError)) throw error;
    throw new ConfigError(`a member runs on ${dataDir}: stop it first`, { cause: error });
  }
}

/** How far the stored state has come. */
async function durableIndexOf(dataDir: string, vault: Vault | undefined, { io }: Deps) {
  const onFailure = (error: Error): void => io.err(`${error.message}\n`);
  const dir = stateDirOf(dataDir);
  const { storage } = await LevelStorage.open({ dir, clock: io.clock, vault, onFailure });
  await storage.close();
  return Number(storage.durableIndex());
}

/**
 * Lost members may have acknowledged writes this one has never heard of, and told watchers of them: their revisions must not come
 * again with something else in them.
 */
function skipEntry(term: number): Uint8Array {
  const skip = { revisions: BigInt(LIMITS.recoverSkipsRevisions) };
  return BATCH.encode({ proposals: [{ skip }], term: BigInt(term) });
}

async function turn(dataDir: string, file: string | undefined, deps: Deps): Promise<Survivor> {
  const { io, disk } = deps;
  const vault = file === undefined ? undefined : loadVault(file);
  const durableIndex = await durableIndexOf(dataDir, vault, deps);
  return recoverQuorum({
    ...{ disk, dir: logDirOf(dataDir), durableIndex, vault },
    ...{ limits: DEFAULT_NODE_LIMITS, random: systemRandom, clock: io.clock, log: silentLogger },
    lastEntry: skipEntry,
  });
}

function outcome({ self, removed }: Survivor): string {
  const gone = removed.map((m) => `  ${hex(m.id)} ${m.name} ${m.peerUrls.join(',')}\n`).join('');
  return `${self.name || hex(self.id)} is now the only member; no longer part of the cluster:\n${gone}`;
}

/** For whoever sits there, not for a program that goes on by itself: on standard error. */
const NEXT_STEPS =
  'Next:\n' +
  '  1. Make sure that none of those ever starts again: delete their data directories.\n' +
  '  2. Start this member with the flags it had.\n' +
  '  3. Add new members, one after the other: kubets etcd member add NAME --peer-urls URL --learner\n';

async function recover(flags: RecoverFlags, deps: Deps): Promise<void> {
  const { dataDir, backup, encryptionKeyFile } = flags;
  const { io } = deps;
  const path = resolve(dataDir);
  if (!existsSync(stateDirOf(path)) || !existsSync(logDirOf(path))) {
    throw new ConfigError(`${dataDir} is not the data directory of a member`);
  }
  const release = await lock(path, deps);
  try {
    if (backup) {
      const stamp = new Date(io.clock.now()).toISOString().replace(/[-:]|\.\d+/g, '');
      const copy = `${path}.before-recover-${stamp}`;
      await copyDataDir(path, copy);
      io.err(`what was there before is in ${copy}\n`);
    }
    io.out(outcome(await turn(path, encryptionKeyFile, deps)));
    io.err(NEXT_STEPS);
  } finally {
    await release();
  }
}

/** Adds `recover`. */
export function addRecover(program: Command, deps: Deps): void {
  program
    .command('recover')
    .description(
      'make a cluster of one member from a survivor, when more than half of the members are lost for good; everything it has on disk is kept. Of several survivors choose the one with the highest raft index',
    )
    .requiredOption('--data-dir <dir>', 'the survivor’s directory; it must not be running')
    .option('--encryption-key-file <file>', 'the keys of data that is encrypted')
    .option('--no-backup', 'do not keep a copy of the directory beside it')
    .action((flags: RecoverFlags) => recover(flags, deps));
}
