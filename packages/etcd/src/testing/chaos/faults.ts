/** What is broken, and how: each fault is done to one member and can be undone. */
import { randomInt } from 'node:crypto';
import type { ProcessCluster } from '../../server/testing/processes.ts';
import type { Rig } from './rig.ts';

/**
 * `kill`: the process is gone at once. `pause`: it is stopped and does not know. `partition`: the network loses what it sends,
 * or is sent, or both. `slow`: its disk takes a few writes a second. `full`: its disk takes none.
 */
export const FAULTS = ['kill', 'pause', 'partition', 'slow', 'full'] as const;
export type Fault = (typeof FAULTS)[number];

/** Mends what was broken; resolves when the member takes part again. */
export type Undo = () => Promise<void>;

/** Members under test, whatever they run in. */
export interface System extends AsyncDisposable {
  readonly names: readonly string[];
  readonly endpoints: readonly string[];
  /** Faults it can make; the member is the leader. */
  readonly faults: Readonly<Partial<Record<Fault, (member: string) => Promise<Undo>>>>;
}

const HEALTH_WAITS = 6;
const SLOW_WRITES_PER_SECOND = 4;

/** On a busy machine a member may take longer than one wait for it to be healthy. A supervisor would start it again. */
async function backAgain(cluster: ProcessCluster, name: string): Promise<void> {
  for (let waits = 1; ; waits += 1) {
    if (!cluster.runs(name)) cluster.spawn(name);
    try {
      await cluster.healthy(name);
      return;
    } catch (err) {
      if (waits === HEALTH_WAITS) throw err;
    }
  }
}

/** Processes on this machine: they can be killed and stopped. */
export function processSystem(cluster: ProcessCluster): System {
  return {
    names: cluster.names,
    endpoints: cluster.endpoints,
    faults: {
      kill: async (member) => {
        await cluster.kill(member);
        return () => backAgain(cluster, member);
      },
      pause: async (member) => {
        cluster.signal(member, 'SIGSTOP');
        return () => {
          cluster.signal(member, 'SIGCONT');
          return backAgain(cluster, member);
        };
      },
    },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

/** Processes with networks and disks of their own. */
export function rigSystem(rig: Rig): System {
  const { cluster, lan } = rig;
  const others = (member: string): string[] => cluster.names.filter((name) => name !== member);
  const plain = processSystem(cluster);
  return {
    ...plain,
    faults: {
      ...plain.faults,
      partition: async (member) => {
        const way = randomInt(3);
        for (const other of others(member)) {
          if (way !== 1) lan.cut(member, other);
          if (way !== 2) lan.cut(other, member);
        }
        return () => {
          lan.heal();
          return backAgain(cluster, member);
        };
      },
      slow: async (member) => {
        rig.disk(member).limit(SLOW_WRITES_PER_SECOND);
        return () => {
          rig.disk(member).limit(0);
          return backAgain(cluster, member);
        };
      },
      full: async (member) => {
        rig.disk(member).fill();
        return () => {
          rig.disk(member).empty();
          return backAgain(cluster, member);
        };
      },
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}
