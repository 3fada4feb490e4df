/** How the engine looks after memory. */
import { setFlagsFromString } from 'node:v8';
import type { Clock } from './runtime/clock.ts';

/**
 * By what factor the young generation grows when much of it survives. A process that serves makes little that lives, and collects
 * it as quickly in what loading the program has left (16 MiB) as in the 48 or 128 the engine would take and keep: 1. One that
 * takes in a whole state, of which everything survives, does less work with 2. Whoever starts the process with
 * `--max-semi-space-size` has what they asked for.
 */
export function growYoungGeneration(factor: 1 | 2): void {
  const sized = process.execArgv.some((flag) => flag.startsWith('--max-semi-space-size'));
  if (!sized) setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}

/** From here on the time collections take matters more than what lies uncollected. */
const MANY_BUFFER_BYTES = 256 * 2 ** 20;
const LOOK_MS = 10_000;
/** Collected again when half as much more is there as lived; by itself the engine would wait for several times as much. */
const GROWING_PERCENT = 50;

/**
 * Lets buffers count as part of the heap as soon as there are more than 256 MiB of them. Until then the engine begins to collect
 * the whole heap each time 64 MiB of buffers were made since it last did, and does a piece of that work, of 5 ms or more,
 * within the making of every further one. That keeps a small process small; one that keeps hundreds of megabytes in small buffers
 * and replaces some of them all the time stands still for some tens of milliseconds several times a second.
 * @returns how to look no more
 */
export function countManyBuffersAsHeap(clock: Clock): () => void {
  const timer = clock.setInterval(() => {
    if (process.memoryUsage().arrayBuffers < MANY_BUFFER_BYTES) return;
    setFlagsFromString('--external-memory-accounted-in-global-limit');
    setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
    timer.cancel();
  }, LOOK_MS);
  return () => timer.cancel();
}
