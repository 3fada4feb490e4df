import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { isEtcdError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { Passwords } from './passwords.ts';

const COST = 4;

describe('passwords', () => {
  it('match their own hash only', async () => {
    const passwords = new Passwords(new ManualClock(), COST);
    const [one, again] = await Promise.all([passwords.hash('secret'), passwords.hash('secret')]);
    assert.match(one, /^\$2[aby]\$04\$/);
    assert.notEqual(one, again, 'hashes are salted');
    assert.equal(await passwords.matches('secret', one), true);
    assert.equal(await passwords.matches('Secret', one), false);
    assert.equal(await passwords.matches('', one), false);
    assert.equal(await passwords.matches('', await passwords.hash('')), true);
    for (const none of ['', 'x', one.slice(1)]) {
      assert.equal(await passwords.matches('secret', none), false, none);
    }
    await passwords.close();
  });

  it('are known by hashes made elsewhere', async () => {
    const passwords = new Passwords(new ManualClock(), COST);
    const known = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
    assert.equal(await passwords.matches('U*U', known), true);
    await passwords.close();
  });

  it('wait for each other, and again after the thread has rested', async () => {
    const clock = new ManualClock();
    const passwords = new Passwords(clock, COST);
    const hash = await passwords.hash('a');
    clock.advance(LIMITS.passwordThreadIdleMs);
    const all = await Promise.all(['a', 'b', 'a'].map((text) => passwords.matches(text, hash)));
    assert.deepEqual(all, [true, false, true]);
    await passwords.close();
  });

  it('that wait when the member stops are told', async () => {
    const passwords = new Passwords(new ManualClock(), COST);
    const waiting = passwords.hash('a');
    const told = assert.rejects(waiting, (error) => isEtcdError(error, 'stopped'));
    await passwords.close();
    await told;
  });
});
