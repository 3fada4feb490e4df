import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, describe, it } from 'node:test';
import type { KubeObject } from '@kubets/api';
import { ManualClock } from '@kubets/platform';
import { decodeJwt } from 'jose';
import { chainOf } from '../admission/chain.ts';
import { createAuthenticator, type EdgeAuthenticator } from '../auth/authenticator.ts';
import { createAuthorizer } from '../auth/authorizer.ts';
import { boundObjectsOf } from '../auth/bound-objects.ts';
import { parseSigningKey, parseVerifyingKeys } from '../auth/keys.ts';
import { TokenIssuer } from '../auth/service-account-tokens.ts';
import { FakeStore, failure, user } from '../edge-testing.ts';
import type { AdmissionPlugin, RequestInfo, UserInfo } from '../ports.ts';
import { GVR } from '../resources.ts';
import { createVirtualResources } from './index.ts';

const ISSUER = 'https://issuer.example';
const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const key = parseSigningKey(pem, 'key');
const joe: UserInfo = { ...user('joe', 'dev'), uid: 'joe-uid' };

let store: FakeStore;
let clock: ManualClock;
let authenticator: EdgeAuthenticator;
let plugins: AdmissionPlugin[];
let warnings: string[];

beforeEach(() => {
  store = new FakeStore();
  clock = new ManualClock(1_800_000_000_000);
  plugins = [];
  warnings = [];
  authenticator = createAuthenticator({
    anonymousAuth: true,
    serviceAccount: { keys: parseVerifyingKeys(pem, 'key'), issuer: ISSUER, audiences: [] },
    objects: boundObjectsOf(store),
    clock,
  });
});

interface Answer {
  code: number;
  object: Record<string, unknown> & { status: Record<string, unknown>; metadata: object };
}

/** Sends one request to `resource[/subresource]`. */
async function send(
  path: string,
  o: {
    spec?: object;
    who?: UserInfo;
    namespace?: string;
    name?: string;
    verb?: string;
    metadata?: object;
    dryRun?: boolean;
    maxTokenSeconds?: number;
    prolongMounted?: boolean;
  } = {},
): Promise<Answer> {
  const [resource = '', subresource = ''] = path.split('/');
  let next = 0;
  const virtuals = createVirtualResources({
    store,
    authenticator,
    authorization: createAuthorizer(store),
    admission: chainOf(plugins),
    issuer: new TokenIssuer({ key, issuer: ISSUER, clock }),
    newUid: () => `uid-${++next}`,
    maxTokenSeconds: o.maxTokenSeconds ?? 0,
    prolongMounted: o.prolongMounted ?? true,
    clock,
  });
  const virtual = virtuals.find(
    (one) => one.resource === resource && one.subresource === subresource,
  );
  assert.ok(virtual, path);
  const info = {
    verb: o.verb ?? 'create',
    namespace: o.namespace ?? '',
    name: o.name ?? '',
    resource,
    subresource,
  } as RequestInfo;
  const answer = await virtual.handle({
    info,
    user: o.who ?? joe,
    query: new URLSearchParams(),
    object: { metadata: o.metadata ?? {}, spec: o.spec ?? {} } as KubeObject,
    dryRun: o.dryRun ?? false,
    warn: (text) => warnings.push(text),
  });
  return answer as Answer;
}

function allow(namespace: string, verb: string, resource: string): void {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const apiGroup = 'rbac.authorization.k8s.io';
  store.seed(
    {
      apiVersion,
      kind: 'Role',
      metadata: { namespace, name: 'r' },
      rules: [{ verbs: [verb], apiGroups: [''], resources: [resource] }],
    } as KubeObject,
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata: { namespace, name: 'b' },
      roleRef: { apiGroup, kind: 'Role', name: 'r' },
      subjects: [{ kind: 'User', name: 'joe' }],
    } as KubeObject,
  );
}

