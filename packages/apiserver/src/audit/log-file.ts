/** The audit log: a line an event, in a file that is set aside when it grows and thrown away when it is old. */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Clock, ConfigError, errorMessage } from '@kubets/platform';
import type { AuditEvent } from './record.ts';

export interface LogFileOptions {
  /** `-` is the standard output, which is never set aside. */
  readonly path: string;
  /** 0: {@link DEFAULT_MAX_MEGABYTES}. */
  readonly maxMegabytes: number;
  /** Days that files set aside are kept; 0: for ever. */
  readonly maxAgeDays: number;
  /** Files set aside that are kept; 0: all. */
  readonly maxBackups: number;
  readonly compress: boolean;
  readonly clock: Clock;
}

const STDOUT = 1;
const DEFAULT_MAX_MEGABYTES = 100;
const MEGABYTE = 1024 * 1024;
const DAY_MS = 86_400_000;
const BACKUP_TIME = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3})$/;

export class LogFile {
  readonly #o: LogFileOptions;
  readonly #maxBytes: number;
  #fd: number;
  #size: number;

  /** @throws ConfigError when the file cannot be written */
  constructor(options: LogFileOptions) {
    this.#o = options;
    this.#maxBytes = (options.maxMegabytes || DEFAULT_MAX_MEGABYTES) * MEGABYTE;
    try {
      if (options.path !== '-') mkdirSync(dirname(options.path), { recursive: true });
      this.#fd = this.#open();
    } catch (error) {
      throw new ConfigError(
        `--audit-log-path: cannot write ${options.path}: ${errorMessage(error)}`,
      );
    }
    this.#size = options.path === '-' ? 0 : fstatSync(this.#fd).size;
  }

  /** Writes lines; they are with the system when this returns. Throws when it does not take them. */
  append(lines: string): void {
    const bytes = Buffer.from(lines);
    const isFull = this.#size > 0 && this.#size + bytes.length > this.#maxBytes;
    if (isFull && this.#o.path !== '-') this.#setAside();
    let at = 0;
    while (at < bytes.length) at += writeSync(this.#fd, bytes, at);
    this.#size += bytes.length;
  }

  close(): void {
    if (this.#fd !== STDOUT) closeSync(this.#fd);
  }

  #open(): number {
    return this.#o.path === '-' ? STDOUT : openSync(this.#o.path, 'a', 0o600);
  }

  #setAside(): void {
    const { path, clock, compress } = this.#o;
    closeSync(this.#fd);
    const stamp = new Date(clock.now()).toISOString().replaceAll(':', '-').replace('Z', '');
    const extension = extname(path);
    const aside = `${path.slice(0, path.length - extension.length)}-${stamp}${extension}`;
    renameSync(path, aside);
    if (compress) {
      writeFileSync(`${aside}.gz`, gzipSync(readFileSync(aside)), { mode: 0o600 });
      rmSync(aside);
    }
    this.#fd = this.#open();
    this.#size = 0;
    this.#throwAway();
  }

  #throwAway(): void {
    const { path, maxAgeDays, maxBackups, clock } = this.#o;
    const extension = extname(path);
    const stem = `${basename(path, extension)}-`;
    const backups = readdirSync(dirname(path))
      .filter((name) => name.startsWith(stem))
      .map((name) => ({ name, atMs: timeOf(name.slice(stem.length), extension) }))
      .filter(({ atMs }) => !Number.isNaN(atMs))
      .sort((a, b) => b.atMs - a.atMs);
    const oldestMs = maxAgeDays > 0 ? clock.now() - maxAgeDays * DAY_MS : Number.NEGATIVE_INFINITY;
    const keep = maxBackups > 0 ? maxBackups : Number.POSITIVE_INFINITY;
    for (const [at, { name, atMs }] of backups.entries()) {
      if (at >= keep || atMs < oldestMs) rmSync(join(dirname(path), name));
    }
  }
}

function timeOf(rest: string, extension: string): number {
  const plain = rest.endsWith('.gz') ? rest.slice(0, -3) : rest;
  if (!plain.endsWith(extension)) return Number.NaN;
  const [, day, hour, minute, second] =
    BACKUP_TIME.exec(plain.slice(0, plain.length - extension.length)) ?? [];
  return Date.parse(`${day}${hour}:${minute}:${second}Z`);
}

/** An event as one line. */
export function lineOf(event: AuditEvent, format: 'json' | 'legacy'): string {
  if (format === 'json') return `${JSON.stringify(event)}\n`;
  const user = event.user as { username?: string; groups?: string[] };
  const seen = event.impersonatedUser as { username?: string; groups?: string[] } | undefined;
  const ref = event.objectRef as { namespace?: string } | undefined;
  const status = event.responseStatus as { code?: number } | undefined;
  const quoted = (text: string | undefined): string => JSON.stringify(text || '<none>');
  const groups = (list: string[] | undefined): string =>
    list === undefined ? '"<none>"' : list.map((one) => JSON.stringify(one)).join(',');
  const ips = event.sourceIPs as string[];
  return (
    `${String(event.stageTimestamp)} AUDIT: id=${JSON.stringify(event.auditID)} ` +
    `stage=${JSON.stringify(event.stage)} ip=${JSON.stringify(ips[0] ?? '<unknown>')} ` +
    `method=${JSON.stringify(event.verb)} user=${quoted(user.username)} ` +
    `groups=${groups(user.groups)} as=${JSON.stringify(seen?.username ?? '<self>')} ` +
    `asgroups=${seen ? groups(seen.groups) : '"<lookup>"'} ` +
    `user-agent=${quoted(event.userAgent as string | undefined)} ` +
    `namespace=${quoted(ref?.namespace)} uri=${JSON.stringify(event.requestURI)} ` +
    `response="${status?.code ?? '<deferred>'}"\n`
  );
}
