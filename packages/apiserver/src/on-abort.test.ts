import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { onAbort } from './on-abort.ts';

describe('waiting for a signal', () => {
  it('tells everybody who still waits, once, with one listener', () => {
    const stop = new AbortController();
    const told: string[] = [];
    const callback = (): void => void told.push('same');
    onAbort(stop.signal, callback);
    const undo = onAbort(stop.signal, callback);
    onAbort(stop.signal, () => told.push('other'));
    assert.equal(getEventListeners(stop.signal, 'abort').length, 1);
    undo();
    stop.abort();
    stop.abort();
    assert.deepEqual(told, ['same', 'other']);
  });

  it('lets those who are told take others off', () => {
    const stop = new AbortController();
    const undos: (() => void)[] = [];
    for (let i = 0; i < 3; i += 1) {
      undos.push(onAbort(stop.signal, () => undos.forEach((undo) => void undo())));
    }
    stop.abort();
    assert.equal(stop.signal.aborted, true);
  });
});
