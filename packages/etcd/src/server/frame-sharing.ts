/**
 * Frames that several streams send alike. Streams number their watchers from 0 on, so a message to the watchers of one stream
 * is mostly, byte for byte, the message to those of the next: it is made once, and its memory given back when the last of them
 * has written it. Only within a turn: that is how long one change is on its way to all streams.
 */

import { LIMITS } from '../limits.ts';
import type { SharedMessage } from '../watch/index.ts';
import { giveFrameBuffer, isFrameBuffer } from './frame-buffers.ts';
import { framesForEach } from './shared-frames.ts';

/** Frames to write. */
export interface LentFrames {
  readonly bytes: Buffer;
  /** To be called once they are written. Absent: they are nobody else's, and not worth giving back. */
  readonly done: (() => void) | undefined;
}

interface Made {
  readonly ids: readonly bigint[];
  readonly bytes: Buffer;
  users: number;
  /** Others may still ask for them. */
  kept: boolean;
}

function sameIds(a: readonly bigint[], b: readonly bigint[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

function giveBack(made: Made): void {
  if (made.users === 0 && !made.kept) giveFrameBuffer(made.bytes);
}

export class FrameSharing {
  private message: SharedMessage | undefined;
  /** By the first watcher's id. */
  private readonly made = new Map<bigint, Made>();

  /** @returns the frames of all of them, in their order; nobody may change them */
  lend(message: SharedMessage, ids: readonly bigint[]): LentFrames {
    if (!this.isOf(message)) this.begin(message);
    const [first = 0n] = ids;
    const known = this.made.get(first);
    if (known !== undefined && sameIds(known.ids, ids)) return this.use(known);
    const bytes = framesForEach(message, ids);
    if (!isFrameBuffer(bytes)) return { bytes, done: undefined };
    const kept = known === undefined && this.made.size < LIMITS.sharedFrames;
    const made = { ids, bytes, users: 0, kept };
    if (kept) this.made.set(first, made);
    return this.use(made);
  }

  private use(made: Made): LentFrames {
    made.users++;
    const done = (): void => {
      made.users--;
      giveBack(made);
    };
    return { bytes: made.bytes, done };
  }

  private isOf({ front, rest }: SharedMessage): boolean {
    return this.message?.front === front && this.message.rest === rest;
  }

  private begin(message: SharedMessage): void {
    if (this.message === undefined) queueMicrotask(() => this.forget());
    else this.forget();
    this.message = message;
  }

  private forget(): void {
    this.message = undefined;
    for (const made of this.made.values()) {
      made.kept = false;
      giveBack(made);
    }
    this.made.clear();
  }
}
