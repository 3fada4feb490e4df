/** One supervisor a data directory. */
import { rmSync } from 'node:fs';
import { readIfThere, writeAtomic } from '../files.ts';
import { startTimeOf } from './processes.ts';

/** The supervisor that holds a data directory, or undefined when none lives. */
export function lockHolder(file: string): number | undefined {
  const [pid = '', startTime] = (readIfThere(file) ?? '').trim().split(' ');
  const number = Number(pid);
  if (!Number.isInteger(number) || number < 1) return undefined;
  // A reboot or a long uptime hands pids out again; the start time tells them apart.
  return startTimeOf(number) === startTime && startTime !== undefined ? number : undefined;
}

/** Takes the lock for this process; the caller has looked at {@link lockHolder} first. */
export function takeLock(file: string): void {
  writeAtomic(file, `${process.pid} ${startTimeOf(process.pid)}\n`);
}

export function releaseLock(file: string): void {
  rmSync(file, { force: true });
}
