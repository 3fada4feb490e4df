import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ConfigError, ManualClock, parseFlags, silentLogger } from '@kubets/platform';
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose';
import { type ApiServerConfig, flags } from '../config.ts';
import { LIMITS } from '../edge-limits.ts';
import { FakeStore } from '../edge-testing.ts';
import { TestService } from '../testing/outbound-service.ts';
import type { EdgeAuthenticator } from './authenticator.ts';
import { authenticationOf } from './from-config.ts';

const NOW = Date.parse('2027-01-01T00:00:00Z');
const REQUIRED = ['etcd-servers', 'tls-cert-file', 'tls-private-key-file', 'client-ca-file'];

let service: TestService;
let clock: ManualClock;
before(async () => {
  service = await TestService.start();
});
after(() => service.stop());
beforeEach(() => {
  service.asked.length = 0;
  clock = new ManualClock(NOW);
});

function authenticatorOf(...argv: string[]): EdgeAuthenticator {
  const config = parseFlags(flags, [...REQUIRED.map((name) => `--${name}=x`), ...argv]);
  return authenticationOf(config as unknown as ApiServerConfig, {
    ...{ store: new FakeStore(), serviceAccount: undefined, clock, log: silentLogger, modes: [] },
    serverId: 'me',
  }).authenticator;
}

const come = (authenticator: EdgeAuthenticator, token: string) =>
  authenticator.authenticate({ authorization: `Bearer ${token}`, peer: undefined });

describe('ID tokens of a provider', () => {
  let keys: GenerateKeyPairResult;
  let kid: string;

  beforeEach(async () => {
    keys = await generateKeyPair('RS256');
    kid = 'one';
    service.answer = ({ path }) => {
      if (path.startsWith('/.well-known')) {
        return { body: { issuer: service.url, jwks_uri: `${service.url}/keys` } };
      }
      return { body: jwks };
    };
    await publish();
  });
  let jwks: object;
  async function publish(): Promise<void> {
    jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid, alg: 'RS256', use: 'sig' }] };
  }

  const token = (claims: object = {}, o: { audience?: string; endsIn?: string } = {}) =>
    new SignJWT({ sub: 'ann', groups: ['dev', 'ops'], ...claims })
      .setProtectedHeader({ alg: 'RS256', kid })
      .setIssuer(service.url)
      .setAudience(o.audience ?? 'kubernetes')
      .setIssuedAt(NOW / 1000)
      .setExpirationTime(NOW / 1000 + Number(o.endsIn ?? 3600))
      .sign(keys.privateKey);

  const oidc = (...more: string[]) =>
    authenticatorOf(
      `--oidc-issuer-url=${service.url}`,
      '--oidc-client-id=kubernetes',
      `--oidc-ca-file=${service.file('ca.pem', service.ca.toString())}`,
      ...more,
    );

  it('name a user, marked with the issuer', async () => {
    assert.deepEqual(await come(oidc(), await token({ jti: 'x' })), {
      name: `${service.url}#ann`,
      uid: '',
      groups: ['system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=x'] },
    });
  });

  it('name user and groups by the claims and prefixes of the flags', async () => {
    const authenticator = oidc(
      '--oidc-username-claim=email',
      '--oidc-groups-claim=groups',
      '--oidc-groups-prefix=oidc:',
    );
    const user = await come(authenticator, await token({ email: 'ann@example.com' }));
    assert.equal(user?.name, 'ann@example.com');
    assert.deepEqual(user?.groups, ['oidc:dev', 'oidc:ops', 'system:authenticated']);
    const one = await come(authenticator, await token({ email: 'a@b.c', groups: 'dev' }));
    assert.deepEqual(one?.groups, ['oidc:dev', 'system:authenticated']);
    const plain = await come(oidc('--oidc-username-prefix=-'), await token());
    assert.equal(plain?.name, 'ann');
  });

  const refused: readonly [string, string[], object, { audience?: string; endsIn?: string }][] = [
    ['for somebody else', [], {}, { audience: 'other' }],
    ['that has ended', [], {}, { endsIn: '-10' }],
    ['without the username claim', ['--oidc-username-claim=email'], {}, {}],
    [
      'with an address nobody verified',
      ['--oidc-username-claim=email'],
      { email: 'a@b.c', email_verified: false },
      {},
    ],
    ['without a required claim', ['--oidc-required-claim=team=x'], { team: 'y' }, {}],
    ['with groups that are none', ['--oidc-groups-claim=groups'], { groups: [1] }, {}],
    ['of another algorithm', ['--oidc-signing-algs=ES256'], {}, {}],
  ];
  for (const [what, argv, claims, o] of refused) {
    it(`are refused ${what}`, async () => {
      await assert.rejects(come(oidc(...argv), await token(claims, o)), { code: 401 });
    });
  }

  it('with a claim that is required are taken', async () => {
    const authenticator = oidc('--oidc-required-claim=team=x', '--oidc-required-claim=at=home');
    assert.ok(await come(authenticator, await token({ team: 'x', at: 'home' })));
  });

  it('are checked with keys that are asked for once, and again when one is unknown', async () => {
    const authenticator = oidc();
    await come(authenticator, await token());
    await come(authenticator, await token());
    assert.equal(service.asked.length, 2);
    keys = await generateKeyPair('RS256');
    kid = 'two';
    await publish();
    await assert.rejects(come(authenticator, await token()), { code: 401 });
    assert.equal(service.asked.length, 2, 'made-up keys cost the provider nothing');
    clock.advance(LIMITS.oidcRefreshMs);
    assert.ok(await come(authenticator, await token()));
    assert.equal(service.asked.length, 3, 'where they are is known');
  });

  it('of a provider that calls itself otherwise are refused', async () => {
    service.answer = () => ({ body: { issuer: 'https://other', jwks_uri: service.url } });
    await assert.rejects(come(oidc(), await token()), { code: 401 });
  });

  const wrong: readonly [string, string[]][] = [
    ['an issuer without a client', ['--oidc-issuer-url=https://a.example']],
    ['an issuer in the clear', ['--oidc-issuer-url=http://a.example', '--oidc-client-id=k']],
    ['a required claim without a value', ['--oidc-required-claim=x']],
  ];
  for (const [what, argv] of wrong) {
    it(`${what} is a wrong setting`, () => {
      const build = () =>
        what.startsWith('a required') ? oidc(...argv) : authenticatorOf(...argv);
      assert.throws(build, ConfigError);
    });
  }
});

