/** Opens a member for real: data directory, addresses, peers. What `main.ts` calls. */
import {
  type Clock,
  ConfigError,
  type Logger,
  type Random,
  type TlsMaterial,
} from '@kubets/platform';
import type { Vault } from '../encryption/vault.ts';
import type { StateMachine } from '../ports.ts';
import { logDirOf } from '../storage/data-dir.ts';
import { GrpcTransport } from '../transport/grpc-transport.ts';
import type { Disk } from '../wal/disk.ts';
import type { WalSync } from '../wal/wal.ts';
import { firstStart } from './first-start.ts';
import { DEFAULT_NODE_LIMITS, type NodeLimits } from './limits.ts';
import type { PeerAddress } from './ports.ts';
import { RaftNode } from './raft-node.ts';
import { openStorage } from './storage.ts';

export interface ConsensusOptions {
  /** The member's directory; the log goes to `wal/` in it. */
  readonly dataDir: string;
  readonly name: string;
  /** Where peers reach this member: one of `initialCluster`. */
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly listenPeerUrls: readonly string[];
  /** All members of the first start, this one included (`existing`: the members there are, and this one). */
  readonly initialCluster: readonly {
    readonly name: string;
    readonly peerUrls: readonly string[];
  }[];
  readonly initialClusterState: 'new' | 'existing';
  readonly initialClusterToken: string;
  readonly peerTls?: TlsMaterial | undefined;
  readonly peerClientCertAuth?: boolean;
  readonly stateMachine: StateMachine;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly limits?: Partial<NodeLimits>;
  /** Ends the process. Called at most once. */
  readonly onFatal: (err: unknown) => void;
  readonly onWalSync?: (sync: WalSync) => void;
  /** Encrypts the log. */
  readonly vault?: Vault | undefined;
  /** Gives up waiting for peers. */
  readonly signal?: AbortSignal;
}

/**
 * Opens the data directory, starts or restarts the member and lets it take part. The state machine must be open.
 * @throws DataDirLockedError, CorruptLogError, DataDirMismatchError, ConfigError
 */
export async function openConsensus(options: ConsensusOptions): Promise<RaftNode> {
  const { disk, dataDir, log, clock, random, peerUrls } = options;
  checkUrls(options);
  const undo: (() => Promise<void>)[] = [];
  try {
    await disk.makeDir(dataDir);
    undo.push(await disk.lock(dataDir));
    const { transport } = await GrpcTransport.listen({
      listenUrls: options.listenPeerUrls,
      tls: options.peerTls,
      requireClientCert: options.peerClientCertAuth ?? options.peerTls !== undefined,
      clock,
      random,
      log,
    });
    undo.push(() => transport.stop());
    const limits = { ...DEFAULT_NODE_LIMITS, ...options.limits };
    const seeds: PeerAddress[] = [];
    const storage = await openStorage({
      disk,
      dir: logDirOf(dataDir),
      first: () => firstStart(options, (known) => seeds.push(...known)),
      durableIndex: Number(options.stateMachine.durableIndex()),
      limits,
      random,
      clock,
      log,
      onWalSync: options.onWalSync,
      vault: options.vault,
    });
    undo.push(() => storage.wal.close());
    transport.identify(storage.identity, peerUrls);
    const { stateMachine, onFatal } = options;
    const node = new RaftNode({
      storage,
      stateMachine,
      transport,
      limits,
      clock,
      random,
      log,
      seeds,
      onFatal,
      onStopped: undo[0] ?? (async () => undefined),
    });
    await node.start();
    return node;
  } catch (err) {
    for (const step of undo.reverse()) await step();
    throw err;
  }
}

function checkUrls(options: ConsensusOptions): void {
  const urls = [...options.listenPeerUrls, ...options.peerUrls];
  for (const member of options.initialCluster) urls.push(...member.peerUrls);
  for (const url of urls) {
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new ConfigError(
        `"${url}" is not a peer URL; write http://HOST:PORT or https://HOST:PORT`,
      );
    }
    if (url.startsWith('https:') && options.peerTls === undefined) {
      throw new ConfigError(
        `the peer URL ${url} needs --peer-cert-file, --peer-key-file and --peer-trusted-ca-file`,
      );
    }
  }
}
