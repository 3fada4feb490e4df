/** The scenarios: which faults, how often relative to each other, how long. */
import type { Ability, FaultKind, Victim } from '../ports.ts';

/** A kind of fault within a scenario. */
export interface Ingredient {
  readonly kind: FaultKind;
  readonly weight: number;
  readonly victim: Victim;
  /** Shortest and longest time it lasts. */
  readonly holdMs: readonly [number, number];
}

export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly needs: readonly Ability[];
  /** The faults of a run that does not say how many. */
  readonly defaultFaults: number;
  readonly ingredients: readonly Ingredient[];
}

const leader = (kind: FaultKind, weight: number, from = 0, to = from): Ingredient => ({
  ...{ kind, weight, victim: 'leader', holdMs: [from, to] },
});
const anyone = (kind: FaultKind, weight: number, from = 0, to = from): Ingredient => ({
  ...{ kind, weight, victim: 'any', holdMs: [from, to] },
});

const PARTITIONS = [
  leader('isolate', 4, 1_500, 3_000),
  leader('halves', 2, 1_500, 3_000),
  leader('one-way-in', 2, 1_500, 3_000),
  leader('one-way-out', 2, 1_500, 3_000),
];
const DISK = [
  leader('slow-disk', 3, 1_500, 3_000),
  anyone('failing-disk', 2),
  leader('full-disk', 2, 1_000, 2_000),
  anyone('power-loss', 3),
  anyone('blackout', 2),
];

/** In the order in which they are listed to people. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'failover',
    what: 'the leader is killed (SIGKILL) and started again',
    needs: ['processes'],
    defaultFaults: 20,
    ingredients: [leader('kill', 1)],
  },
  {
    name: 'pauses',
    what: 'the leader is stopped (SIGSTOP) for one and a half to three seconds, and goes on',
    needs: ['processes'],
    defaultFaults: 20,
    ingredients: [leader('stop', 1, 1_500, 3_000)],
  },
  {
    name: 'partitions',
    what: 'the leader is cut off, the members are split, or links work one way only',
    needs: ['network'],
    defaultFaults: 20,
    ingredients: PARTITIONS,
  },
  {
    name: 'weather',
    what: 'packets of a member are lost or late',
    needs: ['network'],
    defaultFaults: 10,
    ingredients: [anyone('loss', 1, 2_000, 4_000), anyone('delay', 1, 2_000, 4_000)],
  },
  {
    name: 'disk',
    what: 'disks are slow, full, or fail; power is lost with everything that was not synced',
    needs: ['processes', 'disks'],
    defaultFaults: 12,
    ingredients: DISK,
  },
  {
    name: 'clocks',
    what: 'the clock of a member is set forward or back by up to an hour',
    needs: ['clocks'],
    defaultFaults: 6,
    ingredients: [anyone('clock-step', 1, 2_000, 4_000)],
  },
  {
    name: 'operations',
    what: 'members are restarted, replaced by new ones, and come with an expired certificate',
    needs: ['processes', 'membership'],
    defaultFaults: 8,
    ingredients: [
      anyone('restart', 3),
      anyone('replace-member', 2),
      anyone('expired-certificate', 2, 1_500, 2_500),
    ],
  },
  {
    name: 'mixed',
    what: 'all of the above that the target allows',
    needs: ['processes'],
    defaultFaults: 30,
    ingredients: [
      leader('kill', 6),
      anyone('kill', 2),
      leader('stop', 4, 1_500, 3_000),
      anyone('restart', 2),
      ...PARTITIONS,
      anyone('loss', 2, 2_000, 4_000),
      anyone('delay', 2, 2_000, 4_000),
      ...DISK,
      anyone('clock-step', 2, 1_500, 3_000),
      anyone('expired-certificate', 1, 1_500, 2_500),
      anyone('replace-member', 2),
    ],
  },
  {
    name: 'short',
    what: 'a kill, a pause and a partition, all of them short: to see that everything works',
    needs: ['processes'],
    defaultFaults: 3,
    ingredients: [
      leader('kill', 1),
      leader('stop', 1, 1_000, 1_200),
      leader('isolate', 1, 1_200, 1_500),
    ],
  },
];

/** What a target must be able to for a fault to be possible. */
export const NEEDS: Readonly<Record<FaultKind, Ability>> = {
  kill: 'processes',
  stop: 'processes',
  restart: 'processes',
  isolate: 'network',
  halves: 'network',
  'one-way-in': 'network',
  'one-way-out': 'network',
  loss: 'network',
  delay: 'network',
  'slow-disk': 'disks',
  'failing-disk': 'disks',
  'full-disk': 'disks',
  'power-loss': 'disks',
  blackout: 'disks',
  'clock-step': 'clocks',
  'expired-certificate': 'certificates',
  'replace-member': 'membership',
};
