/** Clients: each writes and reads through one member at a time and remembers what it was told. */
import type { Random } from '@kubets/platform';
import { ConsensusError } from '../../host/errors.ts';
import type { Life } from './cluster.ts';
import type { RegistersPart, SimCluster } from './registers-cluster.ts';
import { encodeWrite, type Version } from './state-machine.ts';

const KEYS = ['a', 'b', 'c'];
const PATIENCE_MS = 3_000;

export class Workload {
  readonly #cluster: SimCluster;
  readonly #random: Random;
  #nextValue = 0;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#random = cluster.random;
  }

  /** Starts one operation on a random member that runs. */
  step(): void {
    const { lives } = this.#cluster;
    const life = lives[this.#random.int(lives.length)];
    const key = KEYS[this.#random.int(KEYS.length)];
    if (life === undefined || key === undefined) return;
    const operation = this.#random.int(3) === 0 ? this.#read(life, key) : this.write(life, key);
    operation.catch((err: unknown) => {
      // Refusals are what a broken cluster answers; anything else is a finding.
      if (!(err instanceof ConsensusError)) this.#cluster.fail(err);
    });
  }

  /** Writes; resolves with whether the member saw it applied within a client's patience. */
  async write(life: Life<RegistersPart>, key: string): Promise<boolean> {
    const { loop, checker } = this.#cluster;
    const begunMs = loop.nowMs;
    this.#nextValue += 1;
    const value = this.#nextValue;
    // The member itself sees the write in its own state machine: that is when it answers the client.
    const seen = this.#watch(life, value);
    await life.node.propose(encodeWrite({ key, value }));
    const version = await seen;
    if (version === undefined || !life.alive) return false;
    checker.onWriteAcknowledged(key, begunMs, loop.nowMs, version);
    return true;
  }

  #watch(life: Life<RegistersPart>, value: number): Promise<Version | undefined> {
    const { loop } = this.#cluster;
    return new Promise((resolve) => {
      life.part.registers.whenApplied(value, resolve);
      loop.schedule(PATIENCE_MS, () => resolve(undefined));
    });
  }

  async #read(life: Life<RegistersPart>, key: string): Promise<void> {
    const { loop, checker } = this.#cluster;
    const begunMs = loop.nowMs;
    const index = await life.node.readIndex();
    await life.node.waitApplied(index);
    if (!life.alive) return;
    checker.onRead(key, begunMs, loop.nowMs, life.part.registers.read(key));
  }
}