describe('access reviews', () => {
  const attributes = { namespace: 'ns', verb: 'get', resource: 'pods' };
  const self = (spec: object, who = joe) => send('selfsubjectaccessreviews', { spec, who });

  it('say no without a reason', async () => {
    const { code, object } = await self({ resourceAttributes: attributes });
    assert.equal(code, 201);
    assert.deepEqual(object, {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: { creationTimestamp: null },
      spec: { resourceAttributes: attributes },
      status: { allowed: false },
    });
  });

  it('ask about what lists are narrowed down to', async () => {
    const node = { ...user('system:node:n1', 'system:nodes'), uid: '' };
    const on = { verb: 'list', resource: 'pods', version: 'v1' };
    const field = (operator: string, ...values: string[]) => ({
      requirements: [{ key: 'spec.nodeName', operator, values }],
    });
    const left = 'ignored due to parse error';
    const cases: [object, object][] = [
      [{ fieldSelector: { rawSelector: 'spec.nodeName=n1' } }, { allowed: true }],
      [{ fieldSelector: field('In', 'n1') }, { allowed: true }],
      [{ fieldSelector: field('NotIn', 'n1') }, { allowed: false }],
      [
        { fieldSelector: field('Near', 'n1'), labelSelector: { rawSelector: '&' } },
        {
          allowed: false,
          evaluationError: `spec.resourceAttributes.fieldSelector ${left}; spec.resourceAttributes.labelSelector ${left}`,
        },
      ],
    ];
    for (const [selectors, expected] of cases) {
      const { object } = await self({ resourceAttributes: { ...on, ...selectors } }, node);
      const { reason: _reason, ...status } = object.status;
      assert.deepEqual(status, expected);
    }
  });

  const badSelectors: [object, RegExp][] = [
    [
      { fieldSelector: {} },
      /: when spec\.resourceAttributes\.fieldSelector is specified, requirements or rawSelector is required$/,
    ],
    [
      { labelSelector: { rawSelector: 'a', requirements: [{ key: 'a', operator: 'Exists' }] } },
      /labelSelector\.rawSelector: Invalid value: "a": may not specified at the same time as requirements$/,
    ],
    [
      { fieldSelector: { requirements: [{ key: '', operator: 'In' }] } },
      /requirements\[0\]\.key: Required value: must be specified, .*requirements\[0\]\.values: Required value: must be specified when `operator` is 'In' or 'NotIn'\]$/,
    ],
    [
      { labelSelector: { requirements: [{ key: 'a', operator: 'Exists', values: ['b'] }] } },
      /values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'$/,
    ],
    [
      { labelSelector: { requirements: [{ key: '-', operator: 'In', values: ['?'] }] } },
      /requirements\[0\]\.key: Invalid value: "-".*requirements\[0\]\.values\[0\]: Invalid value: "\?"/,
    ],
  ];
  for (const [selectors, message] of badSelectors) {
    it(`refuse ${JSON.stringify(selectors)}`, async () => {
      const error = await failure(() =>
        self({ resourceAttributes: { ...attributes, ...selectors } }),
      );
      assert.equal(error.code, 422);
      assert.match(error.message, message);
    });
  }

  it('say yes with the reason', async () => {
    allow('ns', 'get', 'pods');
    const { object } = await self({ resourceAttributes: attributes });
    assert.deepEqual(object.status, {
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/ns" of Role "r" to User "joe"',
    });
    const log = await self({ resourceAttributes: { ...attributes, subresource: 'log' } });
    assert.deepEqual(log.object.status, { allowed: false });
  });

  it('masters may do anything, for no other reason', async () => {
    const root = user('root', 'system:masters');
    const any = { verb: '*', resource: '*', group: '*' };
    assert.deepEqual((await self({ resourceAttributes: any }, root)).object.status, {
      allowed: true,
    });
  });

  it('take paths', async () => {
    const root = user('root', 'system:masters');
    const spec = { nonResourceAttributes: { path: '/metrics', verb: 'get' } };
    assert.deepEqual((await self(spec, root)).object.status, { allowed: true });
    assert.deepEqual((await self(spec)).object.status, { allowed: false });
  });

  it('want exactly one question', async () => {
    assert.equal(
      (await failure(() => self({}))).message,
      '.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified',
    );
    const both = {
      resourceAttributes: { verb: 'get' },
      nonResourceAttributes: { verb: 'get', path: '/x' },
    };
    assert.equal(
      (await failure(() => self(both))).message,
      '.authorization.k8s.io "" is invalid: spec.nonResourceAttributes: Invalid value: authorization.NonResourceAttributes{Path:"/x", Verb:"get"}: cannot be specified in combination with resourceAttributes',
    );
  });

  it('answer about somebody else', async () => {
    allow('ns', 'get', 'pods');
    const spec = { user: 'joe', resourceAttributes: attributes };
    assert.equal((await send('subjectaccessreviews', { spec })).object.status.allowed, true);
    const nobody = { resourceAttributes: attributes };
    const error = await failure(() => send('subjectaccessreviews', { spec: nobody }));
    assert.match(
      error.message,
      /spec\.user: Invalid value: "": at least one of user or group must be specified/,
    );
  });

  it('answer about one namespace only, when local', async () => {
    allow('ns', 'get', 'pods');
    const spec = { user: 'joe', resourceAttributes: attributes };
    const { object } = await send('localsubjectaccessreviews', { spec, namespace: 'ns' });
    assert.equal(object.status.allowed, true);
    assert.deepEqual(object.metadata, { creationTimestamp: null, namespace: 'ns' });
    const other = () => send('localsubjectaccessreviews', { spec, namespace: 'other' });
    const { code, message } = await failure(other);
    assert.equal(code, 422);
    assert.match(message, /namespace: Invalid value: "ns": must match metadata.namespace$/);
  });

  it('have no names: nothing is stored', async () => {
    const spec = { user: 'joe', resourceAttributes: attributes };
    const named = () => send('subjectaccessreviews', { spec, metadata: { name: 'x' } });
    assert.match((await failure(named)).message, /metadata: Invalid value: .*: must be empty$/);
  });
});

