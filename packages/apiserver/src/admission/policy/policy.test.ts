import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import {
  builtinKind,
  builtinKinds,
  type KubeObject,
  type ValidatingAdmissionPolicySpec,
  validateCreate,
} from '@kubets/api';
import { admission, FakeStore, failure } from '../../edge-testing.ts';
import type { AuthorizationAttributes, Authorizer } from '../../ports.ts';
import { validatingPolicies } from './plugin.ts';
import { POLICY_RULES, WEBHOOK_RULES } from './policy-rules.ts';

const apiVersion = 'admissionregistration.k8s.io/v1';
const RULE = {
  apiGroups: [''],
  apiVersions: ['v1'],
  operations: ['CREATE', 'UPDATE'],
  resources: ['configmaps'],
};

let store: FakeStore;

beforeEach(() => {
  store = new FakeStore();
  const labels = { team: 'a' };
  store.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns', labels } });
});

function policy(spec: ValidatingAdmissionPolicySpec, name = 'p'): void {
  const matchConstraints = { resourceRules: [RULE] };
  const metadata = { name, generation: 1 };
  const kind = 'ValidatingAdmissionPolicy';
  store.seed({ apiVersion, kind, metadata, spec: { matchConstraints, ...spec } });
}

function binding(spec: object = {}, name = 'b'): void {
  const kind = 'ValidatingAdmissionPolicyBinding';
  const filledIn = { policyName: 'p', validationActions: ['Deny'], ...spec };
  store.seed({ apiVersion, kind, metadata: { name }, spec: filledIn });
}

function configMap(data?: Record<string, string>, name = 'c'): KubeObject {
  const metadata = { namespace: 'ns', name };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, ...(data ? { data } : {}) } as KubeObject;
}

let questions: AuthorizationAttributes[];
let mayWhat: (question: AuthorizationAttributes) => boolean;
let notes: [string, string][];

beforeEach(() => {
  questions = [];
  mayWhat = () => false;
  notes = [];
});

const authorizer: Authorizer = {
  authorize(question) {
    questions.push(question);
    if (question.verb === 'fail') return Promise.reject(new Error('away'));
    return Promise.resolve({ allowed: mayWhat(question), reason: `of ${question.verb}` });
  },
};

async function write(object: KubeObject, warnings: string[] = []): Promise<void> {
  const options = { store, authorizer, kinds: builtinKinds, newUid: () => 'uid' };
  const addAuditAnnotation = (key: string, value: string): number => notes.push([key, value]);
  const o = { warnings, addAuditAnnotation };
  await validatingPolicies(options).validate?.(admission('CREATE', object, o));
}

const BY = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ";
const refused = async (object: KubeObject): Promise<string> => {
  const error = await failure(() => write(object));
  assert.ok(error.message.includes(BY), error.message);
  return error.message.slice(error.message.indexOf(BY) + BY.length);
};

