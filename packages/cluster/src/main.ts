/** The `kubets` command. */

import { ConfigError, endWithParent, errorMessage, systemClock } from '@kubets/platform';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { down } from './commands/down.ts';
import { loadImage } from './commands/image.ts';
import { kubeconfig, logs, status } from './commands/inspect.ts';
import type { Io } from './commands/io.ts';
import { up } from './commands/up.ts';
import { ownRelease } from './host/release.ts';
import { addHostCommands } from './host-cli.ts';
import { limits } from './limits.ts';
import { defaults } from './plan/settings.ts';

const DEFAULT_DATA_DIR = '.kubets/';
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

function wholeNumber(min: number, max: number) {
  return (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/**
 * A terminal sends Ctrl-C to every process of the group, and npm and the starter pass it on besides: signals this close together
 * are one wish.
 */
const SAME_WISH_MS = 1_000;

function installSignals(stop: AbortController, onInsist: () => void): void {
  let firstMs = 0;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const nowMs = systemClock.monotonicMs();
      if (!stop.signal.aborted) {
        firstMs = nowMs;
        stop.abort(new ConfigError(`stopped by ${name}`));
      } else if (nowMs - firstMs > SAME_WISH_MS) onInsist();
    });
  }
}

function makeIo(): Io {
  const stop = new AbortController();
  const insisted = new AbortController();
  installSignals(stop, () => insisted.abort());
  // A closed terminal or pipe must not keep us from stopping in order.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return {
    isTerminal: process.stderr.isTTY === true,
    out: (text) => process.stdout.write(text),
    err(text) {
      process.stderr.write(text);
      if (process.connected) process.send?.({ kind: 'line', line: text });
    },
    signal: stop.signal,
    insisted: insisted.signal,
    ready() {
      if (process.connected) process.send?.({ kind: 'ready' });
    },
  };
}

interface DirOption {
  readonly dataDir: string;
}

interface UpFlags extends DirOption {
  readonly masters?: number;
  readonly nodes?: number;
  readonly hollowNodes?: number;
  readonly expectedNodes?: number;
  readonly runtime?: 'auto' | 'containerd' | 'simulated';
  readonly port?: number;
  readonly loadBalancerRanges?: string;
  readonly install: boolean;
  readonly detach?: true;
}

const dataDir = () =>
  new Option('--data-dir <dir>', 'where the cluster keeps everything')
    .default(DEFAULT_DATA_DIR)
    .env('KUBETS_DATA_DIR');

function addUp(program: Command, io: Io): void {
  const count = (flag: string, text: string, min: number, max: number) =>
    new Option(flag, text).argParser(wholeNumber(min, max));
  const { masters, nodes, hollowNodes, port } = defaults;
  program
    .command('up')
    .description('start a cluster and stay in the foreground; Ctrl-C stops it (also: npm start)')
    .addOption(dataDir())
    .addOption(
      count(
        '--masters <n>',
        `masters: odd, 1–${limits.maxMasters} (default ${masters})`,
        1,
        limits.maxMasters,
      ),
    )
    .addOption(count('--nodes <n>', `nodes on this machine (default ${nodes})`, 0, limits.maxNodes))
    .addOption(
      count(
        '--hollow-nodes <n>',
        `simulated nodes besides (default ${hollowNodes})`,
        0,
        limits.maxHollowNodes,
      ),
    )
    .addOption(
      count(
        '--expected-nodes <n>',
        'nodes of other machines to be ready for: pod range and memory',
        0,
        limits.maxExpectedNodes,
      ),
    )
    .addOption(
      new Option('--runtime <kind>', 'where containers run (default auto)').choices([
        'auto',
        'containerd',
        'simulated',
      ]),
    )
    .addOption(count('--port <port>', `the port kubectl talks to (default ${port})`, 1, 65_535))
    .option(
      '--load-balancer-ranges <ranges>',
      `addresses for Services of type LoadBalancer, RANGE,… or none (default ${defaults.loadBalancerRanges})`,
    )
    .option('--no-install', 'never install packages')
    .option('--detach', 'return once the cluster is ready, and leave it running')
    .action(async (flags: UpFlags) => {
      const { masters, nodes, hollowNodes, expectedNodes, runtime, port, loadBalancerRanges } =
        flags;
      if (masters !== undefined && masters % 2 === 0) {
        throw new ConfigError(
          `--masters ${masters}: an even count tolerates no more failures than ${masters - 1}; use an odd one`,
        );
      }
      const options = {
        dataDir: flags.dataDir,
        isDefaultDir: flags.dataDir === DEFAULT_DATA_DIR,
        wishes: { masters, nodes, hollowNodes, expectedNodes, runtime, port, loadBalancerRanges },
        mayInstall: flags.install,
        detach: flags.detach === true,
      };
      await up(options, io);
    });
}

