import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ConfigError, Metrics, parseFlags, silentLogger, systemClock } from '@kubets/platform';
import { securityFlags } from '../config-security.ts';
import { asks, FakeStore, user } from '../edge-testing.ts';
import { WatchedFile } from '../settings/watched-file.ts';
import { TestService } from '../testing/outbound-service.ts';
import { configuredAuthorization } from './authorization/configured.ts';

const PARTS = { clock: systemClock, log: silentLogger };
let service: TestService;
let metrics: Metrics | undefined;

before(async () => {
  service = await TestService.start();
});
after(() => service.stop());
beforeEach(() => {
  metrics = undefined;
  service.asked.length = 0;
  service.answer = () => ({ body: { status: { allowed: true, reason: 'the hook says so' } } });
});

function authorizerOf(...argv: string[]) {
  return configured(...argv).authorization.authorizer;
}
const configured = (...argv: string[]) =>
  configuredAuthorization(parseFlags(securityFlags, argv), {
    ...{ ...PARTS, store: new FakeStore(), serverId: 'me', metrics },
  });
const abac = (file: string): string[] => [
  '--authorization-mode=ABAC',
  `--authorization-policy-file=${file}`,
];
const webhook = (...more: string[]) =>
  authorizerOf(`--authorization-webhook-config-file=${service.kubeconfig()}`, ...more);

describe('authorization modes', () => {
  const question = asks(user('joe'), 'get pods', { namespace: 'ns' });

  it('AlwaysAllow and AlwaysDeny do what they say', async () => {
    const yes = await authorizerOf('--authorization-mode=AlwaysAllow').authorize(question);
    assert.equal(yes.allowed, true);
    const no = await authorizerOf('--authorization-mode=AlwaysDeny').authorize(question);
    assert.deepEqual(no, { allowed: false, reason: 'Everything is forbidden.' });
  });

  it('masters are let through before any of them', async () => {
    const { authorize } = authorizerOf('--authorization-mode=AlwaysDeny');
    const asked = asks(user('root', 'system:masters'), 'delete nodes');
    assert.equal((await authorize(asked)).allowed, true);
  });

  it('are asked in the order given', async () => {
    const first = webhook('--authorization-mode=Webhook,AlwaysDeny');
    assert.equal((await first.authorize(question)).reason, 'the hook says so');
    const second = webhook('--authorization-mode=AlwaysAllow,Webhook');
    service.asked.length = 0;
    assert.equal((await second.authorize(question)).reason, '');
    assert.equal(service.asked.length, 0);
  });

  const wrong: readonly [string, string[], RegExp][] = [
    ['an unknown mode', ['--authorization-mode=ACL'], /"ACL" is none of Node, RBAC/],
    ['policies from nowhere', ['--authorization-mode=ABAC'], /ABAC: say with .*policy-file/],
    ['a file of policies that is not there', abac('/nowhere/x'), /cannot read \/nowhere\/x/],
    [
      'policies that nobody asks for',
      ['--authorization-policy-file=/nowhere/x'],
      /cannot specify --authorization-policy-file without mode ABAC/,
    ],
    ['a mode twice', ['--authorization-mode=RBAC,RBAC'], /twice/],
    ['no mode', ['--authorization-mode='], /must name a mode/],
    ['a webhook nowhere', ['--authorization-mode=Webhook'], /webhook-config-file/],
    [
      'a webhook that is not asked',
      ['--authorization-webhook-config-file=/nowhere'],
      /needs --authorization-mode Webhook/,
    ],
    ['a file that is not there', ['--authorization-config=/nowhere/x'], /cannot read/],
  ];
  for (const [what, argv, text] of wrong) {
    it(`refuse ${what}`, () => {
      assert.throws(
        () => authorizerOf(...argv),
        (error) => error instanceof ConfigError && text.test(error.message),
      );
    });
  }
});