describe('the rules review', () => {
  it('lists what holds in the namespace', async () => {
    allow('ns', 'get', 'pods');
    const { object } = await send('selfsubjectrulesreviews', { spec: { namespace: 'ns' } });
    assert.deepEqual(object, {
      kind: 'SelfSubjectRulesReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: { creationTimestamp: null },
      spec: {},
      status: {
        resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
        nonResourceRules: [],
        incomplete: false,
      },
    });
  });

  it('wants a namespace', async () => {
    const error = await failure(() => send('selfsubjectrulesreviews'));
    assert.equal(error.message, 'no namespace on request');
  });
});

describe('who am I', () => {
  it('tells the user', async () => {
    const { object } = await send('selfsubjectreviews', {
      who: { ...joe, extra: { scopes: ['view'] } },
    });
    assert.deepEqual(object, {
      kind: 'SelfSubjectReview',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { creationTimestamp: '2027-01-15T08:00:00Z' },
      status: {
        userInfo: {
          username: 'joe',
          uid: 'joe-uid',
          groups: ['dev', 'system:authenticated'],
          extra: { scopes: ['view'] },
        },
      },
    });
  });
});

describe('tokens', () => {
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { namespace: 'ns', name: 'sa', uid: 'sa-uid' },
  };
  const pod = (spec: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'ns', name: 'p', uid: 'pod-uid' },
    spec: { serviceAccountName: 'sa', nodeName: 'n', ...spec },
  });
  const request = (
    spec: object = {},
    o: { name?: string; metadata?: object; dryRun?: boolean } = {},
  ) => send('serviceaccounts/token', { namespace: 'ns', name: 'sa', spec, ...o });
  const tokenOf = (answer: Answer): string => String(answer.object.status.token);
  const ref = (more: object = {}) => ({
    boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p', ...more },
  });

  beforeEach(() => store.seed(account));

  it('are issued for the API by default, and the API takes them', async () => {
    const answer = await request();
    assert.deepEqual(answer.object.metadata, {
      name: 'sa',
      namespace: 'ns',
      creationTimestamp: '2027-01-15T08:00:00Z',
    });
    assert.deepEqual(answer.object.spec, {
      audiences: [ISSUER],
      expirationSeconds: 3600,
      boundObjectRef: null,
    });
    assert.equal(answer.object.status.expirationTimestamp, '2027-01-15T09:00:00Z');
    const authorization = `Bearer ${tokenOf(answer)}`;
    const caller = await authenticator.authenticate({ authorization, peer: undefined });
    assert.equal(caller?.name, 'system:serviceaccount:ns:sa');
  });

  it('for others are not for the API', async () => {
    const answer = await request({ audiences: ['other'], expirationSeconds: 1200 });
    const { aud, exp, iat } = decodeJwt(tokenOf(answer));
    assert.deepEqual(aud, ['other']);
    assert.equal((exp ?? 0) - (iat ?? 0), 1200);
    const review = async (audiences?: string[]) =>
      (
        await send('tokenreviews', {
          spec: { token: tokenOf(answer), ...(audiences ? { audiences } : {}) },
        })
      ).object.status;
    assert.deepEqual(await review(), {
      user: {},
      error: `[invalid bearer token, token audiences ["other"] is invalid for the target audiences ["${ISSUER}"]]`,
    });
    const status = await review(['other', 'x']);
    assert.equal(status.authenticated, true);
    assert.deepEqual(status.audiences, ['other']);
  });

  it('bound to a pod tell pod and node', async () => {
    store.seed(pod());
    const claims = decodeJwt(tokenOf(await request(ref())))['kubernetes.io'];
    assert.deepEqual(claims, {
      namespace: 'ns',
      serviceaccount: { name: 'sa', uid: 'sa-uid' },
      pod: { name: 'p', uid: 'pod-uid' },
      node: { name: 'n' },
    });
  });

  it('that pods mount live a year and say when that is remarkable', async () => {
    store.seed(pod());
    const answer = await request({ ...ref(), expirationSeconds: 3607 });
    const { exp, iat, ...claims } = decodeJwt(tokenOf(answer));
    assert.equal((exp ?? 0) - (iat ?? 0), 31_536_000);
    assert.equal((claims['kubernetes.io'] as { warnafter?: number }).warnafter, (iat ?? 0) + 3607);
    assert.equal(answer.object.status.expirationTimestamp, '2027-01-15T09:00:07Z');
  });

  it('that pods mount live as long as they say when they are not to be prolonged', async () => {
    store.seed(pod());
    const spec = { ...ref(), expirationSeconds: 3607 };
    const asked = { namespace: 'ns', name: 'sa', spec, prolongMounted: false };
    const { object } = await send('serviceaccounts/token', asked);
    const { exp = 0, iat = 0, ...claims } = decodeJwt(String(object.status.token));
    assert.equal(exp - iat, 3607);
    assert.equal(Object.hasOwn(claims['kubernetes.io'] as object, 'warnafter'), false);
  });

  it('bound to secrets and nodes die with them', async () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'ns', name: 's', uid: 's-uid' },
    };
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', uid: 'n-uid' } };
    store.seed(secret, node);
    for (const [kind, name, gvr, namespace] of [
      ['Secret', 's', GVR.secrets, 'ns'],
      ['Node', 'n', GVR.nodes, ''],
    ] as const) {
      const token = tokenOf(await request(ref({ kind, name })));
      assert.ok(await authenticator.authenticateToken(token, [ISSUER]), kind);
      await store.delete({ ...gvr, namespace, name });
      const refusals: string[] = [];
      const found = await authenticator.authenticateToken(token, [ISSUER], refusals);
      assert.equal(found, undefined, kind);
      assert.deepEqual(refusals, ['service account token has been invalidated']);
    }
  });

  it('live no longer than the server lets them', async () => {
    const spec = { expirationSeconds: 86_400 };
    const asked = { namespace: 'ns', name: 'sa', spec, maxTokenSeconds: 7_200 };
    const { object } = await send('serviceaccounts/token', asked);
    assert.equal((object.spec as { expirationSeconds: number }).expirationSeconds, 7_200);
    const { exp = 0, iat = 0 } = decodeJwt(String(object.status.token));
    assert.equal(exp - iat, 7_200);
    assert.deepEqual(warnings, ['requested expiration of 86400 seconds shortened to 7200 seconds']);
  });

  const refusals: [string, object, number, RegExp][] = [
    [
      'too short a life',
      { expirationSeconds: 5 },
      422,
      /^TokenRequest\.authentication\.k8s\.io "" is invalid: spec\.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes$/,
    ],
    ['too long a life', { expirationSeconds: 2 ** 33 }, 422, /larger than 2\^32 seconds$/],
    ['a pod that is not there', ref({ name: 'nope' }), 404, /^pods "nope" not found$/],
    [
      'another pod of that name',
      ref({ uid: 'wrong' }),
      409,
      /^Operation cannot be fulfilled on Pod "p": the UID in the bound object reference \(wrong\) does not match the UID in record\. The object might have been deleted and then recreated$/,
    ],
    [
      'a pod that is not there and has no version',
      ref({ name: 'nope', apiVersion: '' }),
      404,
      /^pods "nope" not found$/,
    ],
    [
      'a kind it does not know',
      ref({ kind: 'Nope' }),
      400,
      /^cannot bind token to object of type \/v1, Kind=Nope$/,
    ],
  ];
  for (const [what, spec, code, message] of refusals) {
    it(`refuses ${what}`, async () => {
      store.seed(pod());
      const error = await failure(() => request(spec));
      assert.equal(error.code, code);
      assert.match(error.message, message);
    });
  }

  it('refuses a pod of another account', async () => {
    store.seed(pod({ serviceAccountName: 'other' }));
    assert.match(
      (await failure(() => request(ref()))).message,
      /running with different serviceaccount name\.$/,
    );
  });

  it('refuses an account that does not exist, and another name in the body', async () => {
    const error = await failure(() => request({}, { name: 'nope' }));
    assert.equal(error.message, 'serviceaccounts "nope" not found');
    const other = await failure(() => request({}, { metadata: { name: 'x' } }));
    assert.equal(other.code, 422);
    assert.equal(
      other.message,
      'TokenRequest.authentication.k8s.io "sa" is invalid: metadata.name: Invalid value: "x": must match the service account name if specified',
    );
  });

  it('asks admission', async () => {
    const seen: string[] = [];
    plugins.push({
      name: 'x',
      admit: (a) => {
        seen.push(
          `${a.operation} ${a.resource.resource}/${a.subresource} ${a.namespace}/${a.name} ${a.kind.kind}`,
        );
      },
    });
    await request();
    assert.deepEqual(seen, ['CREATE serviceaccounts/token ns/sa ServiceAccount']);
  });

  it('a dry run issues none', async () => {
    assert.deepEqual((await request({}, { dryRun: true })).object.status, {
      token: '',
      expirationTimestamp: null,
    });
  });

  it('reviewing wants one', async () => {
    const error = await failure(() => send('tokenreviews'));
    assert.equal(error.message, 'token is required for TokenReview in authentication');
    assert.equal(error.code, 400);
  });
});

