import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { AuthState } from '../auth/auth-state.ts';
import { LIMITS } from '../limits.ts';
import { SimpleTokens } from './simple-tokens.ts';

const TTL_MS = 1_000;

/** Members that hear of tokens through a log of their own. */
class Bench {
  readonly clock = new ManualClock();
  readonly auth = new AuthState();
  readonly log: { user: string; digest: Buffer }[] = [];
  catchUps = 0;
  behind = false;
  applied = 0;
  readonly tokens = this.member(() => this.applied);

  member(applied: () => number): SimpleTokens {
    const made: SimpleTokens = new SimpleTokens({
      ...{ auth: this.auth, clock: this.clock, ttlMs: TTL_MS },
      announce: ({ user }, digest) => {
        this.log.push({ user, digest });
        this.applied++;
        made.issued({ user, digest });
        return Promise.resolve();
      },
      appliedIndex: () => BigInt(applied()),
      catchUp: () => {
        this.catchUps++;
        for (const one of this.log) made.issued(one);
        return Promise.resolve();
      },
    });
    return made;
  }

  issue(user: string): Promise<string> {
    return this.tokens.issue({ user, authRevision: 1n });
  }

  async userOf(token: string, at = this.tokens): Promise<string | undefined> {
    return (await at.resolve(token))?.user;
  }
}

describe('simple tokens', () => {
  it('stand for their user, at the auth revision of the moment', async () => {
    const bench = new Bench();
    const token = await bench.issue('u');
    assert.match(token, /^[A-Za-z]{22}\.1$/);
    assert.deepEqual(await bench.tokens.resolve(token), { user: 'u', authRevision: 1n });
    assert.notEqual(await bench.issue('u'), token);
  });

  it('are not in the log', async () => {
    const bench = new Bench();
    const [secret = ''] = (await bench.issue('u')).split('.');
    assert.equal(bench.log[0]?.digest.length, 32);
    assert.ok(!bench.log[0]?.digest.includes(secret));
  });

  it('end some time after their last use', async () => {
    const bench = new Bench();
    const token = await bench.issue('u');
    for (let i = 0; i < 3; i++) {
      bench.clock.advance(TTL_MS - 1);
      assert.equal(await bench.userOf(token), 'u');
    }
    bench.clock.advance(TTL_MS);
    assert.equal(await bench.userOf(token), undefined);
    assert.equal(await bench.userOf(token), undefined);
    assert.equal(bench.tokens.size, 0);
  });

  it('end with their user, or all together', async () => {
    const bench = new Bench();
    const [u, v] = [await bench.issue('u'), await bench.issue('v')];
    bench.tokens.revoked('u');
    assert.deepEqual([await bench.userOf(u), await bench.userOf(v)], [undefined, 'v']);
    bench.tokens.allRevoked();
    assert.equal(await bench.userOf(v), undefined);
  });

  it('are good at another member, once it has caught up', async () => {
    const bench = new Bench();
    const token = await bench.issue('u');
    const other = bench.member(() => 0);
    assert.equal(await bench.userOf(token, other), 'u');
    assert.equal(bench.catchUps, 1);
    assert.equal(await bench.userOf(token, other), 'u');
    assert.equal(bench.catchUps, 1, 'only what a member may have missed makes it look');
  });

  it('that nobody gave out are no good, whatever they look like', async () => {
    const bench = new Bench();
    await bench.issue('u');
    const bad = [
      '',
      'x',
      'abcdefghijklmnop.1',
      'abcdefghijklmnop.',
      'abcdefghijklmnop',
      '..',
      '.1',
    ];
    for (const token of [...bad, 'x'.repeat(10_000), 'abcdefghijklmnop.-1']) {
      assert.equal(await bench.userOf(token), undefined, token.slice(0, 30));
    }
    assert.equal(await bench.userOf('abcdefghijklmnop.999999'), undefined);
  });

  it('make room: those that ended go first, then the oldest', async () => {
    const bench = new Bench();
    const digest = (n: number): Buffer => Buffer.from(`digest ${n}`);
    bench.tokens.issued({ user: 'u', digest: digest(-1) });
    bench.clock.advance(TTL_MS);
    for (let i = 0; i <= LIMITS.simpleTokens; i++) {
      bench.tokens.issued({ user: 'u', digest: digest(i) });
    }
    assert.equal(bench.tokens.size, LIMITS.simpleTokens);
    await bench.issue('v');
    assert.equal(bench.tokens.size, LIMITS.simpleTokens);
  });
});
