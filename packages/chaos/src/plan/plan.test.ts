import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChaosError } from '../errors.ts';
import type { Ability } from '../ports.ts';
import { planOf, scenarioNamed } from './plan.ts';
import { NEEDS, SCENARIOS } from './scenarios.ts';

const EVERYTHING: ReadonlySet<Ability> = new Set(Object.values(NEEDS));

test('the same seed gives the same plan, another seed another', () => {
  const options = { scenario: scenarioNamed('mixed'), faults: 50, abilities: EVERYTHING };
  const plan = planOf({ ...options, seed: 7 });
  assert.deepEqual(planOf({ ...options, seed: 7 }), plan);
  assert.notDeepEqual(planOf({ ...options, seed: 8 }), plan);
});

test('a longer plan begins with the shorter one', () => {
  const options = { scenario: scenarioNamed('partitions'), seed: 3, abilities: EVERYTHING };
  const long = planOf({ ...options, faults: 40 });
  assert.deepEqual(planOf({ ...options, faults: 15 }), long.slice(0, 15));
});

test('every kind of a scenario turns up within one deck', () => {
  for (const scenario of SCENARIOS) {
    const deck = scenario.ingredients.reduce((sum, one) => sum + one.weight, 0);
    const plan = planOf({ scenario, seed: 1, faults: deck, abilities: EVERYTHING });
    const kinds = new Set(plan.map((one) => one.kind));
    assert.deepEqual(kinds, new Set(scenario.ingredients.map((one) => one.kind)), scenario.name);
    for (const { holdMs } of plan) assert.ok(holdMs >= 0 && holdMs <= 4_000);
  }
});

test('faults that the target cannot have are left out, or refused when none is left', () => {
  const abilities: ReadonlySet<Ability> = new Set(['processes'] as const);
  const scenario = scenarioNamed('mixed');
  const plan = planOf({ scenario, seed: 1, faults: 100, abilities });
  assert.deepEqual(new Set(plan.map((one) => NEEDS[one.kind])), abilities);
  const partitions = scenarioNamed('partitions');
  assert.throws(() => planOf({ scenario: partitions, seed: 1, faults: 1, abilities }), ChaosError);
});

test('a scenario that does not exist is refused with the names there are', () => {
  assert.throws(() => scenarioNamed('storm'), /failover, pauses/);
});