describe('component statuses', () => {
  const lease = (name: string, renewTime: string) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace: 'kube-system', name },
    spec: { holderIdentity: 'h', leaseDurationSeconds: 15, renewTime },
  });
  const conditions = async () => {
    const { object } = await send('componentstatuses', { verb: 'list' });
    const items = object.items as {
      metadata: { name: string };
      conditions: { status: string; message: string }[];
    }[];
    return items.map(({ metadata, conditions: [one] }) => [
      metadata.name,
      one?.status,
      one?.message,
    ]);
  };

  it('look for themselves', async () => {
    store.seed(lease('kube-scheduler', '2027-01-15T07:59:50.000000Z'));
    store.seed(lease('kube-controller-manager', '2027-01-15T07:59:00.000000Z'));
    assert.deepEqual(await conditions(), [
      ['controller-manager', 'False', 'leader h has not renewed its lease for 60s'],
      ['scheduler', 'True', 'ok'],
      ['etcd-0', 'True', 'ok'],
    ]);
  });

  it('say when there is no leader, and no store', async () => {
    store.raw.before = () => {
      throw new Error('no quorum');
    };
    assert.deepEqual(await conditions(), [
      ['controller-manager', 'False', 'no leader'],
      ['scheduler', 'False', 'no leader'],
      ['etcd-0', 'False', 'no quorum'],
    ]);
  });

  it('one by name', async () => {
    const { object } = await send('componentstatuses', { verb: 'get', name: 'etcd-0' });
    assert.equal(object.kind, 'ComponentStatus');
    const error = await failure(() => send('componentstatuses', { verb: 'get', name: 'x' }));
    assert.equal(error.message, 'componentstatuses "x" not found');
  });
});
