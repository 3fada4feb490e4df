/**
 * `npm run sim -- --seed N --steps M [--seeds K] [--members V] [--what store|log] [--profile mixed|churn]`: runs K simulations with seeds N, N+1, …; the
 * first line printed is the seed. `store` (the default) is the whole member, `log` consensus alone with a small state
 * machine, which gets through more seeds. Exits 1 at the first violation, with the command that repeats it.
 */
import { parseArgs } from 'node:util';
import { PROFILES } from './sim/nemesis.ts';
import { runSimulation } from './sim/run.ts';
import { runStore } from './store/run.ts';

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} must be a whole number, not "${text}"\n`);
  process.exit(2);
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000_000)) },
    steps: { type: 'string', default: '200' },
    seeds: { type: 'string', default: '1' },
    members: { type: 'string', default: '3' },
    what: { type: 'string', default: 'store' },
    profile: { type: 'string', default: 'mixed' },
  },
});
const first = numberOf('seed', values.seed);
const steps = numberOf('steps', values.steps);
const count = numberOf('seeds', values.seeds);
const members = numberOf('members', values.members);
const profile = PROFILES.find((one) => one === values.profile);
if (profile === undefined) {
  process.stderr.write(`--profile must be one of ${PROFILES.join(', ')}\n`);
  process.exit(2);
}
const run = values.what === 'log' ? runSimulation : runStore;

process.stdout.write(`seed ${first}\n`);
for (let seed = first; seed < first + count; seed += 1) {
  try {
    const result = await run({ seed, steps, members, profile });
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } catch (err) {
    process.stdout.write(`seed ${seed} FAILED\n`);
    process.stderr.write(`${err instanceof Error ? err.stack : String(err)}\n`);
    process.stderr.write(
      `repeat with: npm run sim -- --seed ${seed} --steps ${steps} --members ${members} --what ${values.what} --profile ${profile}\n`,
    );
    process.exit(1);
  }
}
