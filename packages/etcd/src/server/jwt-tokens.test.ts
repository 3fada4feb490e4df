import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ConfigError, ManualClock } from '@kubets/platform';
import { AuthState } from '../auth/auth-state.ts';
import { jwtOf } from './auth-settings.ts';
import { type JwtSettings, JwtTokens } from './jwt-tokens.ts';

const dir = mkdtempSync(join(tmpdir(), 'kubets-jwt-'));
after(() => rmSync(dir, { recursive: true }));
function file(name: string, content: string | Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PRIVATE = file('key.pem', ec.privateKey.export({ type: 'pkcs8', format: 'pem' }));
const PUBLIC = file('pub.pem', ec.publicKey.export({ type: 'spki', format: 'pem' }));
const SECRET = file('secret', 'a secret nobody can guess at all');
const NOW_MS = 1_800_000_000_000;

function settings(text: string): JwtSettings {
  const made = jwtOf(text);
  assert.ok(made !== undefined);
  return made;
}

class Bench {
  readonly clock = new ManualClock(NOW_MS);
  readonly auth = new AuthState();

  tokens(text: string): JwtTokens {
    return new JwtTokens(settings(text), this.auth, this.clock);
  }
}

describe('JSON web tokens', () => {
  const kinds = [
    `jwt,sign-method=ES256,pub-key=${PUBLIC},priv-key=${PRIVATE}`,
    `jwt,sign-method=ES256,priv-key=${PRIVATE},ttl=1m`,
    `jwt,sign-method=HS256,priv-key=${SECRET}`,
  ];
  for (const text of kinds) {
    it(`stand for a user and an auth revision: ${text.replaceAll(dir, '')}`, async () => {
      const tokens = new Bench().tokens(text);
      const token = await tokens.issue({ user: 'u', authRevision: 1n });
      assert.deepEqual(await tokens.resolve(token), { user: 'u', authRevision: 1n });
      assert.equal(await tokens.resolve(`${token.slice(0, -8)}AAAAAAAA`), undefined);
    });
  }

  it('end', async () => {
    const bench = new Bench();
    const tokens = bench.tokens(`jwt,sign-method=HS256,priv-key=${SECRET},ttl=10s`);
    const token = await tokens.issue({ user: 'u', authRevision: 1n });
    bench.clock.advance(9_000);
    assert.ok(await tokens.resolve(token));
    bench.clock.advance(2_000);
    assert.equal(await tokens.resolve(token), undefined);
  });

  it('signed by others, or otherwise, are no good', async () => {
    const bench = new Bench();
    const own = bench.tokens(`jwt,sign-method=HS256,priv-key=${SECRET}`);
    const other = file('other', 'another secret, which is no use!');
    const stranger = bench.tokens(`jwt,sign-method=HS256,priv-key=${other}`);
    const curve = bench.tokens(`jwt,sign-method=ES256,priv-key=${PRIVATE}`);
    for (const foreign of [stranger, curve]) {
      const token = await foreign.issue({ user: 'root', authRevision: 1n });
      assert.equal(await own.resolve(token), undefined);
    }
    const unsigned = `${btoa('{"alg":"none"}')}.${btoa('{"username":"root","revision":1}')}.`;
    for (const bad of ['', 'x', 'a.b.c', unsigned]) assert.equal(await own.resolve(bad), undefined);
  });

  it('are not made once users have changed since the password was checked', async () => {
    const bench = new Bench();
    const tokens = bench.tokens(`jwt,sign-method=HS256,priv-key=${SECRET}`);
    bench.auth.restore({ ...bench.auth.content(), revision: 2n });
    await assert.rejects(tokens.issue({ user: 'u', authRevision: 1n }), /revision of auth store/);
  });

  it('can be checked by those who cannot make them', async () => {
    const bench = new Bench();
    const maker = bench.tokens(`jwt,sign-method=ES256,priv-key=${PRIVATE}`);
    const reader = bench.tokens(`jwt,sign-method=ES256,pub-key=${PUBLIC}`);
    const token = await maker.issue({ user: 'u', authRevision: 1n });
    assert.equal((await reader.resolve(token))?.user, 'u');
    await assert.rejects(reader.issue({ user: 'u', authRevision: 1n }), /verify-only/);
  });
});

describe('--auth-token', () => {
  it('is simple unless it says otherwise', () => assert.equal(jwtOf('simple'), undefined));

  const wrong: [string, RegExp][] = [
    ['', /neither simple nor jwt/],
    ['simple,ttl=1m', /neither/],
    ['jwt', /sign-method/],
    ['jwt,sign-method=none', /sign-method "none"/],
    ['jwt,sign-method', /not NAME=VALUE/],
    ['jwt,sign-method=RS256', /needs pub-key or priv-key/],
    ['jwt,sign-method=HS256,pub-key=x', /needs priv-key/],
    ['jwt,sign-method=RS256,priv-key=/nowhere/at/all', /cannot use \/nowhere\/at\/all/],
    [`jwt,sign-method=RS256,priv-key=${SECRET}`, /cannot use/],
    [`jwt,sign-method=ES256,priv-key=${PRIVATE},ttl=soon`, /ttl "soon"/],
    [`jwt,sign-method=ES256,priv-key=${PRIVATE},size=1`, /unknown option size/],
  ];
  for (const [text, message] of wrong) {
    it(`refuses ${text.replaceAll(dir, '') || 'nothing'}`, () => {
      assert.throws(
        () => jwtOf(text),
        (error) => {
          assert.ok(error instanceof ConfigError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