describe('an expression about rights', () => {
  const saying = async (expression: string): Promise<void> => {
    policy({ validations: [{ expression, message: 'no' }] });
    binding();
    await write(configMap());
  };
  const asked = () => {
    const [{ user, ...question } = {} as AuthorizationAttributes] = questions;
    return [user?.name, user?.groups, question];
  };
  const question = {
    ...{ verb: '', isResourceRequest: true, apiGroup: '', apiVersion: '*', resource: '' },
    ...{ subresource: '', namespace: '', name: '', path: '' },
  };
  const groups = ['system:authenticated'];

  it('asks for the user of the request', async () => {
    mayWhat = ({ namespace }) => namespace === 'n';
    await saying(
      "authorizer.group('apps').resource('deployments').subresource('scale').namespace('n').name('d').check('update').allowed()",
    );
    const about = { apiGroup: 'apps', resource: 'deployments', subresource: 'scale' };
    const where = { namespace: 'n', name: 'd', verb: 'update' };
    assert.deepEqual(asked(), ['tester', groups, { ...question, ...about, ...where }]);
    assert.equal(questions.length, 1);
  });

  it('asks about the resource of the request, about paths, and for service accounts', async () => {
    mayWhat = () => true;
    await saying("authorizer.requestResource.check('mend').reason() == 'of mend'");
    const about = { resource: 'configmaps', namespace: 'ns', name: 'c', verb: 'mend' };
    assert.deepEqual(asked(), ['tester', groups, { ...question, ...about }]);
    questions = [];
    await saying("authorizer.path('/metrics').check('get').allowed()");
    const path = { path: '/metrics', verb: 'get', isResourceRequest: false, apiVersion: '' };
    assert.deepEqual(asked(), ['tester', groups, { ...question, ...path }]);
    questions = [];
    await saying(
      "authorizer.serviceAccount('a', 'b').group('').resource('pods').check('list').allowed()",
    );
    const account = [
      'system:serviceaccount:a:b',
      ['system:serviceaccounts', 'system:serviceaccounts:a'],
    ];
    assert.deepEqual(asked(), [...account, { ...question, resource: 'pods', verb: 'list' }]);
  });

  it('may ask several times, each once', async () => {
    mayWhat = ({ verb }) => verb === 'b';
    await saying("['a', 'b'].exists(v, authorizer.requestResource.check(v).allowed())");
    assert.deepEqual(questions.map(({ verb }) => verb).sort(), ['a', 'b']);
    const again = ['a', 'a'].map((v) => `!authorizer.requestResource.check('${v}').allowed()`);
    questions.length = 0;
    await saying(again.join(' && '));
    assert.deepEqual(
      questions.map(({ verb }) => verb),
      ['a'],
    );
  });

  it('sees that the authoriser failed, and refuses when it does not allow', async () => {
    await saying(
      "authorizer.requestResource.check('fail').errored() && authorizer.requestResource.check('fail').error() == 'away'",
    );
    const error = await failure(() => saying("authorizer.requestResource.check('x').allowed()"));
    assert.match(error.message, /: no$/);
  });

  it('fails when it asks of nothing, or without end', async () => {
    for (const expression of [
      "authorizer.path('').check('get').allowed()",
      "authorizer.group('').resource('').check('get').allowed()",
    ]) {
      assert.match((await failure(() => saying(expression))).message, /must not be empty/);
    }
    const many = Array.from({ length: 31 }, (_, i) => `'${i}'`).join(', ');
    const endless = `[${many}].all(v, !authorizer.requestResource.check(v).allowed())`;
    questions = [];
    assert.match((await failure(() => saying(endless))).message, /actual cost limit exceeded/);
    assert.equal(questions.length, 30);
  });
});

describe('a policy about another version of a kind', () => {
  const autoscaler: KubeObject = {
    ...{ apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler' },
    metadata: { namespace: 'ns', name: 'h' },
    ...{
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
        ...{ maxReplicas: 3, targetCPUUtilizationPercentage: 40 },
      },
    },
  };
  const rule = {
    ...{ apiGroups: ['autoscaling'], apiVersions: ['v2'], operations: ['*'] },
    resources: ['horizontalpodautoscalers'],
  };
  const about = (matchPolicy: string): void =>
    policy({
      matchConstraints: { matchPolicy, resourceRules: [rule] },
      validations: [{ expression: 'size(object.spec.metrics) == 0' }],
    });

  it('sees it in that version, unless it wants it exactly', async () => {
    binding();
    about('Equivalent');
    assert.match(await refused(autoscaler), /^failed expression/);
    about('Exact');
    await write(autoscaler);
  });
});

describe('what is noted for the audit', () => {
  it('is what the policy says, under its name', async () => {
    policy({
      auditAnnotations: [
        { key: 'data', valueExpression: "object.?data.a.orValue('none')" },
        { key: 'not', valueExpression: 'null' },
      ],
    });
    binding();
    binding({}, 'c');
    await write(configMap({ a: '1' }));
    assert.deepEqual(notes, [['p/data', '1']]);
  });

  it('is what the policy has against the write, where the binding wants it', async () => {
    policy({ validations: [{ expression: 'true' }, { expression: 'false', message: 'no' }] });
    binding({ validationActions: ['Warn', 'Audit'] });
    await write(configMap());
    const [[key, value] = []] = notes;
    assert.equal(key, 'validation.policy.admission.k8s.io/validation_failure');
    assert.deepEqual(JSON.parse(value ?? ''), [
      {
        ...{ message: 'no', policy: 'p', binding: 'b', expressionIndex: 1 },
        validationActions: ['Warn', 'Audit'],
      },
    ]);
  });

  it('that cannot be worked out is a failure of the policy', async () => {
    policy({ auditAnnotations: [{ key: 'k', valueExpression: 'object.nope' }] });
    binding();
    assert.match(await refused(configMap()), /no such key: nope/);
  });
});