describe('the authorization webhook', () => {
  it('is sent a review of the version asked for, with the credentials of the file', async () => {
    const o = { namespace: 'ns', name: 'p' };
    const asked = asks({ ...user('joe', 'dev'), uid: 'u', extra: { k: ['v'] } }, 'get pods/log', o);
    await webhook('--authorization-mode=Webhook').authorize(asked);
    await webhook('--authorization-mode=Webhook', '--authorization-webhook-version=v1').authorize(
      asked,
    );
    const on = {
      ...{ namespace: 'ns', verb: 'get', version: 'v1', resource: 'pods' },
      ...{ subresource: 'log', name: 'p' },
    };
    const groups = ['dev', 'system:authenticated'];
    const subject = { user: 'joe', extra: { k: ['v'] }, uid: 'u' };
    const [beta, stable] = service.asked;
    assert.equal(beta?.authorization, 'Bearer to-the-hook');
    assert.equal(beta?.path, '/hook');
    assert.equal(beta?.body.apiVersion, 'authorization.k8s.io/v1beta1');
    assert.deepEqual(beta?.body.spec, { resourceAttributes: on, ...subject, group: groups });
    assert.equal(stable?.body.apiVersion, 'authorization.k8s.io/v1');
    assert.deepEqual(stable?.body.spec, { resourceAttributes: on, ...subject, groups });
  });

  it('is told what a list is narrowed down to', async () => {
    const fieldSelector = 'spec.nodeName=n\\,1,status.phase!=Failed';
    const labelSelector = 'a in (c,b),d!=e,f,!g,h=i,n>1';
    const ask = async (o: object) => {
      const asked = { ...asks(user('joe'), 'list pods'), ...o };
      await webhook('--authorization-mode=Webhook').authorize(asked);
      return service.asked.at(-1)?.body.spec as { resourceAttributes: object };
    };
    const on = { verb: 'list', version: 'v1', resource: 'pods' };
    assert.deepEqual((await ask({ fieldSelector, labelSelector })).resourceAttributes, {
      ...on,
      fieldSelector: {
        requirements: [
          { key: 'spec.nodeName', operator: 'In', values: ['n,1'] },
          { key: 'status.phase', operator: 'NotIn', values: ['Failed'] },
        ],
      },
      labelSelector: {
        requirements: [
          { key: 'a', operator: 'In', values: ['b', 'c'] },
          { key: 'd', operator: 'NotIn', values: ['e'] },
          { key: 'f', operator: 'Exists' },
          { key: 'g', operator: 'DoesNotExist' },
          { key: 'h', operator: 'In', values: ['i'] },
        ],
      },
    });
    assert.deepEqual(
      (await ask({ fieldSelector: 'x', labelSelector: '&' })).resourceAttributes,
      on,
    );
  });

  it('is asked about paths', async () => {
    await webhook('--authorization-mode=Webhook').authorize(asks(user('joe'), 'get /metrics'));
    const spec = service.asked[0]?.body.spec as { nonResourceAttributes: object };
    assert.deepEqual(spec.nonResourceAttributes, { path: '/metrics', verb: 'get' });
  });

  it('is asked a question once while its answer is kept', async () => {
    const authorizer = webhook('--authorization-mode=Webhook');
    const question = asks(user('joe'), 'get pods', { namespace: 'ns' });
    await authorizer.authorize(question);
    await authorizer.authorize(question);
    assert.equal(service.asked.length, 1);
    await authorizer.authorize(asks(user('ann'), 'get pods', { namespace: 'ns' }));
    assert.equal(service.asked.length, 2);
    const forgetful = webhook(
      '--authorization-mode=Webhook',
      '--authorization-webhook-cache-authorized-ttl=0s',
    );
    await forgetful.authorize(question);
    await forgetful.authorize(question);
    assert.equal(service.asked.length, 4);
  });

  it('that denies stops the chain', async () => {
    service.answer = () => ({ body: { status: { allowed: false, denied: true, reason: 'no' } } });
    const authorizer = webhook('--authorization-mode=Webhook,AlwaysAllow');
    const decision = await authorizer.authorize(asks(user('joe'), 'get pods'));
    assert.deepEqual(decision, { allowed: false, denied: true, reason: 'no' });
  });

  it('that fails has no opinion', async () => {
    service.answer = () => ({ code: 400, body: {} });
    const authorizer = webhook('--authorization-mode=Webhook,AlwaysAllow');
    assert.equal((await authorizer.authorize(asks(user('joe'), 'get pods'))).allowed, true);
  });

  it('is asked again when it was only out of order', async () => {
    let failures = 2;
    service.answer = () => {
      failures -= 1;
      return failures >= 0 ? { code: 503, body: {} } : { body: { status: { allowed: true } } };
    };
    const decision = await webhook('--authorization-mode=Webhook').authorize(
      asks(user('joe'), 'get pods'),
    );
    assert.equal(decision.allowed, true);
    assert.equal(service.asked.length, 3);
  });
});

