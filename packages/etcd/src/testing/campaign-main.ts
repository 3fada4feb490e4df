/**
 * `node packages/etcd/src/testing/campaign-main.ts --from N --to M --log FILE [--steps S] [--members V] [--profile P]`:
 * simulates the seeds N to M-1, one line a seed in the log, whose first line is the version under test. Started again with
 * the same log it goes on where it stopped, so a range can be cut into pieces. A finding does not end it. Prints the sums, and
 * exits 1 if there was one.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PROFILES } from './sim/nemesis.ts';
import { runStore } from './store/run.ts';

const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    log: { type: 'string' },
    steps: { type: 'string', default: '60' },
    members: { type: 'string', default: '3' },
    profile: { type: 'string', default: 'mixed' },
  },
});
const { log } = values;
const profile = PROFILES.find((one) => one === values.profile);
const [from, to, steps, members] = [values.from, values.to, values.steps, values.members].map(
  Number,
);
if (!log || !profile || !from || !to || !steps || !members) {
  process.stderr.write('--from, --to and --log are needed; steps and members are numbers\n');
  process.exit(2);
}

const git = ['-C', import.meta.dirname, 'describe', '--always', '--abbrev=40', '--dirty'];
const version = `version ${execFileSync('git', git, { encoding: 'utf8' }).trim()}`;
if (!existsSync(log)) appendFileSync(log, `${version}\n`);
const [head, ...done] = readFileSync(log, 'utf8').split('\n');
if (head !== version) {
  process.stderr.write(`${log} is of ${head}, this is ${version}: take another log\n`);
  process.exit(2);
}

interface Line {
  readonly seed: number;
  readonly failed?: string;
  readonly [figure: string]: unknown;
}

const lines = done.flatMap((text) => (text === '' ? [] : [JSON.parse(text) as Line]));
const known = new Set(lines.map(({ seed }) => seed));
for (let seed = from; seed < to; seed += 1) {
  if (known.has(seed)) continue;
  const line: Line = await runStore({ seed, steps, members, profile }).then(
    (result) => ({ ...result }),
    (err: unknown) => ({ seed, failed: err instanceof Error ? (err.stack ?? '') : String(err) }),
  );
  lines.push(line);
  appendFileSync(log, `${JSON.stringify(line)}\n`);
}

const inRange = lines.filter(({ seed }) => seed >= from && seed < to);
const sums: Record<string, number> = {};
for (const line of inRange) {
  for (const [figure, value] of Object.entries(line)) {
    if (figure === 'seed' || typeof value !== 'number') continue;
    sums[figure] = (sums[figure] ?? 0) + value;
  }
}
const failed = inRange.filter((line) => line.failed !== undefined).map(({ seed }) => seed);
process.stdout.write(`${version}: ${JSON.stringify({ runs: inRange.length, failed, sums })}\n`);
process.exitCode = failed.length > 0 ? 1 : 0;