describe('a policy', () => {
  const NO_X = { expression: "!has(object.data) || !('x' in object.data)" };

  it('refuses what its expression is false for', async () => {
    policy({ validations: [NO_X] });
    binding();
    await write(configMap({ a: '1' }));
    await write(configMap());
    assert.equal(await refused(configMap({ x: '1' })), `failed expression: ${NO_X.expression}`);
  });

  it('does nothing without a binding, and a binding nothing without its policy', async () => {
    policy({ validations: [{ expression: 'false' }] });
    await write(configMap());
    binding({ policyName: 'other' });
    await write(configMap());
  });

  const REASONS: [string | undefined, number][] = [
    [undefined, 422],
    ['Invalid', 422],
    ['Forbidden', 403],
    ['Unauthorized', 401],
    ['RequestEntityTooLarge', 413],
  ];
  for (const [reason, code] of REASONS) {
    it(`with reason ${reason} answers ${code}`, async () => {
      policy({ validations: [{ expression: 'false', message: ' no ', reason }] });
      binding();
      const error = await failure(() => write(configMap()));
      assert.equal(error.code, code);
      assert.match(error.message, /: no$/);
    });
  }

  it('makes its message, and falls back when that fails', async () => {
    const expression = 'object.metadata.name == "z"';
    const messageExpression = "'no ' + object.metadata.name + ' in ' + object.data.where";
    policy({ validations: [{ expression, message: 'fixed', messageExpression }] });
    binding();
    assert.equal(await refused(configMap({ where: 'here' })), 'no c in here');
    assert.equal(await refused(configMap()), 'fixed');
  });

  it('computes variables when they are spoken of, each from those before', async () => {
    const variables = [
      { name: 'n', expression: 'object.data.size()' },
      { name: 'twice', expression: 'variables.n * 2' },
    ];
    const validations = [{ expression: "object.metadata.name == 'free' || variables.twice < 4" }];
    policy({ variables, validations });
    binding();
    await write(configMap({ a: '1' }));
    await write(configMap(undefined, 'free'));
    assert.match(await refused(configMap({ a: '1', b: '2' })), /^failed expression/);
    const failed = await refused(configMap());
    assert.match(failed, /composited variable "twice" fails to evaluate: .*no such key: data/);
  });

  it('whose conditions do not hold is not asked', async () => {
    const matchConditions = [{ name: 'x', expression: "object.metadata.name != 'c'" }];
    policy({ matchConditions, validations: [{ expression: 'false' }] });
    binding();
    await write(configMap());
    await refused(configMap(undefined, 'd'));
  });

  it('that fails refuses, unless its failures are to be ignored', async () => {
    const validations = [{ expression: 'object.nope == 1' }];
    policy({ validations });
    binding();
    const text = "expression 'object.nope == 1' resulted in error: no such key: nope";
    assert.equal(await refused(configMap()), text);
    policy({ validations, failurePolicy: 'Ignore' }, 'q');
    store = new FakeStore();
    policy({ validations, failurePolicy: 'Ignore' });
    binding();
    await write(configMap());
  });

  it('is bounded in its steps', async () => {
    const ten = '[0,1,2,3,4,5,6,7,8,9]';
    const nested = 'abcdefg'
      .split('')
      .reduce((inner, name) => `${ten}.all(${name}, ${inner})`, 'true');
    policy({ validations: [{ expression: nested }] });
    binding();
    assert.match(await refused(configMap()), /actual cost limit exceeded$/);
  });

  it('knows the request and the namespace', async () => {
    const expression =
      "request.operation == 'CREATE' && request.userInfo.username == 'tester' && " +
      "request.resource.resource == 'configmaps' && namespaceObject.metadata.labels.team == 'a' && oldObject == null";
    policy({ validations: [{ expression }] });
    binding();
    await write(configMap());
  });
});

