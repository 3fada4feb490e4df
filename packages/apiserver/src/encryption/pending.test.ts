import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InOrder, Pending, settled } from './pending.ts';

const none = (): never => assert.fail('told of a failure');

describe('work that may have to wait', () => {
  it('is done again when it is worth it, a few times', async () => {
    let tries = 0;
    const work = (): string => {
      tries += 1;
      if (tries < 3) throw new Pending(Promise.resolve());
      return 'done';
    };
    assert.equal(await settled(work), 'done');
    await assert.rejects(
      settled(() => {
        throw new Pending(Promise.resolve());
      }),
      Pending,
    );
  });
});

describe('steps in their order', () => {
  /** A step that waits until it is told to go on. */
  function waiting() {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let isReady = false;
    const prepare = (): string => {
      if (!isReady) throw new Pending(promise);
      return 'late';
    };
    const go = (): void => {
      isReady = true;
      resolve();
    };
    return { prepare, go, give: reject };
  }

  it('happen at once while nothing waits', () => {
    const seen: string[] = [];
    new InOrder(1).run(
      () => 'now',
      (value) => seen.push(value),
      none,
    );
    assert.deepEqual(seen, ['now']);
  });

  it('wait for one that waits', async () => {
    const seen: string[] = [];
    const order = new InOrder(2);
    const { prepare, go } = waiting();
    const { promise: done, resolve } = Promise.withResolvers<void>();
    order.run(prepare, (value) => seen.push(value), none);
    order.run(
      () => 'next',
      (value) => seen.push(value),
      none,
    );
    order.run(() => undefined, resolve, none);
    assert.deepEqual(seen, []);
    go();
    await done;
    assert.deepEqual(seen, ['late', 'next']);
  });

  it('are over with one that fails, or when too many wait', async () => {
    for (const isFull of [false, true]) {
      const order = new InOrder(1);
      const { prepare, give } = waiting();
      const { promise: failure, resolve: fail } = Promise.withResolvers<unknown>();
      order.run(prepare, none, fail);
      order.run(() => 'next', none, fail);
      if (isFull) order.run(() => 'one too many', none, fail);
      give(new Error('no key'));
      assert.match(String(await failure), isFull ? /too much came/ : /no key/);
      order.run(() => 'after', none, none);
    }
  });

  it('do not happen after the end', async () => {
    const order = new InOrder(1);
    const { prepare, go } = waiting();
    order.run(prepare, none, none);
    order.end();
    go();
    await settled(prepare);
    order.run(() => 'after', none, none);
  });

  it('leave it to others what becomes of their values', () => {
    const broken = (): never => {
      throw new Error('a fault of whoever takes it');
    };
    assert.throws(() => new InOrder(1).run(() => 'now', broken, none), /a fault of whoever/);
  });
});
