import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type CustomResourceDefinition, type KubeObject, matchesFields } from '@kubets/api';
import { objectOf } from '../cache/entry.ts';
import { selectionOf } from '../registry/list-options.ts';
import { plainBytes } from '../rest/encode.ts';
import { MemoryStore } from '../storage/memory-store.ts';
import { RecordingSink } from '../testing/index.ts';
import { refusal } from '../testing/scene.ts';
import { CLEANUP_FINALIZER, conditionOf, isEstablished } from './conditions.ts';
import { DEFINITIONS } from './controller.ts';
import { CrdServer, definition, GROUP } from './testing.ts';

const OPEN = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const SIZED = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: { size: { type: 'integer', default: 1 }, color: { type: 'string' } },
    },
  },
};

let server: CrdServer;
beforeEach(() => {
  server = new CrdServer();
});
afterEach(() => server.close());

const read = (name = `widgets.${GROUP}`): Promise<CustomResourceDefinition> =>
  server.objects.get({ ...DEFINITIONS, namespace: '', name });
const texts = (crd: CustomResourceDefinition): string[] =>
  (crd.status?.conditions ?? []).map((one) => `${one.type} ${one.status} ${one.reason}`);

describe('a definition', () => {
  it('is established, and its kind served', async () => {
    await server.define(definition(SIZED));
    const crd = await read();
    assert.deepEqual(texts(crd), [
      'NamesAccepted True NoConflicts',
      'Established True InitialNamesAccepted',
    ]);
    assert.deepEqual(crd.status?.acceptedNames, {
      plural: 'widgets',
      singular: 'widget',
      kind: 'Widget',
      listKind: 'WidgetList',
    });
    const made = await server.create('a', { spec: { color: 'red', nope: 1 } });
    assert.deepEqual(made.spec, { color: 'red', size: 1 });
    assert.deepEqual(server.warnings, ['unknown field "spec.nope"']);
    assert.equal(made.metadata.generation, 1);
  });

  it('whose names are taken waits until they are free', async () => {
    await server.define(definition(OPEN));
    const second = definition(OPEN, {}, { names: { plural: 'gadgets', kind: 'Widget' } });
    second.metadata.name = `gadgets.${GROUP}`;
    await server.objects.create(DEFINITIONS, second);
    const refused = (crd: CustomResourceDefinition | undefined): boolean =>
      crd !== undefined && conditionOf(crd, 'NamesAccepted')?.status === 'False';
    await server.until(refused, `gadgets.${GROUP}`);
    const crd = await read(`gadgets.${GROUP}`);
    assert.equal(conditionOf(crd, 'NamesAccepted')?.message, '"WidgetList" is already in use');
    assert.equal(conditionOf(crd, 'Established')?.reason, 'NotAccepted');
    assert.equal(server.kindOf(second), undefined);
    await server.objects.delete({ ...DEFINITIONS, namespace: '', name: `widgets.${GROUP}` });
    await server.until((now) => now !== undefined && isEstablished(now), `gadgets.${GROUP}`);
    assert.ok(server.kindOf(second));
  });

  it('is seen by other servers', async () => {
    const store = new MemoryStore();
    const [one, other] = [new CrdServer(store), new CrdServer(store)];
    await one.define(definition(OPEN));
    await other.until(() => other.kindOf(definition(OPEN)) !== undefined);
    await other.create('a', { x: 1 });
    const found = await one.objects.get<KubeObject & { x?: number }>({
      ...{ group: GROUP, version: 'v1', resource: 'widgets', namespace: 'default', name: 'a' },
    });
    assert.equal(found.x, 1);
    await Promise.all([one.close(), other.close()]);
  });

  it('does not take over built-in kinds', async () => {
    const crd = definition(
      OPEN,
      {},
      { group: 'apps', names: { plural: 'deployments', kind: 'Deployment' } },
    );
    crd.metadata.name = 'deployments.apps';
    await assert.rejects(server.objects.create(DEFINITIONS, crd), refusal(422, 'Invalid'));
    assert.equal(
      server.kinds.forKind({ group: 'apps', version: 'v1', kind: 'Deployment' })?.rules,
      undefined,
    );
  });

  it('adds nothing to versions the server has itself', async () => {
    const crd = definition(OPEN);
    crd.metadata.name = 'foos.networking.k8s.io';
    crd.metadata.annotations = { 'api-approved.kubernetes.io': 'unapproved, test-only' };
    const [version] = crd.spec.versions;
    assert.ok(version);
    crd.spec = {
      ...crd.spec,
      group: 'networking.k8s.io',
      names: { plural: 'foos', kind: 'Foo' },
      versions: [
        { ...version, name: 'v1' },
        { ...version, name: 'v2alpha1', storage: false },
      ],
    };
    await server.objects.create(DEFINITIONS, crd);
    await server.until((now) => now !== undefined && isEstablished(now), 'foos.networking.k8s.io');
    const at = (name: string) =>
      server.kinds.forResource({ group: 'networking.k8s.io', version: name, resource: 'foos' });
    assert.equal(at('v1'), undefined);
    assert.equal(at('v2alpha1')?.kind, 'Foo');
  });

  it('keeps its group, names and scope', async () => {
    await server.define(definition(OPEN));
    const crd = await read();
    crd.spec.scope = 'Cluster';
    crd.spec.names.kind = 'Wodget';
    await assert.rejects(
      server.objects.update(DEFINITIONS, crd),
      refusal(422, 'Invalid', /spec\.scope: .*immutable.*spec\.names\.kind: .*immutable/s),
    );
  });

  it('remembers every version objects were stored in', async () => {
    await server.define(definition(OPEN));
    const crd = await read();
    const [first] = crd.spec.versions;
    assert.ok(first);
    crd.spec.versions = [
      { ...first, storage: false },
      { ...first, name: 'v2' },
    ];
    const changed = await server.objects.update<CustomResourceDefinition>(DEFINITIONS, crd);
    assert.deepEqual(changed.status?.storedVersions, ['v1', 'v2']);
    changed.spec.versions = changed.spec.versions.slice(1);
    await assert.rejects(
      server.objects.update(DEFINITIONS, changed),
      refusal(
        422,
        'Invalid',
        /status\.storedVersions\[0\]: Invalid value: "v1": must appear in spec\.versions/,
      ),
    );
  });
});

