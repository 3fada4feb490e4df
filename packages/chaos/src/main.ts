/** `kubets chaos`: breaks a cluster on purpose, and judges what its clients saw. */
import { ConfigError, endWithParent, errorMessage, systemClock } from '@kubets/platform';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { check, list } from './commands/check.ts';
import type { Io } from './commands/io.ts';
import { type RunFlags, run } from './commands/run.ts';
import { selfTest } from './commands/self-test.ts';
import { ChaosError } from './errors.ts';
import { LIMITS } from './limits.ts';

const EXIT_WRONG = 1;
const EXIT_USAGE = 2;
/** A terminal's Ctrl-C comes from it and again from the program in front: signals this close together are one wish. */
const SAME_WISH_MS = 1_000;

function wholeNumber(min: number, max: number) {
  return (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

function makeIo(): Io {
  const stop = new AbortController();
  let firstMs = 0;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const nowMs = systemClock.monotonicMs();
      if (!stop.signal.aborted) {
        firstMs = nowMs;
        process.stdout.write('stopping: the fault under way is undone, then comes the report\n');
        stop.abort(new ChaosError(`stopped by ${name}`));
        // What was built is taken down by its guards.
      } else if (nowMs - firstMs > SAME_WISH_MS) process.exit(EXIT_WRONG);
    });
  }
  return {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    signal: stop.signal,
    now: () => systemClock.now(),
  };
}

function verdictIs(ok: boolean): void {
  if (!ok) process.exitCode = EXIT_WRONG;
}

function buildProgram(io: Io): Command {
  const program = new Command('kubets chaos')
    .description('Breaks a cluster on purpose, and judges what its clients saw.')
    .showHelpAfterError('(see --help)')
    .exitOverride();
  const faults = wholeNumber(1, LIMITS.faults);
  program
    .command('run <scenario>')
    .description(
      'make the faults of a scenario, judge, write a report; exit code 1 if anything is wrong',
    )
    .option('--faults <n>', 'how many faults (default: the scenario’s)', faults)
    .addOption(new Option('--kills <n>', 'the same').argParser(faults).hideHelp())
    .option(
      '--seed <n>',
      'which faults, in which order (default: another each time)',
      wholeNumber(0, 2 ** 32 - 1),
    )
    .option('--target <name>', 'kubets, stock-etcd, or a data directory', 'kubets')
    .option('--compare <name>', 'the same against another target, in turns, into the same report')
    .option('--members <n>', 'members of the store', wholeNumber(1, LIMITS.members), 3)
    .option('--report <file>', 'where the report goes (default chaos-SCENARIO-SEED.html)')
    .option('--history <file>', 'keep all that was seen, for "check"')
    .action(async (scenario: string, flags: RunFlags & { kills?: number }) => {
      verdictIs(await run(scenario, { ...flags, faults: flags.faults ?? flags.kills }, io));
    });
  program
    .command('list')
    .description('scenarios and targets')
    .action(() => list(io));
  program
    .command('self-test')
    .description('plant bugs into copies of the store; exit code 1 if one goes unnoticed')
    .option('--only <names...>', 'these bugs only')
    .option('--seed <n>', 'where the chances start', wholeNumber(0, 2 ** 32 - 1), 1)
    .action(async (flags: { only?: string[]; seed: number }) => {
      verdictIs(await selfTest(flags, io));
    });
  program
    .command('check <history>')
    .description('judge a history again; exit code 1 if anything is wrong')
    .option('--report <file>', 'write a report, too')
    .action(async (file: string, flags: { report?: string }) => {
      verdictIs(await check(file, flags.report, io));
    });
  for (const command of program.commands) command.exitOverride();
  return program;
}

try {
  const io = makeIo();
  endWithParent();
  await buildProgram(io).parseAsync();
} catch (error) {
  // Commander has printed its own message, help included.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE);
  process.stderr.write(`kubets chaos: ${errorMessage(error)}\n`);
  const isExpected = error instanceof ChaosError || error instanceof ConfigError;
  if (!isExpected && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exit(isExpected ? EXIT_USAGE : EXIT_WRONG);
}
process.exit();
