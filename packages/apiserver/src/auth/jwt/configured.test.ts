import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ConfigError, ManualClock, Metrics, parseFlags, silentLogger } from '@kubets/platform';
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose';
import { type ApiServerConfig, flags } from '../../config.ts';
import { LIMITS } from '../../edge-limits.ts';
import { FakeStore } from '../../edge-testing.ts';
import { WatchedFile } from '../../settings/watched-file.ts';
import { TestService } from '../../testing/outbound-service.ts';
import type { EdgeAuthenticator } from '../authenticator.ts';
import { authenticationOf, type ConfiguredAuthentication } from '../from-config.ts';

const NOW = Date.parse('2027-01-01T00:00:00Z');
const REQUIRED = ['etcd-servers', 'tls-cert-file', 'tls-private-key-file', 'client-ca-file'];

let service: TestService;
let clock: ManualClock;
let metrics: Metrics;
let keys: GenerateKeyPairResult;
let jwks: object;
/** What endpoints of distributed claims answer, by path. */
let endpoints: Record<string, string>;

before(async () => {
  service = await TestService.start();
  keys = await generateKeyPair('ES256');
  jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), alg: 'ES256', use: 'sig' }] };
});
after(() => service.stop());
beforeEach(() => {
  service.asked.length = 0;
  endpoints = {};
  clock = new ManualClock(NOW);

  service.answer = ({ path }) => {
    if (path === '/keys') return { body: jwks };
    const name = path.startsWith('/two') ? `${service.url}/two` : service.url;
    if (path.endsWith('openid-configuration') || path === '/elsewhere') {
      return { body: { issuer: name, jwks_uri: `${service.url}/keys` } };
    }
    const body = endpoints[path];
    return body === undefined ? { code: 404, body: {} } : { body };
  };
});

const issuer = (more: object = {}) => ({
  ...{ url: service.url, audiences: ['k'], certificateAuthority: service.ca.toString() },
  ...more,
});
const username = { claim: 'sub', prefix: '' };
const one = (more: object = {}) => ({ issuer: issuer(), claimMappings: { username }, ...more });
const fileOf = (config: object): string =>
  service.file(
    'authentication.yaml',
    JSON.stringify({
      ...{ apiVersion: 'apiserver.config.k8s.io/v1beta1', kind: 'AuthenticationConfiguration' },
      ...config,
    }),
  );

function configured(config: object, ...argv: string[]): ConfiguredAuthentication {
  const file = fileOf(config);
  const all = [
    ...REQUIRED.map((name) => `--${name}=x`),
    `--authentication-config=${file}`,
    ...argv,
  ];
  const parsed = parseFlags(flags, all) as unknown as ApiServerConfig;
  metrics = new Metrics();
  return authenticationOf(parsed, {
    ...{ store: new FakeStore(), serviceAccount: undefined, clock, log: silentLogger, modes: [] },
    ...{ metrics, serverId: 'me' },
  });
}
const authenticatorOf = (...jwt: object[]) => configured({ jwt }).authenticator;

const token = (claims: object = {}) =>
  new SignJWT({ iss: service.url, sub: 'ann', aud: 'k', exp: NOW / 1000 + 3600, ...claims })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(keys.privateKey);

/** Who a token belongs to, or what there is against it. */
async function who(authenticator: EdgeAuthenticator, claims: object = {}) {
  const refusals: string[] = [];
  const found = await authenticator.authenticateToken(await token(claims), [], refusals);
  if (found === undefined) return refusals.join('; ');
  const { name, uid, groups, extra } = found.user;
  return [name, uid, groups.filter((group) => group !== 'system:authenticated').join(), extra];
}

