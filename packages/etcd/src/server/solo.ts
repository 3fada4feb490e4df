/** A whole store in this process: for tests, and for embedding. */

import { randomBytes } from 'node:crypto';
import type { Clock, Logger, Random, TlsMaterial } from '@kubets/platform';
import type { ServerLimits } from './member.ts';
import { SoloConsensus } from './solo-consensus.ts';
import { type RunningMember, startMember } from './start.ts';

export interface MemoryEtcdOptions {
  /** Nothing is written to disk; the content ends with the process. */
  readonly memory: true;
  /** 0, the default: a free one. */
  readonly clientPort?: number;
  readonly tls?: TlsMaterial & { readonly requireClientCert: boolean };
  readonly limits?: Partial<ServerLimits>;
  readonly watchProgressMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
}

/** A store with one member. */
export interface Etcd {
  /** Such as `http://127.0.0.1:34567`: for `EtcdClient`. */
  readonly endpoint: string;
  readonly clientPort: number;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const ELECTION_MS = 1_000;

/** Starts a store in memory that serves the etcd v3 API on loopback. */
export async function startEtcd(options: MemoryEtcdOptions): Promise<Etcd> {
  const { clientPort = 0, memory: _memory, ...rest } = options;
  const id = randomBytes(8).readBigUInt64BE() || 1n;
  const member = { id, name: 'memory', peerUrls: [], clientUrls: [], isLearner: false };
  const running: RunningMember = await startMember({
    ...rest,
    name: 'memory',
    listeners: [{ host: HOST, port: clientPort }],
    electionMs: ELECTION_MS,
    makeConsensus: (stateMachine) => {
      const consensus = new SoloConsensus(member, stateMachine);
      return Promise.resolve({ consensus, memberId: id, clusterId: id });
    },
    onFatal: (error) => {
      throw error;
    },
  });
  const port = running.ports[0] ?? 0;
  const scheme = options.tls === undefined ? 'http' : 'https';
  return {
    endpoint: `${scheme}://${HOST}:${port}`,
    clientPort: port,
    stop: () => running.stop(0),
  };
}
