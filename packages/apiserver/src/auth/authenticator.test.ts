import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import type { Secret } from '@kubets/api';
import { ConfigError, ManualClock } from '@kubets/platform';
import { exportPKCS8, generateKeyPair, SignJWT } from 'jose';
import { FakeStore, failure } from '../edge-testing.ts';
import { GVR } from '../resources.ts';
import { bearerToken, createAuthenticator, type EdgeAuthenticator } from './authenticator.ts';
import { boundObjectsOf } from './bound-objects.ts';
import { jsonWebKeySet, parseSigningKey, parseVerifyingKeys } from './keys.ts';
import { type KubernetesClaims, TokenIssuer } from './service-account-tokens.ts';
import { parseTokenFile } from './token-file.ts';

const ISSUER = 'https://issuer.example';
const dir = mkdtempSync(join(tmpdir(), 'kubets-auth-'));
const tokenFile = join(dir, 'tokens.csv');
writeFileSync(
  tokenFile,
  '# static\nadmin-token,admin,admin,"system:masters"\njoe-token,joe,joe-uid,"dev,ops"\n',
);
after(() => rmSync(dir, { recursive: true }));

const pemOf = (type: 'rsa' | 'ec'): string => {
  const pair =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
};
const rsaPem = pemOf('rsa');
const key = parseSigningKey(rsaPem, 'key');

const CLAIMS: KubernetesClaims = {
  namespace: 'ns',
  serviceaccount: { name: 'sa', uid: 'sa-uid' },
};