describe('tokens of configured issuers', () => {
  it('name users by expressions', async () => {
    const authenticator = authenticatorOf(
      one({
        claimMappings: {
          username: { expression: "'jwt:' + claims.sub" },
          groups: { expression: "claims.roles.split(',') + claims.?more.orValue([])" },
          uid: { expression: 'claims.id' },
          extra: [
            { key: 'a.io/one', valueExpression: 'claims.team' },
            { key: 'a.io/none', valueExpression: "has(claims.x) ? 'x' : ''" },
            { key: 'a.io/many', valueExpression: 'claims.nested.list' },
          ],
        },
      }),
    );
    const claims = {
      roles: 'a,b',
      id: '7',
      team: 'red',
      nested: { list: ['u', '', 'v'] },
      jti: 'j',
    };
    assert.deepEqual(await who(authenticator, { ...claims, more: ['c'] }), [
      ...['jwt:ann', '7', 'a,b,c'],
      {
        'authentication.kubernetes.io/credential-id': ['JTI=j'],
        'a.io/one': ['red'],
        'a.io/many': ['u', 'v'],
      },
    ]);
    assert.equal(
      await who(authenticator, { ...claims, id: 7 }),
      'oidc: error evaluating uid claim expression: uid claim expression must return a string',
    );
    assert.equal(
      await who(authenticator, { ...claims, team: 1 }),
      'oidc: error evaluating extra claim expression: claims.team: expression must return a string or a list of strings',
    );
  });

  const refused: readonly [string, object, object, string][] = [
    [
      'for somebody else',
      {},
      { aud: 'x' },
      'oidc: verify token: oidc: expected audience "k" got ["x"]',
    ],
    [
      'that has ended',
      {},
      { exp: NOW / 1000 - 1 },
      'oidc: verify token: oidc: token is expired (Token Expiry: 2026-12-31 23:59:59 +0000 UTC)',
    ],
    [
      'without a name',
      {},
      { sub: undefined },
      'oidc: parse username claims "sub": claim not present',
    ],
    [
      'whose name is none',
      { claimMappings: { username: { claim: 'n', prefix: '' } } },
      { n: 1 },
      'oidc: parse username claims "n": json: cannot unmarshal number into Go value of type string',
    ],
    [
      'with an address nobody verified',
      { claimMappings: { username: { claim: 'email', prefix: '' } } },
      { email: 'a@b', email_verified: false },
      'oidc: email not verified',
    ],
    [
      'with an address that is verified somehow',
      { claimMappings: { username: { claim: 'email', prefix: '' } } },
      { email: 'a@b', email_verified: 'yes' },
      "oidc: parse 'email_verified' claim: json: cannot unmarshal string into Go value of type bool",
    ],
    [
      'without a required claim',
      { claimValidationRules: [{ claim: 'hd', requiredValue: 'a' }] },
      {},
      'oidc: required claim hd not present in ID token',
    ],
    [
      'with another value of it',
      { claimValidationRules: [{ claim: 'hd', requiredValue: 'a' }] },
      { hd: 'b' },
      'oidc: required claim hd value does not match. Got = b, want = a',
    ],
    [
      'by a rule about claims',
      { claimValidationRules: [{ expression: "claims.hd == 'a'", message: 'not of a' }] },
      { hd: 'b' },
      "oidc: error evaluating claim validation expression: validation expression 'claims.hd == 'a'' failed: not of a",
    ],
    [
      'by a rule that fails',
      { claimValidationRules: [{ expression: "claims.hd == 'a'" }] },
      {},
      'oidc: error evaluating claim validation expression: no such key: hd',
    ],
    [
      'by a rule about users',
      { userValidationRules: [{ expression: "!user.username.startsWith('a')", message: 'no a' }] },
      {},
      "oidc: error evaluating user info validation rule: validation expression '!user.username.startsWith('a')' failed: no a",
    ],
    [
      'with groups that are none',
      { claimMappings: { username, groups: { claim: 'groups', prefix: '' } } },
      { groups: { a: 'b' } },
      'oidc: parse groups claim "groups": json: cannot unmarshal object into Go value of type string',
    ],
  ];
  for (const [what, settings, claims, problem] of refused) {
    it(`are refused ${what}`, async () => {
      assert.equal(await who(authenticatorOf(one(settings)), claims), problem);
    });
  }

  it('signed by somebody else are refused', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const forged = await new SignJWT({ iss: service.url, aud: 'k', exp: NOW / 1000 + 9 })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(privateKey);
    const refusals: string[] = [];
    assert.equal(await authenticatorOf(one()).authenticateToken(forged, [], refusals), undefined);
    assert.match(
      refusals.join(),
      /failed to verify signature: failed to verify id token signature$/,
    );
  });

  it('are told apart by their issuers, each with audiences of its own', async () => {
    const two = {
      issuer: issuer({
        url: `${service.url}/two`,
        audiences: ['x', 'y'],
        audienceMatchPolicy: 'MatchAny',
      }),
    };
    const prefixed = { claimMappings: { username: { claim: 'sub', prefix: 'two:' } } };
    const authenticator = authenticatorOf(one(), { ...two, ...prefixed });
    assert.equal((await who(authenticator))[0], 'ann');
    const ofTwo = { iss: `${service.url}/two`, aud: ['z', 'y'] };
    assert.equal((await who(authenticator, ofTwo))[0], 'two:ann');
    assert.equal(
      await who(authenticator, { ...ofTwo, aud: 'k' }),
      'oidc: verify token: oidc: expected audience in ["x" "y"] got ["k"]',
    );
    assert.equal(await who(authenticator, { iss: 'https://nobody' }), '');
  });

  it('are checked with keys found where the configuration says', async () => {
    const discoveryURL = `${service.url}/elsewhere`;
    assert.equal((await who(authenticatorOf(one({ issuer: issuer({ discoveryURL }) }))))[0], 'ann');
    assert.deepEqual(
      service.asked.map(({ path }) => path),
      ['/elsewhere', '/keys'],
    );
  });

  it('are measured', async () => {
    const authenticator = authenticatorOf(one());
    await who(authenticator);
    await who(authenticator, { aud: 'x' });
    const text = await metrics.metrics();
    for (const result of ['success', 'failure']) {
      const series = `jwt_authenticator_latency_seconds_count{result="${result}",jwt_issuer_hash="sha256:`;
      assert.ok(text.includes(series), text);
    }
  });
});

