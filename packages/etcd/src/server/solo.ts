/** A whole store with one member in this process: for tests, and for embedding. */

import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import {
  type Clock,
  ConfigError,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
  type TlsMaterial,
} from '@kubets/platform';
import { loadVault } from '../encryption/key-file.ts';
import type { Vault } from '../encryption/vault.ts';
import { openConsensus } from '../host/open.ts';
import type { Consensus } from '../ports.ts';
import { stateDirOf } from '../storage/data-dir.ts';
import { nodeDisk } from '../wal/runtime/node-disk.ts';
import type { AuthSettings } from './auth-settings.ts';
import type { ServerLimits } from './member.ts';
import { SoloConsensus } from './solo-consensus.ts';
import { type MakeConsensus, startMember } from './start.ts';

interface CommonOptions {
  /** 0, the default: a free one. */
  readonly clientPort?: number;
  readonly tls?: TlsMaterial & { readonly requireClientCert: boolean };
  readonly limits?: Partial<ServerLimits>;
  readonly watchProgressMs?: number;
  /** How users log in. */
  readonly auth?: AuthSettings;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
  /** The store cannot go on. Without it the error is thrown, which ends the process. */
  readonly onFatal?: (error: unknown) => void;
}

/** Nothing is written to disk; the content ends with the process. */
export interface MemoryEtcdOptions extends CommonOptions {
  readonly memory: true;
}

/** Everything is kept in a directory, which may be used again later. */
export interface DurableEtcdOptions extends CommonOptions {
  readonly memory?: false;
  readonly dataDir: string;
  /** Encrypts what is in it; see `--encryption-key-file`. */
  readonly encryptionKeyFile?: string;
}

export type EtcdOptions = MemoryEtcdOptions | DurableEtcdOptions;

/** A store with one member. */
export interface Etcd {
  /** Such as `http://127.0.0.1:34567`: for `EtcdClient`. */
  readonly endpoint: string;
  readonly clientPort: number;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const ELECTION_MS = 1_000;
const NAME = 'solo';
/** Nobody connects to it: the member has no peers. */
const PEER_URL = `http://${HOST}:0`;

const inMemory: MakeConsensus = (stateMachine) => {
  const id = randomBytes(8).readBigUInt64BE() || 1n;
  const member = { id, name: NAME, peerUrls: [], clientUrls: [], isLearner: false };
  const consensus = new SoloConsensus(member, stateMachine);
  return Promise.resolve({ consensus, memberId: id, clusterId: id });
};

type Fatal = (error: unknown) => void;

function onDisk(options: DurableEtcdOptions, onFatal: Fatal, vault?: Vault): MakeConsensus {
  const { dataDir, clock = systemClock, random = systemRandom, log = silentLogger } = options;
  return async (stateMachine) => {
    const node = await openConsensus({
      ...{ dataDir, name: NAME, peerUrls: [PEER_URL], clientUrls: [], listenPeerUrls: [PEER_URL] },
      initialCluster: [{ name: NAME, peerUrls: [PEER_URL] }],
      initialClusterState: 'new',
      initialClusterToken: NAME,
      ...{ stateMachine, disk: nodeDisk, clock, random, log, onFatal, vault },
    });
    return { consensus: node, memberId: node.status().id, clusterId: node.clusterId };
  };
}

/** Resolves once it takes writes. @throws ConfigError when it would have to wait for others */
async function leading(consensus: Consensus): Promise<void> {
  const { leader, members } = consensus.status();
  if (leader !== 0n) return;
  const voters = members.filter((member) => !member.isLearner);
  if (voters.length > 1) {
    throw new ConfigError(
      `the data directory is of one of ${voters.length} members, which only go on together: start them with "kubets etcd"`,
    );
  }
  await new Promise<void>((resolve) => {
    const undo = consensus.onLeadership((status) => {
      if (status.leader === 0n) return;
      undo();
      resolve();
    });
  });
}

/** Starts a store that serves the etcd v3 API on loopback; it takes writes when this resolves. */
export async function startEtcd(options: EtcdOptions): Promise<Etcd> {
  const { clientPort = 0, onFatal = rethrow, ...rest } = options;
  let stateDir: string | undefined;
  let vault: Vault | undefined;
  if (!options.memory) {
    if (options.encryptionKeyFile !== undefined) vault = loadVault(options.encryptionKeyFile);
    stateDir = stateDirOf(options.dataDir);
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  }
  const running = await startMember({
    ...rest,
    ...(stateDir !== undefined && { stateDir }),
    name: NAME,
    listeners: [{ host: HOST, port: clientPort }],
    electionMs: ELECTION_MS,
    makeConsensus: options.memory ? inMemory : onDisk(options, onFatal, vault),
    vault,
    onFatal,
  });
  try {
    await leading(running.member.parts.consensus);
  } catch (error) {
    await running.stop(0);
    throw error;
  }
  const port = running.ports[0] ?? 0;
  const scheme = options.tls === undefined ? 'http' : 'https';
  return {
    endpoint: `${scheme}://${HOST}:${port}`,
    clientPort: port,
    stop: () => running.stop(0),
  };
}

function rethrow(error: unknown): never {
  throw error;
}