describe('authentication', () => {
  let store: FakeStore;
  let clock: ManualClock;
  let authenticator: EdgeAuthenticator;
  let issuer: TokenIssuer;

  const create = (o: { anonymousAuth?: boolean } = {}) =>
    createAuthenticator({
      anonymousAuth: o.anonymousAuth ?? true,
      tokenAuthFile: tokenFile,
      serviceAccount: { keys: parseVerifyingKeys(rsaPem, 'key'), issuer: ISSUER, audiences: [] },
      objects: boundObjectsOf(store),
      clock,
    });
  const bearer = (token: string) =>
    authenticator.authenticate({ authorization: `Bearer ${token}`, peer: undefined });
  const issue = async (claims = CLAIMS, audiences = [ISSUER], lifetimeSeconds = 3600) =>
    (await issuer.issue({ claims, audiences, lifetimeSeconds, tokenId: 'jti-1' })).token;
  const account = (uid = 'sa-uid') => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { namespace: 'ns', name: 'sa', uid },
  });
  const pod = (uid = 'pod-uid') => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'ns', name: 'p', uid },
  });

  beforeEach(() => {
    store = new FakeStore();
    clock = new ManualClock(1_800_000_000_000);
    authenticator = create();
    issuer = new TokenIssuer({ key, issuer: ISSUER, clock });
    store.seed(account());
  });

  it('takes the name and groups of a client certificate', async () => {
    const peer = { commonName: 'ann', organizations: ['dev'] };
    const user = await authenticator.authenticate({ authorization: undefined, peer });
    assert.deepEqual(user, {
      name: 'ann',
      uid: '',
      groups: ['dev', 'system:authenticated'],
      extra: {},
    });
  });

  it('a certificate goes before a token', async () => {
    const peer = { commonName: 'ann', organizations: [], fingerprint: 'ab12' };
    const user = await authenticator.authenticate({ authorization: 'Bearer joe-token', peer });
    assert.equal(user?.name, 'ann');
    const key = 'authentication.kubernetes.io/credential-id';
    assert.deepEqual(user?.extra, { [key]: ['X509SHA256=ab12'] });
  });

  it('knows static tokens', async () => {
    assert.deepEqual(await bearer('joe-token'), {
      name: 'joe',
      uid: 'joe-uid',
      groups: ['dev', 'ops', 'system:authenticated'],
      extra: {},
    });
  });

  it('is anonymous without credentials, and with schemes it does not know', async () => {
    for (const authorization of [undefined, '', 'Basic YTpi', 'Bearer', 'Bearer  ', 'Bearer  x']) {
      const user = await authenticator.authenticate({ authorization, peer: undefined });
      assert.deepEqual(user?.groups, ['system:unauthenticated'], String(authorization));
      assert.equal(user?.name, 'system:anonymous');
    }
  });

  it('takes tokens of former issuers', async () => {
    const former = new TokenIssuer({ key, issuer: 'https://former.example', clock });
    const draft = { claims: CLAIMS, audiences: [ISSUER], lifetimeSeconds: 3600, tokenId: 'x' };
    const { token } = await former.issue(draft);
    await assert.rejects(bearer(token), { code: 401 });
    authenticator = createAuthenticator({
      anonymousAuth: true,
      serviceAccount: {
        ...{ keys: parseVerifyingKeys(rsaPem, 'key'), issuer: ISSUER, audiences: [] },
        formerIssuers: ['https://former.example'],
      },
      ...{ objects: boundObjectsOf(store), clock },
    });
    assert.equal((await bearer(token))?.name, 'system:serviceaccount:ns:sa');
    assert.deepEqual(authenticator.apiAudiences, [ISSUER, 'https://former.example']);
  });

  it('lets nobody in without credentials when anonymous requests are off', async () => {
    authenticator = create({ anonymousAuth: false });
    assert.equal(
      await authenticator.authenticate({ authorization: undefined, peer: undefined }),
      undefined,
    );
  });

  it('refuses wrong tokens with 401, whatever they look like', async () => {
    for (const token of ['wrong', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.', `${await issue()}x`]) {
      assert.equal((await failure(() => bearer(token))).code, 401, token);
    }
  });

  it('takes a token without an end for as long as its Secret holds it', async () => {
    const claim = 'kubernetes.io/serviceaccount';
    const legacy = (secret: string, uid = 'sa-uid') =>
      new SignJWT({
        [`${claim}/namespace`]: 'ns',
        [`${claim}/secret.name`]: secret,
        [`${claim}/service-account.name`]: 'sa',
        [`${claim}/service-account.uid`]: uid,
      })
        .setProtectedHeader({ alg: key.algorithm, kid: key.keyId })
        .setIssuer('kubernetes/serviceaccount')
        .setSubject('system:serviceaccount:ns:sa')
        .sign(key.key);
    const secret = (token: string): Secret => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'ns', name: 's', uid: 'u' },
      type: 'kubernetes.io/service-account-token',
      data: { token: Buffer.from(token).toString('base64') },
    });
    const refused = async (token: string) => (await failure(() => bearer(token))).code === 401;
    const token = await legacy('s');
    assert.ok(await refused(token), 'no such Secret');
    store.seed(secret(token));
    assert.equal((await bearer(token))?.name, 'system:serviceaccount:ns:sa');
    const good = await authenticator.authenticateToken(token, [ISSUER, 'other']);
    assert.deepEqual(good?.audiences, [ISSUER]);
    const ref = { ...GVR.secrets, namespace: 'ns', name: 's' };
    const used = async () => (await store.get<Secret>(ref)).metadata.labels;
    const day = new Date(clock.now()).toISOString().slice(0, 10);
    assert.deepEqual(await used(), { 'kubernetes.io/legacy-token-last-used': day });
    assert.ok(await refused(await legacy('other')), 'another Secret');
    assert.ok(await refused(await legacy('s', 'old-uid')), 'an account that is gone');
    const labels = { 'kubernetes.io/legacy-token-invalid-since': '2026-01-01' };
    store.seed({ ...secret(token), metadata: { ...secret(token).metadata, labels } });
    assert.ok(await refused(token), 'unused for too long');
    assert.equal((await used())?.['kubernetes.io/legacy-token-last-used'], day);
    store.seed(secret('another token'));
    assert.ok(await refused(token), 'the Secret holds another token now');
    const opaque: Secret = { ...secret(token), type: 'Opaque' };
    store.seed(opaque);
    assert.ok(await refused(token), 'a Secret of another type');
  });

  it('knows a service account by its token', async () => {
    assert.deepEqual(await bearer(await issue()), {
      name: 'system:serviceaccount:ns:sa',
      uid: 'sa-uid',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=jti-1'] },
    });
  });

  it('tells pod and node of a bound token', async () => {
    store.seed(pod());
    const claims = {
      ...CLAIMS,
      pod: { name: 'p', uid: 'pod-uid' },
      node: { name: 'n', uid: 'n-uid' },
    };
    assert.deepEqual((await bearer(await issue(claims)))?.extra, {
      'authentication.kubernetes.io/credential-id': ['JTI=jti-1'],
      'authentication.kubernetes.io/pod-name': ['p'],
      'authentication.kubernetes.io/pod-uid': ['pod-uid'],
      'authentication.kubernetes.io/node-name': ['n'],
      'authentication.kubernetes.io/node-uid': ['n-uid'],
    });
  });

  it('refuses a token after its life, and before it', async () => {
    const token = await issue();
    clock.advance(3_599_000);
    assert.ok(await bearer(token));
    clock.advance(2_000);
    assert.equal((await failure(() => bearer(token))).code, 401);
  });

  it('refuses a token of another issuer, key or audience', async () => {
    const foreignKey = parseSigningKey(pemOf('ec'), 'other');
    const draft = { claims: CLAIMS, audiences: [ISSUER], lifetimeSeconds: 600, tokenId: 'j' };
    const byKey = await new TokenIssuer({ key: foreignKey, issuer: ISSUER, clock }).issue(draft);
    const byName = await new TokenIssuer({ key, issuer: 'https://evil', clock }).issue(draft);
    const other = await issue(CLAIMS, ['other']);
    for (const token of [byKey.token, byName.token, other]) {
      assert.equal((await failure(() => bearer(token))).code, 401);
    }
  });

  it('refuses a token signed with another algorithm under the same key id', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const forger = parseSigningKey(await exportPKCS8(privateKey), 'forged');
    const token = await new SignJWT({ 'kubernetes.io': CLAIMS })
      .setProtectedHeader({ alg: 'ES256', kid: key.keyId })
      .setIssuer(ISSUER)
      .setAudience(ISSUER)
      .setSubject('system:serviceaccount:ns:sa')
      .setExpirationTime('1h')
      .sign(forger.key);
    assert.equal((await failure(() => bearer(token))).code, 401);
  });

  it('refuses a token whose subject is not its account', async () => {
    const token = await new SignJWT({ 'kubernetes.io': CLAIMS })
      .setProtectedHeader({ alg: 'RS256', kid: key.keyId })
      .setIssuer(ISSUER)
      .setAudience(ISSUER)
      .setSubject('system:serviceaccount:ns:admin')
      .setExpirationTime(new Date(clock.now() + 60_000))
      .sign(key.key);
    assert.equal((await failure(() => bearer(token))).code, 401);
  });

  it('a token dies with its account, and with an account of the same name made anew', async () => {
    const token = await issue();
    assert.ok(await bearer(token));
    await store.delete({ ...GVR.serviceAccounts, namespace: 'ns', name: 'sa' });
    assert.equal((await failure(() => bearer(token))).code, 401);
    store.seed(account('another'));
    assert.equal((await failure(() => bearer(token))).code, 401);
  });

  it('a bound token dies with its pod', async () => {
    store.seed(pod());
    const token = await issue({ ...CLAIMS, pod: { name: 'p', uid: 'pod-uid' } });
    assert.ok(await bearer(token));
    store.seed(pod('another'));
    assert.equal((await failure(() => bearer(token))).code, 401);
  });

  it('a token outlives the start of its pod’s deletion by a minute', async () => {
    const deletionTimestamp = new Date(clock.now()).toISOString();
    store.seed({ ...pod(), metadata: { ...pod().metadata, deletionTimestamp } });
    const token = await issue({ ...CLAIMS, pod: { name: 'p', uid: 'pod-uid' } });
    clock.advance(59_000);
    assert.ok(await bearer(token));
    clock.advance(2_000);
    assert.equal((await failure(() => bearer(token))).code, 401);
  });

  it('a token bound to a node dies with the node; one bound to a pod does not', async () => {
    store.seed(pod());
    const node = { name: 'n', uid: 'n-uid' };
    assert.equal((await failure(async () => bearer(await issue({ ...CLAIMS, node })))).code, 401);
    assert.ok(await bearer(await issue({ ...CLAIMS, node, pod: { name: 'p', uid: 'pod-uid' } })));
  });

  it('asks the store for what the cache has not seen yet', async () => {
    store.lagging = true;
    await store.create(GVR.pods, pod());
    const token = await issue({ ...CLAIMS, pod: { name: 'p', uid: 'pod-uid' } });
    assert.ok(await bearer(token));
  });

  it('tells what it has against a token', async () => {
    const against = async (token: string, audiences: readonly string[] = [ISSUER]) => {
      const refusals: string[] = [];
      assert.equal(await authenticator.authenticateToken(token, audiences, refusals), undefined);
      return refusals;
    };
    const token = await issue();
    assert.deepEqual(await against(token, ['x']), [
      `token audiences ["${ISSUER}"] is invalid for the target audiences ["x"]`,
    ]);
    assert.deepEqual(await against('opaque'), []);
    clock.advance(24 * 3_600_000);
    assert.deepEqual(await against(token), ['service account token has expired']);
  });

  it('reviews a token for other audiences', async () => {
    const token = await issue(CLAIMS, ['other', 'third']);
    const verified = await authenticator.authenticateToken(token, ['x', 'other']);
    assert.deepEqual(verified?.audiences, ['other']);
    assert.equal(await authenticator.authenticateToken(token, ['x']), undefined);
    const joe = await authenticator.authenticateToken('joe-token', [ISSUER]);
    assert.deepEqual(joe?.audiences, [ISSUER]);
    assert.equal(await authenticator.authenticateToken('joe-token', ['x']), undefined);
  });
});