describe('distributed claims', () => {
  const grouped = () =>
    authenticatorOf(
      one({ claimMappings: { username, groups: { claim: 'groups', prefix: 'g:' } } }),
    );
  const away = (source: object | undefined) => ({
    _claim_names: { groups: 'src' },
    ...(source && { _claim_sources: { src: source } }),
  });

  it('are asked for, with the access token', async () => {
    endpoints['/groups'] = await token({ iss: `${service.url}/two`, groups: ['a', 'b'] });
    const claims = away({ endpoint: `${service.url}/groups`, access_token: 'secret' });
    assert.equal((await who(grouped(), claims))[2], 'g:a,g:b');
    assert.equal(
      service.asked.find(({ path }) => path === '/groups')?.authorization,
      'Bearer secret',
    );
  });

  it('that are in the token too are not', async () => {
    const claims = { ...away({ endpoint: `${service.url}/groups` }), groups: 'own' };
    assert.equal((await who(grouped(), claims))[2], 'g:own');
  });

  it('that are aggregated are left out', async () => {
    assert.equal((await who(grouped(), away({ JWT: 'x.y.z' })))[2], '');
  });

  const HEAD = 'oidc: could not expand distributed claims: ';
  const refused: readonly [string, object, string][] = [
    ['without sources', away(undefined), 'oidc: no claim sources'],
    [
      'of a source that is not there',
      { ...away(undefined), _claim_sources: {} },
      'id token _claim_names contained a source src missing in _claims_sources',
    ],
  ];
  for (const [what, claims, problem] of refused) {
    it(`${what} are refused`, async () => {
      assert.equal(await who(grouped(), claims), `${HEAD}${problem}`);
    });
  }

  it('of an endpoint that gives none, or a bad token, are refused', async () => {
    const claims = away({ endpoint: `${service.url}/groups` });
    assert.match(
      String(await who(grouped(), claims)),
      /while getting distributed claim "groups": .*404/,
    );
    endpoints['/groups'] = await token({ groups: 'a', exp: 1 });
    assert.match(
      String(await who(grouped(), claims)),
      /verify distributed claim token: oidc: token is expired/,
    );
    endpoints['/groups'] = await token();
    assert.match(String(await who(grouped(), claims)), /did not contain claim: groups$/);
    endpoints['/groups'] = 'nothing';
    assert.match(
      String(await who(grouped(), claims)),
      /getting untrusted issuer from endpoint .* malformed token$/,
    );
  });
});