describe('a binding', () => {
  it('may warn instead of refusing, or only note', async () => {
    policy({ validations: [{ expression: 'false', message: 'hm' }] });
    binding({ validationActions: ['Warn', 'Audit'] });
    const warnings: string[] = [];
    await write(configMap(), warnings);
    assert.deepEqual(warnings, [
      "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': hm",
    ]);
  });

  const PLACES: [string, object, boolean][] = [
    ['everything', {}, true],
    ['this namespace', { namespaceSelector: { matchLabels: { team: 'a' } } }, true],
    ['another namespace', { namespaceSelector: { matchLabels: { team: 'b' } } }, false],
    ['labelled objects', { objectSelector: { matchLabels: { a: 'b' } } }, false],
    ['the kind', { resourceRules: [RULE] }, true],
    ['another kind', { resourceRules: [{ ...RULE, resources: ['pods'] }] }, false],
    ['the name', { resourceRules: [{ ...RULE, resourceNames: ['c'] }] }, true],
    ['another name', { resourceRules: [{ ...RULE, resourceNames: ['d'] }] }, false],
    ['all but the kind', { excludeResourceRules: [RULE] }, false],
  ];
  for (const [what, matchResources, isHit] of PLACES) {
    it(`for ${what} ${isHit ? 'applies' : 'does not apply'}`, async () => {
      policy({ validations: [{ expression: 'false' }] });
      binding({ matchResources });
      if (isHit) await refused(configMap());
      else await write(configMap());
    });
  }
});

describe('parameters', () => {
  const limits = (name: string, max: string, labels: Record<string, string> = {}): void =>
    store.seed({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'ns', name, labels },
      data: { max },
    } as KubeObject);
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
  const validations = [
    { expression: 'int(object.data.n) <= int(params.data.max)', message: 'over' },
  ];

  it('come by name', async () => {
    limits('l', '3');
    policy({ paramKind, validations });
    binding({ paramRef: { name: 'l', parameterNotFoundAction: 'Deny' } });
    await write(configMap({ n: '3' }));
    assert.equal(await refused(configMap({ n: '4' })), 'over');
    assert.match(
      await refused(configMap({ n: 'x' })),
      /type conversion error from 'string' to 'int'$/,
    );
  });

  it('come by label, and every one counts', async () => {
    limits('l', '9', { is: 'limit' });
    limits('m', '3', { is: 'limit' });
    policy({ paramKind, validations });
    binding({
      paramRef: { selector: { matchLabels: { is: 'limit' } }, parameterNotFoundAction: 'Deny' },
    });
    await write(configMap({ n: '2' }));
    assert.equal(await refused(configMap({ n: '4' })), 'over');
  });

  it('that are missing refuse or let be, as the binding says', async () => {
    policy({ paramKind, validations });
    binding({ paramRef: { name: 'none', parameterNotFoundAction: 'Deny' } });
    assert.match(
      await refused(configMap({ n: '1' })),
      /^failed to configure binding: no params found/,
    );
    binding({ paramRef: { name: 'none', parameterNotFoundAction: 'Allow' } });
    await write(configMap({ n: '1' }));
  });

  it('of a kind nobody has are a failure of the policy, whatever binds it', async () => {
    policy({ paramKind: { apiVersion: 'x.example.com/v1', kind: 'X' }, validations });
    binding({ paramRef: { name: 'l', parameterNotFoundAction: 'Allow' } });
    const error = await failure(() => write(configMap({ n: '1' })));
    const why =
      "failed to configure policy: failed to find resource referenced by paramKind: 'x.example.com/v1, Kind=X'";
    const denied = `ValidatingAdmissionPolicy 'p' denied request: ${why}`;
    assert.equal(error.message, `configmaps "c" is forbidden: ${denied}`);
    binding({ validationActions: ['Audit'] });
    assert.equal((await failure(() => write(configMap({ n: '1' })))).message, error.message);
  });

  it('that cannot be found refuse, even where the binding only warns', async () => {
    const kind = { apiVersion: 'v1', kind: 'Node' };
    policy({ paramKind: kind, validations });
    const paramRef = { name: 'n', namespace: 'ns', parameterNotFoundAction: 'Allow' };
    binding({ paramRef, validationActions: ['Warn'] });
    assert.equal(
      await refused(configMap({ n: '1' })),
      'failed to configure binding: paramRef.namespace must not be provided for a cluster-scoped `paramKind`',
    );
  });
});

