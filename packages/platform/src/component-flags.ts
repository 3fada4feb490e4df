/** Flags every stock component of Kubernetes has: what it logs, and its version. */
import { BUILD } from './build-info.ts';
import { ConfigError } from './errors.ts';
import { flag } from './flags.ts';
import { type StockFlags, stockFlags } from './stock-flags.ts';

/** Those that mean nothing here. */
export const IDLE_FLAGS: StockFlags = {
  vmodule: { why: 'the level is the same for all parts: see --log-level' },
  'log-flush-frequency': { why: 'the log is written at once', asIs: ['5s'] },
  'log-json-info-buffer-size': { why: 'the log is written at once', asIs: ['0'] },
  'log-json-split-stream': {
    ...{ isSwitch: true, asIs: ['false'] },
    why: 'the log goes to standard error',
  },
  'log-text-info-buffer-size': { why: 'the log is written at once', asIs: ['0'] },
  'log-text-split-stream': {
    ...{ isSwitch: true, asIs: ['false'] },
    why: 'the log goes to standard error',
  },
  'show-hidden-metrics-for-version': { why: 'no figure is hidden' },
  'allow-metric-labels': { why: 'labels hold names of kinds only, which are few' },
  'allow-metric-labels-manifest': { why: 'labels hold names of kinds only, which are few' },
  'disabled-metrics': { why: 'no figure can be switched off' },
  profiling: {
    ...{ isSwitch: true, asIs: ['false'] },
    why: 'profile with --cpu-prof of Node.js',
  },
  'contention-profiling': {
    ...{ isSwitch: true, asIs: ['false'] },
    why: 'profile with --cpu-prof of Node.js',
  },
};

export const componentFlags = {
  v: flag.int({
    default: 0,
    help: 'how much is logged: from 4 as --log-level=debug, from 6 trace',
  }),
  'logging-format': flag.enum({
    values: ['text', 'json'],
    default: 'text',
    help: 'text: as --log-format says; json: JSON lines',
  }),
  version: flag.bool({ help: 'print the version and end; --version=raw: all of it' }),
  ...stockFlags(IDLE_FLAGS),
} as const;

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
const DEBUG_FROM = 4;
const TRACE_FROM = 6;

type Level = (typeof LEVELS)[number];

/** The more talkative of a level and a number of `-v`. */
export function levelWith(level: Level, v: number | undefined): Level {
  const asked: Level = (v ?? 0) >= TRACE_FROM ? 'trace' : (v ?? 0) >= DEBUG_FROM ? 'debug' : level;
  return LEVELS.indexOf(asked) < LEVELS.indexOf(level) ? asked : level;
}

/**
 * What `--version` prints.
 * @returns undefined when the words do not ask for it. @throws ConfigError for a value that is none
 */
export function versionAsked(argv: readonly string[]): string | undefined {
  const word = argv.find((each) => /^--?version(=|$)/.test(each));
  if (word === undefined) return undefined;
  const [, value = 'true'] = word.split('=', 2);
  if (value === 'false') return undefined;
  if (value === 'true') return `Kubernetes ${BUILD.gitVersion}`;
  if (value === 'raw') return JSON.stringify(BUILD);
  throw new ConfigError(`--version: "${value}" is not true, false or raw`);
}
