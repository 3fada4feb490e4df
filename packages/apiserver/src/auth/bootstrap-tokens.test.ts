import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Secret } from '@kubets/api';
import { ManualClock } from '@kubets/platform';
import { DEFAULT_POLICY } from '../bootstrap/policy.ts';
import { JOIN_POLICY } from '../bootstrap/policy-join.ts';
import { reconcilePolicy } from '../bootstrap/reconcile-policy.ts';
import { asks, FakeStore } from '../edge-testing.ts';
import { createAuthenticator, type EdgeAuthenticator } from './authenticator.ts';
import { createAuthorizer } from './authorizer.ts';
import { bootstrapTokens } from './bootstrap-tokens.ts';
import { boundObjectsOf } from './bound-objects.ts';
import { ANONYMOUS_USER } from './identity.ts';

const TOKEN = 'abcdef.0123456789abcdef';
const NOW = Date.parse('2027-01-01T00:00:00Z');

let store: FakeStore;
let clock: ManualClock;
let authenticator: EdgeAuthenticator;

beforeEach(() => {
  store = new FakeStore();
  clock = new ManualClock(NOW);
  authenticator = createAuthenticator({
    ...{ anonymousAuth: true, objects: boundObjectsOf(store), clock },
    tokens: [bootstrapTokens(store, clock)],
  });
});

function secret(data: Record<string, string> = {}, more: object = {}): Secret {
  const text = {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-authentication': 'true',
    ...data,
  };
  const encoded = Object.entries(text).map(([k, v]) => [k, Buffer.from(v).toString('base64')]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'kube-system', name: 'bootstrap-token-abcdef' },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(encoded),
    ...more,
  } as Secret;
}

const come = (token = TOKEN) =>
  authenticator.authenticate({ authorization: `Bearer ${token}`, peer: undefined });

describe('a bootstrap token', () => {
  it('is a user and a group of its own', async () => {
    store.seed(secret());
    assert.deepEqual(await come(), {
      name: 'system:bootstrap:abcdef',
      uid: '',
      groups: ['system:bootstrappers', 'system:authenticated'],
      extra: {},
    });
  });

  it('may bring further groups of bootstrappers', async () => {
    store.seed(secret({ 'auth-extra-groups': 'system:bootstrappers:b,system:bootstrappers:a' }));
    const groups = ['system:bootstrappers', 'system:bootstrappers:a', 'system:bootstrappers:b'];
    assert.deepEqual((await come())?.groups, [...groups, 'system:authenticated']);
  });

  it('is good until it expires', async () => {
    store.seed(secret({ expiration: '2027-01-01T00:01:00Z' }));
    assert.ok(await come());
    clock.advance(60_000);
    await assert.rejects(come(), { code: 401 });
  });

  it('works through another apiserver before this one has seen it', async () => {
    store.lagging = true;
    store.seed(secret());
    assert.ok(await come());
  });

  const refused: readonly [string, Secret, string?][] = [
    ['with another secret', secret(), 'abcdef.0123456789abcdeX'],
    ['of a wrong form', secret(), 'abcdef-0123456789abcdef'],
    ['not meant for authentication', secret({ 'usage-bootstrap-authentication': 'false' })],
    ['of another type', secret({}, { type: 'Opaque' })],
    ['whose id is another', secret({ 'token-id': 'fedcba' })],
    ['whose expiration cannot be read', secret({ expiration: 'tomorrow' })],
    ['that claims to be a master', secret({ 'auth-extra-groups': 'system:masters' })],
    [
      'in another namespace',
      secret({}, { metadata: { namespace: 'default', name: 'bootstrap-token-abcdef' } }),
    ],
  ];
  for (const [what, kept, token] of refused) {
    it(`is refused ${what}`, async () => {
      store.seed(kept);
      await assert.rejects(come(token), { code: 401 });
    });
  }
});

describe('the policy for joining', () => {
  const questions: readonly [string, string, { namespace?: string; name?: string }, boolean][] = [
    ['token', 'create certificatesigningrequests.certificates.k8s.io', {}, true],
    ['token', 'create certificatesigningrequests.certificates.k8s.io/nodeclient', {}, true],
    ['token', 'get secrets', { namespace: 'kube-system' }, false],
    ['token', 'get nodes', { name: 'n1' }, true],
    ['token', 'list nodes', {}, false],
    ['token', 'create nodes', {}, false],
    ['nobody', 'get configmaps', { namespace: 'kube-public', name: 'cluster-info' }, true],
    ['nobody', 'get configmaps', { namespace: 'kube-public', name: 'other' }, false],
    ['nobody', 'create certificatesigningrequests.certificates.k8s.io', {}, false],
  ];
  for (const [who, question, o, allowed] of questions) {
    it(`${who}: ${question} ${o.name ?? ''} → ${allowed}`, async () => {
      await reconcilePolicy(store, DEFAULT_POLICY);
      await reconcilePolicy(store, JOIN_POLICY);
      store.seed(secret());
      const user = who === 'token' ? await come() : ANONYMOUS_USER;
      assert.ok(user);
      const { authorizer } = createAuthorizer(store);
      assert.equal((await authorizer.authorize(asks(user, question, o))).allowed, allowed);
    });
  }
});
