/** From a snapshot to a data directory: the first state of a new cluster, the same for each of its members. */

import { silentLogger, systemClock } from '@kubets/platform';
import type { Vault } from '../encryption/vault.ts';
import { foundCluster, type NewCluster } from '../host/found-cluster.ts';
import { createRestoredLog, restoredPosition } from '../host/restored-log.ts';
import { logDirOf, stateDirOf } from '../storage/data-dir.ts';
import { LevelStorage } from '../storage/level-storage.ts';
import type { Disk } from '../wal/disk.ts';
import type { ImportedState } from './import.ts';

export interface RestoreOptions {
  readonly imported: ImportedState;
  readonly cluster: NewCluster;
  /** Must not exist. */
  readonly dataDir: string;
  readonly disk: Disk;
  /**
   * Revisions the new cluster is ahead of the snapshot, and everything before given up as if compacted: watchers who have
   * seen more than the snapshot holds are told to start over instead of missing changes. 0: neither.
   */
  readonly skipRevisions: number;
  /** Encrypts what is written. */
  readonly vault?: Vault | undefined;
}

/** Writes the directory. @returns the revision the cluster will start with */
export async function restoreDataDir(options: RestoreOptions): Promise<number> {
  const { imported, cluster, dataDir, disk, skipRevisions } = options;
  const first = foundCluster(cluster);
  const { content, versionCount } = imported;
  const revision = content.revision + skipRevisions;
  const compactRevision = skipRevisions > 0 ? revision : content.compactRevision;
  const position = {
    ...restoredPosition(first.members),
    ...{ revision, compactRevision, versionCount },
  };
  await disk.makeDir(stateDirOf(dataDir));
  await writeState(options, { ...content, revision, compactRevision }, position);
  const [dir, clock] = [logDirOf(dataDir), systemClock];
  await createRestoredLog({ disk, dir, clock, log: silentLogger, vault: options.vault }, first);
  return revision;
}

async function writeState(
  { dataDir, vault }: RestoreOptions,
  ...state: Parameters<LevelStorage['replace']>
): Promise<void> {
  let failure: Error | undefined;
  const { storage } = await LevelStorage.open({
    dir: stateDirOf(dataDir),
    clock: systemClock,
    vault,
    onFailure: (error) => {
      failure = error;
    },
  });
  await storage.replace(...state);
  await storage.close();
  if (failure !== undefined) throw failure;
}
