import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { writeAll } from './write-all.ts';

/** A call whose reader takes a message when told. */
class Reader extends EventEmitter {
  readonly got: number[] = [];
  ended = false;
  #onTaken: (() => void) | undefined;

  write(message: number, onTaken: () => void): boolean {
    this.got.push(message);
    this.#onTaken = onTaken;
    return false;
  }
  end(): void {
    this.ended = true;
  }
  async take(): Promise<void> {
    this.#onTaken?.();
    await new Promise(setImmediate);
  }
}

function* counted(made: { count: number }, to: number): Generator<number> {
  for (; made.count < to; ) yield made.count++;
}

describe('an answer of many messages', () => {
  it('is made as it is read, and ends', async () => {
    const [reader, made] = [new Reader(), { count: 0 }];
    const done = writeAll(reader, counted(made, 3));
    assert.equal(made.count, 1);
    await reader.take();
    assert.equal(made.count, 2);
    await reader.take();
    await reader.take();
    await done;
    assert.deepEqual([reader.got, reader.ended], [[0, 1, 2], true]);
    assert.equal(reader.listenerCount('close'), 0);
  });

  it('is not made for a reader that is gone', async () => {
    for (const end of ['cancelled', 'close']) {
      const [reader, made] = [new Reader(), { count: 0 }];
      const done = writeAll(reader, counted(made, 3));
      reader.emit(end);
      await done;
      assert.deepEqual([made.count, reader.got, reader.ended], [2, [0], false], end);
    }
  });
});
