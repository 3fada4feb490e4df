import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import {
  builtinKinds,
  type ConfigMap,
  type Deployment,
  type KubeObject,
  type MutatingAdmissionPolicySpec,
  type Mutation,
} from '@kubets/api';
import { admission, FakeStore, failure } from '../../edge-testing.ts';
import { GVR } from '../../resources.ts';
import { Rounds } from '../round.ts';
import { mutatingPolicies } from './mutating.ts';

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

const apply = (expression: string): Mutation => ({
  patchType: 'ApplyConfiguration',
  applyConfiguration: { expression },
});
const patch = (expression: string): Mutation => ({
  patchType: 'JSONPatch',
  jsonPatch: { expression },
});

const EVERYTHING = {
  resourceRules: [
    { apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['CREATE', 'UPDATE'] },
  ],
};

async function install(
  mutations: readonly Mutation[],
  spec: Partial<MutatingAdmissionPolicySpec> = {},
  { name = 'd1', binding = {} }: { name?: string; binding?: object } = {},
): Promise<void> {
  await store.create(GVR.mutatingPolicies, {
    metadata: { name, uid: name, generation: 1 },
    spec: {
      ...{ failurePolicy: 'Fail', reinvocationPolicy: 'Never', matchConstraints: EVERYTHING },
      ...{ mutations: [...mutations], ...spec },
    },
  } as KubeObject);
  await store.create(GVR.mutatingPolicyBindings, {
    metadata: { name: `${name}-b` },
    spec: { policyName: name, ...binding },
  } as KubeObject);
}

const plugin = (enabled = true) => {
  const authorizer = { authorize: () => ({ allowed: true, reason: '' }) };
  return mutatingPolicies({
    ...{ store, kinds: builtinKinds, newUid: () => 'uid', authorizer, enabled },
  });
};

/** Both rounds, as the chain has them. */
async function admit(object: KubeObject, o: { oldObject?: KubeObject } = {}): Promise<number> {
  const one = plugin();
  const round = new Rounds();
  const attributes = admission(o.oldObject ? 'UPDATE' : 'CREATE', object, o);
  await one.admit?.(attributes, round);
  if (round.next()) await one.admit?.(attributes, round);
  return round.number;
}

const deployment = (spec: object, metadata: object = {}): Deployment =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'ns', name: 'd', ...metadata },
    spec: { template: { metadata: {}, spec: { containers: [] } }, ...spec },
  }) as unknown as Deployment;
const containers = (...names: string[]) => ({
  template: { metadata: {}, spec: { containers: names.map((name) => ({ name, image: 'i' })) } },
});

