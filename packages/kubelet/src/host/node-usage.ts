/** What this machine has used, by the kernel's own counting. */
import { readFileSync } from 'node:fs';
import type { NodeUsage } from '../door/resource-metrics.ts';

/** Ticks of the kernel's clock a second, as it shows them to programs on every architecture. */
const TICKS = 100;
const NANOS = 1e9;
const KIB = 1024;

/** Of the first line of `/proc/stat`: all but idling and waiting; guests are counted in the first two already. */
export function cpuNanosOf(stat: string): number {
  const fields = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0, steal = 0] = fields;
  return (user + nice + system + irq + soft + steal) * (NANOS / TICKS);
}

/** Of `/proc/meminfo`: what could not be had by a new program. */
export function memoryBytesOf(meminfo: string): number {
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0);
  return (kib('MemTotal') - kib('MemAvailable')) * KIB;
}

export function machineUsage(nowMs: number): NodeUsage {
  return {
    cpuNanoSeconds: cpuNanosOf(readFileSync('/proc/stat', 'utf8')),
    memoryWorkingSetBytes: memoryBytesOf(readFileSync('/proc/meminfo', 'utf8')),
    atMs: nowMs,
  };
}
