import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { joinStreams } from './join-streams.ts';

/** A stream whose writes wait until they are let through. */
class Slow extends Duplex {
  readonly got: string[] = [];
  #waiting: (() => void) | undefined;

  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.got.push(chunk.toString());
    this.#waiting = done;
  }
  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map((one) => one.chunk)), '', done);
  }
  letThrough(): void {
    this.#waiting?.();
  }
}

describe('joined streams', () => {
  it('pass on what one sent before its end', async () => {
    const [a, b] = [new Slow(), new Slow()];
    const joined = joinStreams(a, b);
    a.push('one');
    a.push(null);
    while (b.got.length === 0) await new Promise(setImmediate);
    a.destroy();
    await once(a, 'close');
    assert.equal(b.destroyed, false, 'a write is on its way');
    b.letThrough();
    await joined;
    assert.deepEqual(b.got, ['one']);
    assert.equal(b.destroyed, true);
  });

  it('keep pieces apart', async () => {
    const [a, b] = [new Slow(), new Slow()];
    const joined = joinStreams(a, b);
    const pieces = ['one', 'two', 'three', 'four'];
    for (const piece of pieces) a.push(piece);
    for (let turns = 0; b.got.length < pieces.length && turns < 1_000; turns++) {
      await new Promise(setImmediate);
      b.letThrough();
    }
    assert.deepEqual(b.got, pieces);
    a.destroy();
    b.letThrough();
    await joined;
  });

  it('break together', async () => {
    const [a, b] = [new Slow(), new Slow()];
    const joined = joinStreams(a, b);
    b.push('in the way');
    while (a.got.length === 0) await new Promise(setImmediate);
    b.destroy(new Error('broken'));
    await joined;
    assert.equal(a.destroyed, true);
  });

  it('end when one was closed before', async () => {
    const [a, b] = [new Slow(), new Slow()];
    a.destroy();
    await once(a, 'close');
    await joinStreams(a, b);
    assert.equal(b.destroyed, true);
  });
});