describe('the end of a definition', () => {
  const name = `widgets.${GROUP}`;
  const remove = (): Promise<void> =>
    server.objects.delete({ ...DEFINITIONS, namespace: '', name });

  it('takes its objects along, then its routes and watches', async () => {
    await server.define(definition(OPEN));
    await server.create('a');
    const sink = new RecordingSink();
    await server.registry.watch(server.widget(), {}, sink);
    await remove();
    await server.until((crd) => crd === undefined);
    await sink.until(() => sink.ended !== undefined);
    assert.deepEqual(sink.lines(), ['ADDED a', 'DELETED a']);
    assert.equal(server.kindOf(definition(OPEN)), undefined);
  });

  it('waits for objects with finalizers, and nothing new is made meanwhile', async () => {
    await server.define(definition(OPEN));
    await server.create('a', {}, { finalizers: ['example.com/f'] });
    await remove();
    const crd = await read();
    assert.deepEqual(crd.metadata.finalizers, [CLEANUP_FINALIZER]);
    assert.equal(conditionOf(crd, 'Terminating')?.reason, 'InstanceDeletionPending');
    assert.equal(crd.metadata.deletionGracePeriodSeconds, undefined);
    const begun = 'InstanceDeletionInProgress';
    await server.until((now) => conditionOf(now ?? crd, 'Terminating')?.reason === begun);
    await assert.rejects(server.create('b'), refusal(405, 'MethodNotAllowed', /terminating$/));
    await server.merge('a', { metadata: { finalizers: null } });
    await server.until((now) => now === undefined);
  });

  it('lets a new one of the same name begin afresh', async () => {
    await server.define(definition(OPEN));
    await server.create('a');
    await remove();
    await server.until((crd) => crd === undefined);
    await server.define(definition(SIZED));
    const list = await server.registry.list(server.widget(), {});
    assert.equal(list.entries.length, 0);
  });
});