describe('keys', () => {
  it('are named by the hash of the public key, private or public', () => {
    const [fromPrivate] = parseVerifyingKeys(rsaPem, 'f');
    assert.equal(fromPrivate?.keyId, key.keyId);
    assert.equal(fromPrivate?.key.type, 'public');
    assert.equal(parseSigningKey(pemOf('ec'), 'f').algorithm, 'ES256');
  });

  it('are published without their private half', () => {
    const [published] = jsonWebKeySet([key]).keys as Record<string, string>[];
    assert.deepEqual(Object.keys(published ?? {}).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
  });

  it('that cannot be used are a configuration error naming the file', () => {
    const weird = generateKeyPairSync('ed25519').privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    });
    for (const work of [
      () => parseSigningKey('nonsense', 'the-file'),
      () => parseVerifyingKeys('nonsense', 'the-file'),
      () => parseSigningKey(weird.toString(), 'the-file'),
      () => parseVerifyingKeys(weird.toString(), 'the-file'),
    ]) {
      assert.throws(
        work,
        (error) => error instanceof ConfigError && /the-file/.test(error.message),
      );
    }
  });
});

describe('the static token file', () => {
  it('reads quotes, comments and lines without groups', () => {
    const users = parseTokenFile('# c\n\nt1,a,1\r\nt2,"b, c",2,"g1,g ""2"""\n', 'f');
    assert.deepEqual(users.get('t1')?.groups, []);
    assert.deepEqual(users.get('t2'), {
      name: 'b, c',
      uid: '2',
      groups: ['g1', 'g "2"'],
      extra: {},
    });
  });

  for (const [what, text] of [
    ['no user', 'token'],
    ['no token', ',user,uid'],
    ['an open quote', 't,u,1,"g'],
    ['a token twice', 't,u,1\nt,v,2'],
  ] as const) {
    it(`refuses ${what}, naming the line`, () => {
      assert.throws(() => parseTokenFile(text, 'f'), /^ConfigError: f:\d/);
    });
  }
});

it('finds the token of a bearer header, whatever the case', () => {
  assert.equal(bearerToken('bEaReR abc'), 'abc');
  assert.equal(bearerToken('Token abc'), undefined);
  assert.equal(bearerToken('Bearer  abc'), undefined);
  assert.equal(bearerToken(' Bearer abc def '), 'abc');
});