describe('writing a policy', () => {
  const errors = (spec: ValidatingAdmissionPolicySpec): string[] => {
    const kind = builtinKind('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy');
    const object = { metadata: { name: 'p' }, spec } as KubeObject;
    const all = validateCreate({ ...kind, rules: POLICY_RULES }, object).map(String);
    return all.filter((text) => text.includes('xpression'));
  };

  it('is fine with expressions that compile', () => {
    const validations = [{ expression: 'has(object.a)', messageExpression: "'x'" }];
    assert.deepEqual(errors({ validations, variables: [{ name: 'v', expression: '1' }] }), []);
  });

  it('names expressions that do not', () => {
    const [text = ''] = errors({ validations: [{ expression: 'object.' }] });
    assert.match(text, /^spec\.validations\[0\]\.expression: Invalid value: "object\."/);
    assert.match(text, /compilation failed: ERROR: <input>:1:8: Syntax error/);
  });

  it('wants bools and texts where they belong', () => {
    const [first, second] = errors({
      validations: [{ expression: "'a'", messageExpression: '1' }],
    });
    assert.match(first ?? '', /must evaluate to bool but got string$/);
    assert.match(second ?? '', /must evaluate to string but got int$/);
  });

  it('looks at conditions and variables too', () => {
    const found = errors({
      matchConditions: [{ name: 'm', expression: 'nope' }],
      variables: [{ name: 'v', expression: '1 +' }],
    });
    assert.match(found[0] ?? '', /undeclared reference to 'nope' \(in container ''\)/);
    assert.match(found[1] ?? '', /^spec\.variables\[0\]\.expression: .*mismatched input '<EOF>'/s);
  });

  it('knows the types of variables, from where they are defined', () => {
    const variables = [
      { name: 'later', expression: 'variables.list' },
      { name: 'list', expression: "['1', '2']" },
      { name: 'odd', expression: 'nope' },
      { name: 'open', expression: 'object.?metadata' },
    ];
    const validations = [
      { expression: 'variables.list[0] == 1' },
      { expression: "variables.list[0] == '1'" },
      { expression: 'variables.none == 1' },
      { expression: 'variables.odd == 1 && variables.open.name == 1' },
    ];
    const matchConditions = [{ name: 'm', expression: "variables.list[0] == '1'" }];
    const found = errors({ variables, validations, matchConditions });
    const wanted = [
      /^spec\.matchConditions\[0\]\.expression: .*undeclared reference to 'variables'/s,
      /^spec\.variables\[0\]\.expression: .*undefined field 'list'/s,
      /^spec\.variables\[2\]\.expression: .*undeclared reference to 'nope'/s,
      /^spec\.validations\[0\]\.expression: .*no matching overload for '_==_' applied to '\(string, int\)'/s,
      /^spec\.validations\[2\]\.expression: .*undefined field 'none'/s,
    ];
    assert.equal(found.length, wanted.length, found.join('\n'));
    wanted.forEach((pattern, i) => {
      assert.match(found[i] ?? '', pattern);
    });
  });

  it('tells of each part in turn, of its expressions first', () => {
    const found = errors({
      validations: [
        { expression: '1', messageExpression: '2', message: ' ' },
        { expression: ' ', messageExpression: ' ' },
      ],
      auditAnnotations: [{ key: 'a', valueExpression: '1' }],
    });
    assert.deepEqual(
      found.map((text) => text.split(':')[0]),
      [
        'spec.validations[0].expression',
        'spec.validations[0].messageExpression',
        'spec.validations[1].expression',
        'spec.validations[1].messageExpression',
        'spec.auditAnnotations[0].valueExpression',
      ],
    );
  });
});

it('writing a webhook compiles its conditions', () => {
  const webhooks = [
    {
      name: 'a.b.c',
      matchConditions: [
        { name: 'a', expression: 'true' },
        { name: 'b', expression: '1' },
      ],
    },
  ];
  const kind = builtinKind('admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration');
  const object = { metadata: { name: 'w' }, webhooks } as unknown as KubeObject;
  const errors = validateCreate({ ...kind, rules: WEBHOOK_RULES }, object).map(String);
  assert.deepEqual(
    errors.filter((text) => text.includes('matchConditions')),
    [
      'webhooks[0].matchConditions[1].expression: Invalid value: "1": must evaluate to bool but got int',
    ],
  );
});

it('policies are asked about webhooks, not about policies', async () => {
  const rule = { ...RULE, apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] };
  policy({ validations: [{ expression: 'false' }], matchConstraints: { resourceRules: [rule] } });
  binding();
  const named = (kind: string): KubeObject => ({ apiVersion, kind, metadata: { name: 'x' } });
  assert.equal(await refused(named('ValidatingWebhookConfiguration')), 'failed expression: false');
  await write(named('ValidatingAdmissionPolicy'));
  await write(named('ValidatingAdmissionPolicyBinding'));
});
