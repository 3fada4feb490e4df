/** A plan: the faults of a run, in order, from a seed. Pure: the same seed gives the same plan everywhere. */
import { type Random, seededRandom } from '@kubets/platform';
import { ChaosError } from '../errors.ts';
import type { Ability, PlannedFault } from '../ports.ts';
import { type Ingredient, NEEDS, SCENARIOS, type Scenario } from './scenarios.ts';

const SETTLE_MS = 100;

/** How a target comes to be breakable so. */
const NEEDED_FOR: Readonly<Record<Ability, string>> = {
  processes: 'any target',
  network: 'root, and the packages iproute2 and iptables',
  disks: 'root, and a target the tool starts as processes',
  clocks: 'our own store as processes',
  certificates: 'a target the tool starts as processes',
  membership: 'a target the tool starts',
};

export interface PlanOptions {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly faults: number;
  /** What the target can be broken by: faults it cannot have are left out. */
  readonly abilities: ReadonlySet<Ability>;
}

/** @throws ChaosError for a name there is no scenario of */
export function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = SCENARIOS.map((one) => one.name).join(', ');
  throw new ChaosError(`there is no scenario "${name}"; there are: ${names}`);
}

/**
 * Chooses the faults. Every kind the target can have turns up before any turns up twice as often as its weight says: a deck
 * with a card a weight is dealt to its end, then shuffled anew.
 * @throws ChaosError when the target can have none of the scenario's faults
 */
export function planOf({ scenario, seed, faults, abilities }: PlanOptions): PlannedFault[] {
  const random = seededRandom(seed);
  const possible = scenario.ingredients.filter(({ kind }) => abilities.has(NEEDS[kind]));
  if (possible.length === 0) {
    const needs = scenario.needs.map((ability) => `${ability} (${NEEDED_FOR[ability]})`).join(', ');
    throw new ChaosError(
      `scenario ${scenario.name} needs a target with ${needs}; this one has ${[...abilities].join(', ')}`,
    );
  }
  const plan: PlannedFault[] = [];
  let deck: Ingredient[] = [];
  while (plan.length < faults) {
    if (deck.length === 0) deck = shuffled(possible, random);
    const card = deck.pop();
    if (card === undefined) break;
    const [from, to] = card.holdMs;
    plan.push({
      kind: card.kind,
      victim: card.victim,
      holdMs: from + random.int(to - from + 1),
      settleMs: SETTLE_MS + random.int(SETTLE_MS),
      dice: random.next(),
    });
  }
  return plan;
}

function shuffled(ingredients: readonly Ingredient[], random: Random): Ingredient[] {
  const deck = ingredients.flatMap((one) => Array.from({ length: one.weight }, () => one));
  for (let at = deck.length - 1; at > 0; at -= 1) {
    const other = random.int(at + 1);
    const [a, b] = [deck[at], deck[other]];
    if (a !== undefined && b !== undefined) {
      deck[at] = b;
      deck[other] = a;
    }
  }
  return deck;
}
