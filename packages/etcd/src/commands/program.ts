/** `kubets etcd COMMAND`: what is done to a store, as against being one. */

import { ConfigError, errorMessage } from '@kubets/platform';
import { Command, CommanderError } from 'commander';
import { addCheck } from './check.ts';
import { CommandFailure, type Io } from './io.ts';
import { addMember } from './member.ts';
import { addRecover } from './recover.ts';
import { addSnapshot, type Deps } from './snapshot.ts';

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** Commander does not hand these down by itself. */
function settle(command: Command, io: Io): void {
  command.exitOverride();
  command.configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) });
  for (const child of command.commands) settle(child, io);
}

function buildProgram(deps: Deps): Command {
  const program = new Command('kubets etcd').description(
    'Commands for the store. Without one, "kubets etcd" is a member: see "kubets etcd --help".',
  );
  program.showHelpAfterError('(see --help)');
  addSnapshot(program, deps);
  addMember(program, deps);
  addCheck(program, deps);
  addRecover(program, deps);
  settle(program, deps.io);
  return program;
}

/**
 * Runs a command.
 * @param argv the words after `kubets etcd`
 * @returns the exit code: 0, 1 when it failed, 2 when it was asked for something that cannot work
 */
export async function runCommand(argv: readonly string[], deps: Deps): Promise<number> {
  try {
    await buildProgram(deps).parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (error instanceof CommandFailure) return EXIT_FAILURE;
    deps.io.err(`kubets etcd: ${errorMessage(error)}\n`);
    return error instanceof ConfigError ? EXIT_USAGE : EXIT_FAILURE;
  }
}
