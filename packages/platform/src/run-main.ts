/** The frame of every process: flags, logs, health, signals, drain, exit codes. */
import type { Server } from 'node:http';
import { flushCompileCache } from 'node:module';
import { IDLE_FLAGS, levelWith, versionAsked } from './component-flags.ts';
import { endWithParent } from './end-with-parent.ts';
import { ConfigError, errorMessage } from './errors.ts';
import { armFailpoints } from './failpoint.ts';
import {
  type ConfigOf,
  type FlagSet,
  type ForeignFile,
  flag,
  helpText,
  parseFlags,
} from './flags.ts';
import { Health, serveHealth } from './health.ts';
import { createLogger, type Logger } from './log.ts';
import { type Metrics, processMetrics } from './metrics.ts';
import { type Clock, delay, systemClock } from './runtime/clock.ts';
import { type Random, systemRandom } from './runtime/random.ts';
import { type StockFlags, withoutEffect } from './stock-flags.ts';

/** What `start` gets. */
export interface ProcessContext {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted when draining begins. */
  readonly signal: AbortSignal;
  /** Runs when the process is asked to stop; last registered, first run. */
  onShutdown(name: string, fn: () => Promise<void> | void): void;
  /** Lets the drain take so much longer than it may otherwise. */
  allowDrain(moreMs: number): void;
  /** One line on the log, exit code 1: for what cannot be survived, such as a failed fsync. */
  fatal(error: unknown): never;
}

export interface Program<F extends FlagSet> {
  readonly name: string;
  readonly summary: string;
  readonly flags: F;
  /** Those among the flags that a stock counterpart has and that mean nothing here: the log tells of them. */
  readonly stock?: StockFlags;
  /** Takes files of `--config` of another kind than flags by name. */
  readonly foreignConfig?: ForeignFile;
  /** Resolves once the process serves; it stays up until a signal. */
  readonly start: (
    ctx: ProcessContext,
    config: ConfigOf<F & typeof commonFlags>,
  ) => Promise<void> | void;
}

/** Every process has these. */
export const commonFlags = {
  config: flag.string({ help: 'YAML file with the same names as the flags; flags win' }),
  'log-format': flag.enum({
    values: ['auto', 'json', 'pretty'],
    default: 'auto',
    help: 'pretty on a terminal, JSON lines otherwise',
  }),
  'log-level': flag.enum({
    values: ['trace', 'debug', 'info', 'warn', 'error'],
    default: 'info',
    help: 'least level that is logged',
  }),
  'health-address': flag.string({
    default: '',
    help: 'HOST:PORT for /healthz /livez /readyz /metrics over plain HTTP; empty: none',
  }),
  failpoints: flag.list({ help: 'NAME=crash|error|delay(MS),… for fault injection' }),
} as const;

const DRAIN_LIMIT_MS = 10_000;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** How a process ends. */
interface Ending {
  readonly steps: Step[];
  /** What the drain may take. */
  readonly drainMs: () => number;
}

interface Step {
  readonly name: string;
  readonly fn: () => Promise<void> | void;
}

async function drain(steps: readonly Step[], log: Logger): Promise<void> {
  for (const step of steps.toReversed()) {
    try {
      await step.fn();
    } catch (error) {
      log.warn({ step: step.name, error: errorMessage(error) }, 'shutdown step failed');
    }
  }
}

/** Stops on the first SIGTERM or SIGINT; a second one, or the drain limit, ends the process at once. */
function installSignals(stop: AbortController, { steps, drainMs }: Ending, log: Logger): void {
  const onSignal = (signal: string): void => {
    if (stop.signal.aborted) process.exit(EXIT_FAILURE);
    log.info({ signal }, 'draining');
    stop.abort(new Error(`stopped by ${signal}`));
    const limitMs = drainMs();
    const limit = delay(limitMs).then(() => {
      log.warn({ limitMs }, 'drain took too long, leaving');
      process.exit(EXIT_FAILURE);
    });
    void Promise.race([limit, drain(steps, log).then(() => process.exit(0))]);
  };
  process.on('SIGTERM', () => onSignal('SIGTERM'));
  process.on('SIGINT', () => onSignal('SIGINT'));
}

function makeContext(log: Logger, stop: AbortController): { ctx: ProcessContext; ending: Ending } {
  const steps: Step[] = [];
  let drainMs = DRAIN_LIMIT_MS;
  const ctx: ProcessContext = {
    log,
    metrics: processMetrics(),
    health: new Health(),
    clock: systemClock,
    random: systemRandom,
    signal: stop.signal,
    onShutdown: (name, fn) => steps.push({ name, fn }),
    allowDrain: (moreMs) => {
      drainMs += moreMs;
    },
    fatal(error): never {
      log.fatal({ err: error }, errorMessage(error));
      process.exit(EXIT_FAILURE);
    },
  };
  return { ctx, ending: { steps, drainMs: () => drainMs } };
}

function usageExit(name: string, error: unknown): never {
  process.stderr.write(`${name}: ${errorMessage(error)}\n`);
  process.exit(error instanceof ConfigError ? EXIT_USAGE : EXIT_FAILURE);
}

/** The log as the flags want it, those of a component included if it has them. */
function loggerOf(name: string, config: ConfigOf<typeof commonFlags>): Logger {
  const { v, loggingFormat } = config as { readonly v?: number; readonly loggingFormat?: string };
  const format = loggingFormat === 'json' ? 'json' : config.logFormat;
  return createLogger({ name, level: levelWith(config.logLevel, v), format });
}

async function startHealth(address: string, ctx: ProcessContext): Promise<void> {
  if (address === '') return;
  const server: Server = await serveHealth(address, ctx.health, ctx.metrics);
  ctx.onShutdown('health', () => {
    server.close();
    server.closeAllConnections();
  });
}

/**
 * Runs a program: the only call in a `main.ts`. Exit codes: 0 after a drain, 1 when it fails, 2 when it was asked for
 * something that cannot work. Failures are one line on standard error.
 */
export async function runMain<F extends FlagSet>(program: Program<F>): Promise<void> {
  const { name, summary } = program;
  const flags = { ...program.flags, ...commonFlags };
  const argv = process.argv.slice(2);
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(helpText(name, summary, flags));
    return;
  }
  try {
    const version = Object.hasOwn(flags, 'version') ? versionAsked(argv) : undefined;
    if (version !== undefined) {
      process.stdout.write(`${version}\n`);
      return;
    }
    const config = parseFlags(flags, argv, process.env, program.foreignConfig) as ConfigOf<
      F & typeof commonFlags
    >;
    const common = config as ConfigOf<typeof commonFlags>;
    armFailpoints(common.failpoints);
    const log = loggerOf(name, common);
    const stop = new AbortController();
    const { ctx, ending } = makeContext(log, stop);
    process.on('uncaughtException', (error) => ctx.fatal(error));
    process.on('unhandledRejection', (error) => ctx.fatal(error));
    installSignals(stop, ending, log);
    endWithParent();
    for (const ignored of withoutEffect({ ...IDLE_FLAGS, ...program.stock }, config)) {
      log.warn(ignored, 'this flag has no effect here');
    }
    await startHealth(common.healthAddress, ctx);
    await program.start(ctx, config);
    ctx.health.setReady(!stop.signal.aborted, 'draining');
    log.info('ready');
    // What a start has compiled serves the next one, also after a SIGKILL; without NODE_COMPILE_CACHE this does nothing.
    flushCompileCache();
  } catch (error) {
    usageExit(name, error);
  }
}
