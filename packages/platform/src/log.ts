import pino, { type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

export interface LoggerOptions {
  readonly name: string;
  /** pino's levels: trace, debug, info, warn, error, fatal, silent. */
  readonly level?: string;
  /** `auto`: pretty on a terminal, JSON lines otherwise. */
  readonly format?: 'auto' | 'json' | 'pretty';
}

/** Keys whose values never reach a log, whatever object carries them. */
const REDACTED = ['token', 'password', 'authorization', 'privateKey', '*.token', '*.password'];

/** Structured logs on standard error; standard output is for what a command was asked to print. */
export function createLogger(options: LoggerOptions): Logger {
  const { name, level = 'info', format = 'auto' } = options;
  const base = {
    name,
    level,
    redact: { paths: REDACTED, censor: '[redacted]' },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  const pretty = format === 'pretty' || (format === 'auto' && process.stderr.isTTY === true);
  if (!pretty) return pino(base, pino.destination({ fd: 2, sync: true }));
  const target = { target: 'pino-pretty', options: { destination: 2, ignore: 'pid,hostname' } };
  return pino({ ...base, transport: target });
}

/** For tests and embedded use. */
export const silentLogger: Logger = pino({ level: 'silent' });