function addInspection(program: Command, io: Io): void {
  program
    .command('status')
    .description('show what runs; exit code 1 when the cluster is down')
    .addOption(dataDir())
    .option('--json', 'as JSON')
    .action((flags: DirOption & { json?: true }) => {
      const isUp = status(flags.dataDir, flags.json === true, io);
      if (!isUp) process.exitCode = EXIT_FAILURE;
    });
  program
    .command('kubeconfig')
    .description('print the administrator’s kubeconfig')
    .addOption(dataDir())
    .action((flags: DirOption) => kubeconfig(flags.dataDir, io));
  program
    .command('logs <name>')
    .description('print the log of a process, by its name in "kubets status"')
    .addOption(dataDir())
    .option('-f, --follow', 'go on printing as it grows')
    .option('--tail <lines>', 'only the last lines', wholeNumber(0, 100_000))
    .action((name: string, flags: DirOption & { follow?: true; tail?: number }) =>
      logs(flags.dataDir, name, { follow: flags.follow === true, tailLines: flags.tail }, io),
    );
}

/** These words never get here: the starter runs the components and tools directly. */
const COMPONENTS_HELP = `
  chaos  breaks a cluster on purpose and judges what its clients saw: kubets chaos --help
  bench  how the control plane behaves, with thousands of hollow nodes too: kubets bench --help

One process alone, with its own flags (each has --help):
  etcd, apiserver, scheduler, controller-manager, cloud-controller-manager, kubelet, proxy, dns

What is done to a store (each has --help):
  etcd snapshot, etcd member, etcd check, etcd recover`;

/** Errors of every command, however deep, come back here. */
function strictly(program: Command): void {
  for (const command of program.commands) {
    command.exitOverride();
    strictly(command);
  }
}

/** A signal besides those that stop: start every process again. Nothing listens: nothing happens. */
function onRoll(listener: () => void): void {
  process.removeAllListeners('SIGUSR2');
  process.on('SIGUSR2', listener);
}

/** The same process with the program there is now: whoever started it, and the lock, see no difference. */
function exchange(): void {
  const words = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(process.execPath, words, process.env);
}

function buildProgram(io: Io): Command {
  const program = new Command('kubets')
    .description('A Kubernetes control plane and node agent in TypeScript.')
    .version(ownRelease(), '--version', 'print the release')
    .addHelpText('after', COMPONENTS_HELP)
    .showHelpAfterError('(see --help)')
    .exitOverride();
  addUp(program, io);
  program
    .command('down')
    .description('stop everything, containers included; the data stays')
    .addOption(dataDir())
    .action((flags: DirOption) => down(flags.dataDir, io));
  addInspection(program, io);
  program
    .command('image')
    .description('images of this machine’s nodes')
    .command('load <file>')
    .description('load a docker-archive or OCI tar on every node of this machine')
    .addOption(dataDir())
    .action((file: string, flags: DirOption) => loadImage(flags.dataDir, file, io));
  addHostCommands(program, {
    io,
    fail: () => {
      process.exitCode = EXIT_FAILURE;
    },
    onRoll,
    exchange,
  });
  strictly(program);
  return program;
}

async function run(): Promise<void> {
  const io = makeIo();
  onRoll(() => undefined);
  endWithParent();
  try {
    await buildProgram(io).parseAsync();
    if (process.connected) process.disconnect();
  } catch (error) {
    // Commander has printed its own message, help included.
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE);
    process.stderr.write(`kubets: ${errorMessage(error)}\n`);
    process.exit(error instanceof ConfigError ? EXIT_USAGE : EXIT_FAILURE);
  }
  process.exit();
}

await run();
