/** `kubets etcd snapshot save|status|restore`. */

import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ConfigError } from '@kubets/platform';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { importDatabase } from '../backup/import.ts';
import { restoreDataDir } from '../backup/restore.ts';
import { saveSnapshot } from '../backup/save.ts';
import { snapshotStatus, withSnapshot } from '../backup/snapshot-file.ts';
import { parseInitialCluster } from '../config.ts';
import { loadVault } from '../encryption/key-file.ts';
import type { Disk } from '../wal/disk.ts';
import { type ConnectFlags, type Connector, connectorOf, withConnection } from './connect.ts';
import type { Io } from './io.ts';
import { renderTable } from './table.ts';

const KIB = 1024;

function sizeText(bytes: number): string {
  return bytes < KIB * KIB
    ? `${(bytes / KIB).toFixed(0)} KiB`
    : `${(bytes / KIB / KIB).toFixed(1)} MiB`;
}

/** The member a snapshot is taken from: the one that was named, or any of this machine's cluster that answers. */
async function oneMember({ endpoints, isOwn, isAlive }: Connector): Promise<string> {
  const [first, ...others] = endpoints;
  if (first !== undefined && others.length === 0) return first;
  for (const one of isOwn ? endpoints : []) if (await isAlive([one])) return one;
  throw new ConfigError(
    isOwn
      ? `no member of this machine’s cluster answers (${endpoints.join(', ')})`
      : 'a snapshot is one member’s: give one of the --endpoints',
  );
}

async function save(file: string, flags: ConnectFlags, { io, disk }: Deps): Promise<void> {
  const connector = connectorOf(flags, io);
  const member = await oneMember(connector);
  const path = resolve(file);
  const bytes = await connector.run(
    (client) => saveSnapshot(disk, path, client.snapshot()),
    [member],
  );
  io.err(`${sizeText(bytes)} from ${member}\n`);
  io.out(`Snapshot saved at ${file}\n`);
}

type Format = 'simple' | 'table' | 'json';

async function status(file: string, format: Format, io: Io): Promise<void> {
  const found = await snapshotStatus(file);
  const { hash, revision, totalKey, totalSize } = found;
  const row = [hash.toString(16), String(revision), String(totalKey), sizeText(totalSize)];
  if (format === 'json') io.out(`${JSON.stringify(found)}\n`);
  else if (format === 'simple') io.out(`${row.join(', ')}\n`);
  else io.out(renderTable(['hash', 'revision', 'total keys', 'total size'], [row]));
}

interface RestoreFlags {
  readonly dataDir: string;
  readonly name: string;
  readonly initialCluster?: string;
  readonly initialClusterToken: string;
  readonly initialAdvertisePeerUrls: string;
  readonly bumpRevision: number;
  readonly markCompacted?: true;
  readonly skipHashCheck?: true;
  readonly encryptionKeyFile?: string;
}

async function restore(file: string, flags: RestoreFlags, { io, disk }: Deps): Promise<void> {
  const { name, initialAdvertisePeerUrls: peers, dataDir, bumpRevision } = flags;
  if (bumpRevision > 0 !== (flags.markCompacted === true)) {
    throw new ConfigError(
      '--bump-revision and --mark-compacted go together: revisions that are skipped have no history',
    );
  }
  if (existsSync(dataDir)) {
    throw new ConfigError(`${dataDir} exists; name a --data-dir that does not`);
  }
  const cluster = {
    name,
    peerUrls: peers.split(','),
    initialCluster: parseInitialCluster((flags.initialCluster ?? `${name}=${peers}`).split(',')),
    initialClusterToken: flags.initialClusterToken,
  };
  const keyFile = flags.encryptionKeyFile;
  const vault = keyFile === undefined ? undefined : loadVault(keyFile);
  const path = resolve(dataDir);
  // Half a directory must not be taken for a whole one.
  const unfinished = `${path}.part`;
  if (existsSync(unfinished)) {
    throw new ConfigError(`${unfinished} is left of an earlier try; remove it first`);
  }
  const mustHaveChecksum = flags.skipHashCheck !== true;
  const revision = await withSnapshot(file, { mustHaveChecksum }, (database) =>
    restoreDataDir({
      ...{ imported: importDatabase(database), cluster, disk, dataDir: unfinished, vault },
      skipRevisions: bumpRevision,
    }),
  );
  await disk.rename(unfinished, path);
  await disk.syncDir(dirname(path));
  io.err(
    `restored at revision ${revision}; restore every member of ${cluster.initialCluster.map((m) => m.name).join(', ')} from this file, then start them\n`,
  );
}

/** What the commands work with. */
export interface Deps {
  readonly io: Io;
  readonly disk: Disk;
}

function wholeNumber(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('It must be a whole number.');
}

function addRestore(snapshot: Command, deps: Deps): void {
  snapshot
    .command('restore <file>')
    .description(
      'make a data directory from a snapshot of this store or of a stock etcd; each member of the new cluster is given the same file',
    )
    .requiredOption('--data-dir <dir>', 'the directory to make; must not exist')
    .option('--name <name>', 'name of the member', 'default')
    .option('--initial-cluster <list>', 'NAME=URL,… of all members (default: this one alone)')
    .option('--initial-cluster-token <text>', 'as the members will be started with', 'etcd-cluster')
    .option(
      '--initial-advertise-peer-urls <list>',
      'where other members reach this one',
      'http://localhost:2380',
    )
    .addOption(
      new Option(
        '--bump-revision <n>',
        'go on this many revisions after the snapshot, so that no client sees time go back; needs --mark-compacted',
      )
        .argParser(wholeNumber)
        .default(0),
    )
    .option('--mark-compacted', 'give up the history, so that watchers start over')
    .option(
      '--encryption-key-file <file>',
      'encrypt the data directory with the first of these keys',
    )
    .option('--skip-hash-check', 'take a file without checksum, copied from a data directory')
    .action((file: string, flags: RestoreFlags) => restore(file, flags, deps));
}

/** Adds `snapshot` and what is under it. */
export function addSnapshot(program: Command, deps: Deps): void {
  const snapshot = program
    .command('snapshot')
    .description('save a member’s state to a file, look at one, make a data directory from one');
  withConnection(snapshot.command('save <file>'))
    .description('save the state of the member at the one endpoint; a stock etcd can restore it')
    .action((file: string, flags: ConnectFlags) => save(file, flags, deps));
  snapshot
    .command('status <file>')
    .description('hash, revision, keys and size of a snapshot')
    .addOption(
      new Option('-w, --write-out <format>', 'how to print')
        .choices(['simple', 'table', 'json'])
        .default('table'),
    )
    .action((file: string, { writeOut }: { writeOut: Format }) => status(file, writeOut, deps.io));
  addRestore(snapshot, deps);
}