describe('JSON patches', () => {
  const names = (d: Deployment) => d.spec?.template.spec?.containers.map(({ name }) => name);
  const labels = (d: Deployment) => d.metadata.labels;
  const cases: [string, string, Deployment, (d: Deployment) => unknown, unknown][] = [
    [
      'is left alone by a test that fails',
      '[JSONPatch{op: "test", path: "/spec/replicas", value: 100}, JSONPatch{op: "replace", path: "/spec/replicas", value: 3}]',
      deployment({ replicas: 1 }),
      (d) => d.spec?.replicas,
      1,
    ],
    [
      'is changed after a test that holds',
      '[JSONPatch{op: "test", path: "/spec/replicas", value: 1}, JSONPatch{op: "replace", path: "/spec/replicas", value: 3}]',
      deployment({ replicas: 1 }),
      (d) => d.spec?.replicas,
      3,
    ],
    [
      'loses an entry of a map',
      '[JSONPatch{op: "remove", path: "/metadata/labels/y"}]',
      deployment({}, { labels: { x: '1', y: '1' } }),
      labels,
      { x: '1' },
    ],
    [
      'loses an element of a list',
      '[JSONPatch{op: "remove", path: "/spec/template/spec/containers/1"}]',
      deployment(containers('a', 'b', 'c')),
      names,
      ['a', 'c'],
    ],
    [
      'gets a copy',
      '[JSONPatch{op: "copy", from: "/metadata/labels/x", path: "/metadata/labels/y"}]',
      deployment({}, { labels: { x: '1' } }),
      labels,
      { x: '1', y: '1' },
    ],
    [
      'has something moved',
      '[JSONPatch{op: "move", from: "/metadata/labels/x", path: "/metadata/labels/y"}]',
      deployment({}, { labels: { x: '1' } }),
      labels,
      { y: '1' },
    ],
    [
      'gets an element at the end of a list',
      '[JSONPatch{op: "add", path: "/spec/template/spec/containers/-", value: Object.spec.template.spec.containers{name: "x", ports: [Object.spec.template.spec.containers.ports{containerPort: 8080}]}}]',
      deployment(containers('a')),
      names,
      ['a', 'x'],
    ],
    [
      'gets a key with its special signs escaped',
      '[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/a~b"), value: "1"}]',
      deployment({}, { labels: {} }),
      labels,
      { 'example.com/a~b': '1' },
    ],
    [
      'may be asked for fields of operations and objects',
      `[JSONPatch{op: "add", path: "/metadata/labels", value: {
        "op": JSONPatch{op: "o"}.op, "value": string(JSONPatch{value: "v"}.value),
        "set": string(has(JSONPatch{path: "p"}.path)), "unset": string(has(JSONPatch{}.from)),
        "same": string(JSONPatch{op: "add", value: 1} == JSONPatch{op: "add", value: 1}),
        "other": string(Object{field: "x"} == Object{field: "y"}),
        "field": Object{field: "f"}.field, "none": string(has(Object{}.field)),
        "left": string(has(Object{?field: optional.none()}.field)),
      }}]`,
      deployment({}),
      labels,
      {
        ...{ op: 'o', value: 'v', set: 'true', unset: 'false', same: 'true', other: 'false' },
        ...{ field: 'f', none: 'false', left: 'false' },
      },
    ],
    [
      'may depend on rights and on the request',
      '[JSONPatch{op: "add", path: "/metadata/labels", value: {"may": string(authorizer.group("").resource("endpoints").check("create").allowed()), "kind": request.kind.kind}}]',
      deployment({}),
      labels,
      { may: 'true', kind: 'Deployment' },
    ],
  ];
  for (const [what, expression, object, read, expected] of cases) {
    it(`an object ${what}`, async () => {
      await install([patch(expression)]);
      await admit(object);
      assert.deepEqual(read(object), expected);
    });
  }

  const wrong: [string, string, RegExp][] = [
    [
      'what is not there',
      '[JSONPatch{op: "replace", path: "/spec/template/spec/containers/-", value: {"name": "x"}}]',
      /JSONPath: replace operation does not apply: doc is missing key: \/spec\S+\/-: missing value$/,
    ],
    [
      'fields the kind does not have',
      '[JSONPatch{op: "add", path: "/spec/template/spec/containers/-", value: Object.spec.template.spec.containers{name: "x", ports: [Object.spec.template.spec.containers.ports{containerPortZ: 8080}]}}]',
      /strict decoding error: unknown field "spec\.template\.spec\.containers\[1\]\.ports\[0\]\.containerPortZ"$/,
    ],
    [
      'objects named for another place',
      '[JSONPatch{op: "add", path: "/x", value: Object.spec{selector: Object.spec.other{}}}]',
      /denied request: type mismatch: unexpected type name "Object\.spec\.other", expected "Object\.spec\.selector", which matches field name path from root Object type$/,
    ],
    [
      'what is no list of operations',
      '[Object{}]',
      /must evaluate to list\(JSONPatch\) but got list\(Object\)$/,
    ],
    ['fields operations do not have', '[JSONPatch{up: "x"}]', /undefined field 'up'/],
    [
      'fields of the wrong type',
      '[JSONPatch{op: 1}]',
      /expected type of field 'op' is 'string' but provided type is 'int'/,
    ],
    [
      'types there are not',
      '[Patch{op: "x"}]',
      /undeclared reference to 'Patch' \(in container ''\)/,
    ],
  ];
  for (const [what, expression, expected] of wrong) {
    it(`cannot do ${what}`, async () => {
      await install([patch(expression)]);
      const error = await failure(() => admit(deployment(containers('a'))));
      assert.match(error.message, expected);
    });
  }
});

describe('configurations', () => {
  it('set fields, and add to lists by their keys', async () => {
    await install([
      apply(`Object{spec: Object.spec{
        replicas: object.spec.replicas % 2 == 0 ? object.spec.replicas + 1 : object.spec.replicas,
        template: Object.spec.template{spec: Object.spec.template.spec{
          containers: [Object.spec.template.spec.containers{name: "b", image: "j"}],
          volumes: [Object.spec.template.spec.volumes{name: "y", hostPath: Object.spec.template.spec.volumes.hostPath{path: "a"}}]}}}}`),
    ]);
    const one = deployment({ replicas: 2, ...containers('a', 'b') });
    await admit(one);
    assert.equal(one.spec?.replicas, 3);
    assert.deepEqual(
      one.spec?.template.spec?.containers.map(({ name, image }) => [name, image]),
      [
        ['a', 'i'],
        ['b', 'j'],
      ],
    );
    assert.equal(one.spec?.template.spec?.volumes?.[0]?.hostPath?.path, 'a');
  });

  it('come after each other, each sees what those before it did', async () => {
    await install(
      [
        apply('Object{spec: Object.spec{replicas: object.spec.replicas + variables.more}}'),
        patch(
          '[JSONPatch{op: "replace", path: "/spec/replicas", value: object.spec.replicas + 10}]',
        ),
      ],
      { variables: [{ name: 'more', expression: '100' }] },
    );
    const one = deployment({ replicas: 1 });
    await admit(one);
    assert.equal(one.spec?.replicas, 111);
  });

  it('may go by what was there before', async () => {
    await install([apply('Object{spec: Object.spec{replicas: oldObject.spec.replicas + 1}}')]);
    const one = deployment({ replicas: 1 });
    await admit(one, { oldObject: deployment({ replicas: 7 }) });
    assert.equal(one.spec?.replicas, 8);
  });

  const denied = (text: string): string =>
    `policy 'd1' with binding 'd1-b' denied request: ${text}`;
  const wrong: [string, string, string][] = [
    [
      'a name of another place',
      'Object{spec: Object.specx{replicas: 1}}',
      'type mismatch: unexpected type name "Object.specx", expected "Object.spec", which matches field name path from root Object type',
    ],
    [
      'a field the kind does not have',
      'Object{spec: Object.spec{replicasx: 1}}',
      'error applying patch: failed to convert patch object to typed object: .spec.replicasx: field not declared in schema',
    ],
    [
      'something that has one owner',
      'Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {"l": "v"}}}}',
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector',
    ],
    ['a text', '"teapot"', 'compilation error: must evaluate to Object but got string'],
    [
      'a part',
      'Object.spec.metadata{}',
      'compilation error: must evaluate to Object but got Object.spec.metadata',
    ],
  ];
  for (const [what, expression, text] of wrong) {
    it(`cannot be ${what}`, async () => {
      await install([apply(expression)]);
      const error = await failure(() => admit(deployment({ replicas: 1 })));
      assert.equal(error.message, denied(text));
      const { status } = error as unknown as { status: { reason: string; details: object } };
      assert.equal(error.code, 403);
      assert.equal(status.reason, 'Invalid');
      assert.deepEqual(status.details, {
        ...{ name: 'd', group: 'apps', kind: 'deployments', causes: [{ message: denied(text) }] },
      });
    });
  }

  it('that fail are ignored where the policy says so', async () => {
    await install([apply('Object{spec: Object.spec{replicasx: 1}}')], { failurePolicy: 'Ignore' });
    await admit(deployment({ replicas: 1 }));
  });
});