describe('the configuration', () => {
  const unnamed = async ({ authenticator }: ConfiguredAuthentication, path: string) =>
    (await authenticator.authenticate({ authorization: undefined, peer: undefined, path }))?.name;

  it('lets callers in unnamed for some paths only', async () => {
    const some = configured({ anonymous: { enabled: true, conditions: [{ path: '/livez' }] } });
    assert.equal(await unnamed(some, '/livez'), 'system:anonymous');
    assert.equal(await unnamed(some, '/api'), undefined);
    assert.equal(
      await unnamed(configured({ anonymous: { enabled: true } }), '/api'),
      'system:anonymous',
    );
    assert.equal(await unnamed(configured({ anonymous: { enabled: false } }), '/api'), undefined);
  });

  it('excludes the flags that say the same', () => {
    assert.throws(() => configured({}, '--oidc-username-claim=sub'), /mutually exclusive/);
    const build = () => configured({ anonymous: { enabled: true } }, '--anonymous-auth=true');
    assert.throws(build, /--anonymous-auth flag cannot be set when anonymous field is configured/);
    assert.throws(() => configured({ jwt: [{}] }), ConfigError);
  });

  it('is taken over when the file changes, and only if it can be used', async () => {
    const { authenticator, tasks } = configured({ jwt: [one()] });
    const [watch] = tasks;
    assert.ok(watch instanceof WatchedFile);
    const named = async (): Promise<unknown> => (await who(authenticator))[0];
    const counted = async (status: string): Promise<boolean> =>
      (await metrics.metrics()).includes(
        `apiserver_authentication_config_controller_automatic_reloads_total{status="${status}",apiserver_id_hash="sha256:`,
      );
    assert.equal(await named(), 'ann');
    fileOf({ jwt: [one({ claimMappings: { username: { claim: 'sub', prefix: 'new:' } } })] });
    await watch.look();
    assert.equal(await named(), 'new:ann');
    assert.equal(await counted('failure'), false);
    writeFileSync(fileOf({}), 'nonsense: [');
    await watch.look();
    assert.equal(await named(), 'new:ann');
    fileOf({ anonymous: { enabled: true } });
    await watch.look();
    assert.equal(await named(), 'new:ann');
    assert.ok((await counted('success')) && (await counted('failure')));
  });

  it('waits for the keys of new issuers, but not for ever', async () => {
    const { authenticator, tasks } = configured({ jwt: [one()] });
    const [watch] = tasks;
    assert.ok(watch instanceof WatchedFile);
    const { answer } = service;
    fileOf({ jwt: [one({ claimMappings: { username: { claim: 'sub', prefix: 'new:' } } })] });
    assert.equal((await who(authenticator))[0], 'ann');
    const refusing = Promise.withResolvers<void>();
    service.answer = (asked) => {
      refusing.resolve();
      return asked.path === '/keys' ? { code: 500, body: {} } : answer(asked);
    };
    const looking = watch.look();
    await refusing.promise;
    let done = false;
    void looking.then(() => {
      done = true;
    });
    for (let i = 0; i < 1_000 && !done; i += 1) {
      clock.advance(LIMITS.oidcRefreshMs);
      await new Promise(setImmediate);
    }
    await looking;
    service.answer = answer;
    assert.equal((await who(authenticator))[0], 'ann');
  });
});