describe('objects', () => {
  it('are shown in every version, deprecated ones with a warning', async () => {
    const versions = [
      { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: OPEN } },
      {
        name: 'v1beta1',
        served: true,
        storage: false,
        deprecated: true,
        schema: { openAPIV3Schema: OPEN },
      },
      { name: 'v1alpha1', served: false, storage: false, schema: { openAPIV3Schema: OPEN } },
    ];
    await server.define(definition(OPEN, {}, { versions }));
    await server.create('a', { x: 1 });
    const old = server.widget('a', { version: 'v1beta1' });
    const shown = JSON.parse(plainBytes(old.def, await server.registry.get(old, '')).toString());
    assert.equal(shown.apiVersion, `${GROUP}/v1beta1`);
    assert.equal(shown.x, 1);
    assert.equal(
      old.def.rules?.warning,
      'example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget',
    );
    assert.throws(() => server.widget('a', { version: 'v1alpha1' }));
  });

  it('get defaults that came after them', async () => {
    await server.define(
      definition({
        type: 'object',
        properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } },
      }),
    );
    await server.create('a', { spec: { a: 'x' } });
    const crd = await read();
    const [version] = crd.spec.versions;
    assert.ok(version);
    version.schema = {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: { type: 'object', properties: { b: { type: 'string', default: 'y' } } },
        },
      },
    };
    await server.objects.update(DEFINITIONS, crd);
    await server.until((now) => now?.metadata.generation === 2);
    const { entries } = await server.registry.list(server.widget(), {});
    assert.deepEqual(
      entries.map((entry) => objectOf(entry).spec),
      [{ b: 'y' }],
    );
  });

  it('are selected by the fields the definition names', async () => {
    const selectableFields = [{ jsonPath: '.spec.color' }];
    await server.define(definition(SIZED, { selectableFields }));
    await server.create('a', { spec: { color: 'red' } });
    await server.create('b', { spec: { color: 'blue' } });
    const target = server.widget();
    const { entries } = await server.registry.list(target, { fieldSelector: 'spec.color=red' });
    assert.deepEqual(
      entries.map((entry) => entry.name),
      ['a'],
    );
    assert.throws(
      () => selectionOf(target.def, '', { fieldSelector: 'spec.size=1' }),
      refusal(400, 'BadRequest', /^field label not supported: spec\.size$/),
    );
    assert.ok(matchesFields([], {}));
  });

  it('count generations: without a status of their own every change is one', async () => {
    await server.define(definition(OPEN));
    await server.create('a', { status: { x: 1 } });
    const changed = await server.merge('a', { status: { x: 2 } });
    assert.equal(changed.metadata.generation, 2);
    const same = await server.merge('a', { metadata: { labels: { a: 'b' } } });
    assert.equal(same.metadata.generation, 2);
  });

  it('with a status keep it apart', async () => {
    await server.define(definition(OPEN, { subresources: { status: {} } }));
    const made = await server.create('a', { spec: { n: 1 }, status: { x: 1 } });
    assert.equal(made.status, undefined);
    const main = await server.merge('a', { spec: { n: 2 }, status: { x: 2 } });
    assert.equal(main.status, undefined);
    assert.equal(main.metadata.generation, 2);
    const change = { metadata: { labels: { a: 'b' } }, spec: { n: 3 }, status: { x: 3 } };
    const status = await server.merge('a', change, 'status');
    assert.deepEqual([status.spec, status.status], [{ n: 2 }, { x: 3 }]);
    assert.equal(status.metadata.labels, undefined);
    assert.equal(status.metadata.generation, 2);
  });

  it('are scaled where the definition says', async () => {
    const scale = {
      specReplicasPath: '.spec.n',
      statusReplicasPath: '.status.n',
      labelSelectorPath: '.status.sel',
    };
    await server.define(definition(OPEN, { subresources: { scale, status: {} } }));
    await server.create('a', { spec: { n: 2 } });
    await server.merge('a', { status: { n: 1, sel: 'a=b' } }, 'status');
    const target = server.widget('a', { subresource: 'scale' });
    const shown = (await server.registry.get(target, '')) as KubeObject;
    assert.deepEqual(
      [shown.spec, shown.status],
      [{ replicas: 2 }, { replicas: 1, selector: 'a=b' }],
    );
    await server.merge('a', { spec: { replicas: 5 } }, 'scale');
    const object = (await server.registry.get(server.widget('a'), '')) as never;
    assert.deepEqual(objectOf(object).spec, { n: 5 });
    await assert.rejects(
      server.create('b', { spec: { n: -1 } }),
      refusal(422, 'Invalid', /\.spec\.n: Invalid value: -1: should be a non-negative integer/),
    );
    await assert.rejects(
      server.merge('a', { spec: { replicas: -1 } }, 'scale'),
      refusal(422, 'Invalid', /^Widget\S* "a" is invalid: \.spec\.n: Invalid value: -1: should be/),
    );
  });

  it('have no scale as long as nobody has said how many', async () => {
    const scale = { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n' };
    await server.define(definition(OPEN, { subresources: { scale } }));
    await server.create('a', { spec: {} });
    const target = server.widget('a', { subresource: 'scale' });
    const missing = /^Internal error occurred: the spec replicas field ".spec.n" does not exist$/;
    await assert.rejects(server.registry.get(target, ''), refusal(500, 'InternalError', missing));
    await assert.rejects(
      server.merge('a', { metadata: { labels: { a: 'b' } } }, 'scale'),
      refusal(400, 'BadRequest', /^the spec replicas field ".spec.n" cannot be empty$/),
    );
    const shown = await server.merge('a', { spec: { replicas: 0 } }, 'scale');
    assert.deepEqual(shown.spec, {});
    await assert.rejects(
      server.registry.get(server.widget('zz', { subresource: 'scale' }), ''),
      refusal(404, 'NotFound', /^widgets\.\S+ "zz" not found$/),
    );
  });

  it('of another kind are refused', async () => {
    await server.define(definition(OPEN));
    const json = JSON.stringify({
      apiVersion: `${GROUP}/v1`,
      kind: 'Other',
      metadata: { name: 'a' },
    });
    await assert.rejects(
      server.registry.create(server.widget(), { json, validation: 'Warn' }, server.ctx),
      refusal(
        422,
        'Invalid',
        /^Other\.\S+ "a" is invalid: kind: Invalid value: "Other": must be Widget$/,
      ),
    );
  });

  it('cannot be patched into another kind or version', async () => {
    await server.define(definition(OPEN));
    await server.create('a');
    const refused = (patch: object, why: RegExp) =>
      assert.rejects(server.merge('a', patch), refusal(422, 'Invalid', why));
    await refused(
      { kind: 'Other' },
      /^Other\.\S+ "a" is invalid: kind: Invalid value: "Other": must be/,
    );
    await refused(
      { apiVersion: 'v2' },
      /^Widget "a" is invalid: apiVersion: Invalid value: "v2": must be \S+\/v1$/,
    );
    await refused(
      { kind: 'Other', apiVersion: 'v2' },
      /^Other "a" is invalid: \[kind: .*, apiVersion: /,
    );
    await refused(
      { kind: null },
      /^ "" is invalid: patch: Invalid value: .*: Object 'Kind' is missing in /,
    );
    await refused(
      { apiVersion: null },
      /^Widget "a" is invalid: apiVersion: Invalid value: "": must be/,
    );
  });

  it('say of what kind and version they are', async () => {
    await server.define(definition(OPEN));
    const refused = (json: string, why: RegExp) =>
      assert.rejects(
        server.registry.create(server.widget(), { json, validation: 'Warn' }, server.ctx),
        refusal(400, 'BadRequest', why),
      );
    await refused(
      '{"metadata":{"name":"a"}}',
      /^Widget in version "v1" cannot be handled as a Widget: Object 'Kind' is missing in '{"metadata":{"name":"a"}}'$/,
    );
    await refused(
      '{"kind":"Widget","metadata":{"name":"a"}}',
      /^the API version in the data \(\) does not match/,
    );
  });

  it('need the version they are based on', async () => {
    await server.define(definition(OPEN));
    await server.create('a');
    const json = JSON.stringify({
      apiVersion: `${GROUP}/v1`,
      kind: 'Widget',
      metadata: { name: 'a' },
    });
    await assert.rejects(
      server.registry.update(server.widget('a'), { json, validation: 'Warn' }, server.ctx),
      refusal(422, 'Invalid', /must be specified for an update/),
    );
  });
});
