import type { EventEmitter } from 'node:events';

/** The part of a call that is written to. */
export interface Written<T> extends Pick<EventEmitter, 'once' | 'off'> {
  write(message: T, onTaken: () => void): boolean;
  end(): void;
}

/**
 * Sends an answer of many messages at its reader's pace: each is made when the one before is on its way, so that the whole is
 * never in memory, and others have their turn in between. Resolves when all are sent, or nobody reads any more.
 */
export async function writeAll<T>(call: Written<T>, messages: Iterable<T>): Promise<void> {
  let isGone = false;
  let wake = (): void => undefined;
  const onGone = (): void => {
    isGone = true;
    wake();
  };
  const ends = ['cancelled', 'close', 'error'];
  for (const end of ends) call.once(end, onGone);
  for (const message of messages) {
    if (isGone) return;
    await new Promise<void>((resolve) => {
      wake = resolve;
      call.write(message, resolve);
    });
  }
  for (const end of ends) call.off(end, onGone);
  if (!isGone) call.end();
}