describe('an authorization configuration', () => {
  const fileOf = (failurePolicy: string) =>
    service.file(
      'authz.yaml',
      `apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
  - type: Webhook
    name: outside
    webhook:
      timeout: 3s
      subjectAccessReviewVersion: v1
      failurePolicy: ${failurePolicy}
      connectionInfo: { type: KubeConfigFile, kubeConfigFile: ${service.kubeconfig()} }
  - type: AlwaysAllow
    name: alwaysallow
`,
    );

  it('names authorisers in order, and what the failure of one means', async () => {
    service.answer = () => ({ code: 400, body: {} });
    const question = asks(user('joe'), 'get pods');
    const lenient = authorizerOf(`--authorization-config=${fileOf('NoOpinion')}`);
    assert.equal((await lenient.authorize(question)).allowed, true);
    const strict = authorizerOf(`--authorization-config=${fileOf('Deny')}`);
    const decision = await strict.authorize(question);
    assert.deepEqual([decision.allowed, decision.denied], [false, true]);
    assert.equal(decision.reason, '');
    assert.match(String(decision.error), /answered 400/);
  });

  it('of an unknown policy is refused', () => {
    assert.throws(() => authorizerOf(`--authorization-config=${fileOf('Maybe')}`), ConfigError);
  });

  const conditioned = (failurePolicy: string, ...expressions: string[]) =>
    service.file(
      'authz.yaml',
      JSON.stringify({
        apiVersion: 'apiserver.config.k8s.io/v1beta1',
        kind: 'AuthorizationConfiguration',
        authorizers: [
          {
            ...{ type: 'Webhook', name: 'outside' },
            webhook: {
              ...{ timeout: '3s', subjectAccessReviewVersion: 'v1', failurePolicy },
              matchConditionSubjectAccessReviewVersion: 'v1',
              connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: service.kubeconfig() },
              matchConditions: expressions.map((expression) => ({ expression })),
            },
          },
        ],
      }),
    );

  it('asks a webhook only what its conditions let through', async () => {
    metrics = new Metrics();
    const { authorize } = authorizerOf(
      `--authorization-config=${conditioned(
        'Deny',
        'has(request.resourceAttributes)',
        "request.resourceAttributes.namespace == 'a' && request.resourceAttributes.name == ''",
        "'dev' in request.groups && request.uid == '' && !('x' in request.extra)",
      )}`,
    );
    const dev = user('joe', 'dev');
    assert.equal((await authorize(asks(dev, 'get pods', { namespace: 'a' }))).allowed, true);
    const others = [
      asks(dev, 'get pods', { namespace: 'b' }),
      asks(user('joe'), 'get pods', { namespace: 'a' }),
      asks(dev, 'get /metrics'),
    ];
    for (const other of others) {
      const { allowed, denied = false, error } = await authorize(other);
      assert.deepEqual([allowed, denied, error], [false, false, undefined]);
    }
    assert.equal(service.asked.length, 1);
    const text = await metrics.metrics();
    const name = 'type="Webhook",name="outside"';
    for (const line of [
      `apiserver_authorization_decisions_total{${name},decision="allowed"} 1`,
      'apiserver_authorization_webhook_evaluations_total{name="outside",result="success"} 1',
      `apiserver_authorization_match_condition_exclusions_total{${name}} 3`,
      `apiserver_authorization_match_condition_evaluation_seconds_count{${name}} 4`,
    ]) {
      assert.ok(text.includes(line), line);
    }
  });

  it('says what a condition means that fails', async () => {
    const failing = 'request.resourceAttributes.namespace == "a"';
    const question = asks(user('joe'), 'get /metrics');
    const why = `cel evaluation error: expression '${failing}' resulted in error: no such key: resourceAttributes`;
    const flag = (policy: string) => `--authorization-config=${conditioned(policy, failing)}`;
    assert.deepEqual(await authorizerOf(flag('Deny')).authorize(question), {
      ...{ allowed: false, denied: true, reason: '', error: why },
    });
    assert.deepEqual(await authorizerOf(flag('NoOpinion')).authorize(question), {
      ...{ allowed: false, reason: '', error: why },
    });
    assert.equal(service.asked.length, 0);
    const both = conditioned('Deny', failing, "request.user == 'ann'");
    const decision = await authorizerOf(`--authorization-config=${both}`).authorize(question);
    assert.equal(decision.error, undefined, 'one that is false is enough');
  });

  it('is taken over when the file changes, and only if it can be used', async () => {
    const question = asks(user('joe'), 'get pods');
    metrics = new Metrics();
    const file = (...authorizers: object[]) =>
      service.file(
        'reload.yaml',
        JSON.stringify({
          apiVersion: 'apiserver.config.k8s.io/v1',
          kind: 'AuthorizationConfiguration',
          authorizers,
        }),
      );
    const rbac = { type: 'RBAC', name: 'rbac' };
    const { authorization, tasks } = configured(`--authorization-config=${file(rbac)}`);
    const [watch] = tasks;
    assert.ok(watch instanceof WatchedFile);
    const allows = async () => (await authorization.authorizer.authorize(question)).allowed;
    assert.equal(await allows(), false);
    file({ type: 'AlwaysAllow', name: 'alwaysallow' });
    await watch.look();
    assert.equal(await allows(), false, 'RBAC may not go');
    file(rbac, { type: 'Node', name: 'node' });
    await watch.look();
    file(rbac, { type: 'AlwaysAllow', name: 'alwaysallow' });
    await watch.look();
    assert.equal(await allows(), true);
    const text = await metrics.metrics();
    const total = 'apiserver_authorization_config_controller_automatic_reloads_total';
    assert.match(text, new RegExp(`${total}{status="failure",apiserver_id_hash="sha256:\\w+"} 2`));
    assert.match(text, new RegExp(`${total}{status="success",apiserver_id_hash="sha256:\\w+"} 1`));
  });

  it('excludes the flags that say the same', () => {
    const argv = ['--authorization-mode=RBAC', `--authorization-config=${fileOf('Deny')}`];
    assert.throws(() => authorizerOf(...argv), /--authorization-config can not be specified when/);
  });
});