describe('the token webhook', () => {
  const hooked = (...more: string[]) =>
    authenticatorOf(`--authentication-token-webhook-config-file=${service.kubeconfig()}`, ...more);
  const known = {
    authenticated: true,
    user: { username: 'ann', uid: '7', groups: ['dev'], extra: { team: ['x'] } },
  };

  it('tells who a token belongs to', async () => {
    service.answer = () => ({ body: { status: known } });
    const user = await come(hooked(), 'opaque');
    assert.deepEqual(user, {
      name: 'ann',
      uid: '7',
      groups: ['dev', 'system:authenticated'],
      extra: { team: ['x'] },
    });
    assert.equal(service.asked[0]?.body.apiVersion, 'authentication.k8s.io/v1beta1');
    assert.deepEqual(service.asked[0]?.body.spec, { token: 'opaque' });
  });

  it('is asked once a token while the answer is kept, be it yes or no', async () => {
    service.answer = ({ body }) => ({
      body: { status: (body.spec as { token: string }).token === 'good' ? known : {} },
    });
    const authenticator = hooked('--authentication-token-webhook-cache-ttl=1m');
    for (let i = 0; i < 3; i += 1) {
      assert.ok(await come(authenticator, 'good'));
      await assert.rejects(come(authenticator, 'bad'), { code: 401 });
    }
    assert.equal(service.asked.length, 2);
    clock.advance(60_000);
    assert.ok(await come(authenticator, 'good'));
    assert.equal(service.asked.length, 3);
  });

  it('tells what it has against a token, and is asked again the next time', async () => {
    service.answer = () => ({ body: { status: { authenticated: false, error: 'no good' } } });
    const authenticator = hooked();
    for (let i = 0; i < 2; i += 1) {
      const refusals: string[] = [];
      assert.equal(await authenticator.authenticateToken('t', [], refusals), undefined);
      assert.deepEqual(refusals, ['no good']);
    }
    assert.equal(service.asked.length, 2);
    service.answer = () => ({ code: 400, body: {} });
    const refusals: string[] = [];
    await authenticator.authenticateToken('t', [], refusals);
    assert.match(refusals.join(), /answered 400/);
  });

  it('that fails knows nobody, and is asked again the next time', async () => {
    service.answer = () => ({ code: 400, body: {} });
    const authenticator = hooked();
    await assert.rejects(come(authenticator, 'good'), { code: 401 });
    service.answer = () => ({ body: { status: known } });
    assert.ok(await come(authenticator, 'good'));
  });
});

describe('front proxies', () => {
  const proxied = (...more: string[]) =>
    authenticatorOf(
      '--requestheader-client-ca-file=x',
      '--requestheader-allowed-names=front',
      '--requestheader-uid-headers=X-Remote-Uid',
      ...more,
    );
  const headers = {
    'x-remote-user': 'ann',
    'x-remote-uid': '7',
    'x-remote-group': ['dev', 'ops'],
    'x-remote-extra-acme.com%2fteam': 'x',
  };
  const proxy = { commonName: 'front' };

  it('speak for the user they name', async () => {
    const credentials = { authorization: undefined, peer: undefined, proxy, headers };
    assert.deepEqual(await proxied().authenticate(credentials), {
      name: 'ann',
      uid: '7',
      groups: ['dev', 'ops', 'system:authenticated'],
      extra: { 'acme.com/team': ['x'] },
    });
  });

  const anonymous: readonly [string, object][] = [
    ['without a certificate of theirs', { headers }],
    ['of another name', { headers, proxy: { commonName: 'other' } }],
    ['that name nobody', { headers: {}, proxy }],
  ];
  for (const [what, more] of anonymous) {
    it(`${what} are nobody`, async () => {
      const credentials = { authorization: undefined, peer: undefined, ...more };
      assert.equal((await proxied().authenticate(credentials))?.name, 'system:anonymous');
    });
  }
});