describe('policies that change objects', () => {
  const label = (key: string, value: string): Mutation =>
    apply(`Object{metadata: Object.metadata{labels: {"${key}": ${value}}}}`);
  const map = (labels: Record<string, string> = {}): ConfigMap => ({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'ns', name: 'm', labels } },
  });

  it('do nothing without the gate', async () => {
    await install([label('a', '"1"')]);
    const one = map();
    await plugin(false).admit?.(admission('CREATE', one));
    assert.deepEqual(one.metadata.labels, {});
  });

  it('are about what they match, and whose conditions hold', async () => {
    const matchConditions = [{ name: 'c', expression: 'object.metadata.name == "other"' }];
    await install([label('a', '"1"')], { matchConditions });
    const resourceRules = [{ ...EVERYTHING.resourceRules[0], resources: ['secrets'] }];
    const matchConstraints = { resourceRules } as typeof EVERYTHING;
    await install([label('b', '"1"')], { matchConstraints }, { name: 'd2' });
    const one = map();
    assert.equal(await admit(one), 0);
    assert.deepEqual(one.metadata.labels, {});
  });

  it('are carried out for each object of parameters', async () => {
    for (const name of ['p1', 'p2']) store.seed({ ...map(), metadata: { namespace: 'ns', name } });
    await install(
      [apply('Object{metadata: Object.metadata{labels: {params.metadata.name: "1"}}}')],
      { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } },
      { binding: { paramRef: { selector: {}, parameterNotFoundAction: 'Deny' } } },
    );
    const one = map();
    await admit(one);
    assert.deepEqual(one.metadata.labels, { p1: '1', p2: '1' });
  });

  it('refuse when parameters are missing', async () => {
    await install(
      [label('a', '"1"')],
      { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } },
      { binding: { paramRef: { name: 'gone', parameterNotFoundAction: 'Deny' } } },
    );
    const error = await failure(() => admit(map()));
    assert.equal(
      error.message,
      "policy 'd1' with binding 'd1-b' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
    );
    assert.equal((error as unknown as { reason: string }).reason, 'Forbidden');
  });

  it('refuse when nobody has the kind of their parameters', async () => {
    await install([label('a', '"1"')], {
      paramKind: { apiVersion: 'x.example.com/v1', kind: 'X' },
    });
    const error = await failure(() => admit(map()));
    const why = "failed to find resource referenced by paramKind: 'x.example.com/v1, Kind=X'";
    assert.equal(error.message, `policy "d1" denied request: failed to configure policy: ${why}`);
  });

  it('are asked a second time where they wish for it', async () => {
    const sees = (key: string): string => `string("${key}" in object.metadata.labels)`;
    const reinvocationPolicy = 'IfNeeded';
    await install([label('a', sees('b'))], { reinvocationPolicy }, { name: 'first' });
    await install([label('b', sees('a'))], {}, { name: 'second' });
    const one = map({ x: '1' });
    assert.equal(await admit(one), 1);
    assert.deepEqual(one.metadata.labels, { x: '1', a: 'true', b: 'true' });
  });

  it('let policies be', async () => {
    await install([label('a', '"1"')]);
    const one: KubeObject = {
      ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy' },
      metadata: { name: 'p' },
    };
    await admit(one);
    assert.equal(one.metadata.labels, undefined);
  });
});
