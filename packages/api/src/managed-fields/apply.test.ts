import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiError } from '../errors.ts';
import type { Scale } from '../generated/types.ts';
import type { JsonObject, KubeObject } from '../meta.ts';
import { builtinKind, type KindDef } from '../registry.ts';
import { decodeObject } from '../schema/decode.ts';
import { scaleOf, withScale } from '../strategy/scale.ts';
import { type ApplyBy, applyConfiguration } from './apply.ts';
import { membersOf, pathText } from './field-set.ts';
import { applyScale, trackScale } from './scale.ts';
import { trackUpdate } from './update.ts';

const CONFIG_MAP = builtinKind('v1', 'ConfigMap');
const DEPLOYMENT = builtinKind('apps/v1', 'Deployment');
const NOW = '2024-05-06T07:08:09Z';
const LATER = '2024-05-06T07:08:10Z';

const by = (manager: string, o: Partial<ApplyBy> = {}): ApplyBy => ({
  def: CONFIG_MAP,
  subresource: '',
  manager,
  now: NOW,
  force: false,
  ...o,
});

const config = (data: object | undefined, metadata: object = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'x', ...metadata },
  ...(data && { data }),
});

/** As the server finishes it. */
function stored(def: KindDef, merged: KubeObject): KubeObject {
  const { object } = decodeObject(def, merged as unknown as JsonObject, 'Ignore');
  object.metadata.uid = '11111111-1111-4111-8111-111111111111';
  return object;
}

function apply(who: ApplyBy, live: KubeObject | undefined, body: JsonObject): KubeObject {
  return stored(who.def, applyConfiguration(who, live, body));
}

const dataOf = (object: KubeObject): unknown => (object as { data?: unknown }).data;

function owners(object: KubeObject): string[] {
  return (object.metadata.managedFields ?? []).map((entry) => {
    const paths = membersOf(entry.fieldsV1 as never).map(pathText);
    return `${entry.manager} ${entry.operation} ${paths.join(' ')}`;
  });
}

function refusal(work: () => unknown): ApiError {
  try {
    work();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it was let through');
}

describe('applying', () => {
  test('creates what is not there', () => {
    const object = apply(by('m'), undefined, config({ a: '1' }));
    assert.deepEqual(dataOf(object), { a: '1' });
    assert.deepEqual(owners(object), ['m Apply .data.a']);
    assert.equal(object.metadata.managedFields?.[0]?.time, NOW);
  });

  test('the same again changes nothing, the time included', () => {
    const first = apply(by('m'), undefined, config({ a: '1' }));
    const again = apply(by('m', { now: LATER }), first, config({ a: '1' }));
    assert.deepEqual(again, first);
  });

  test('what is no longer applied goes', () => {
    const first = apply(by('m'), undefined, config({ a: '1', b: '1' }, { labels: { l: '1' } }));
    const second = apply(by('m'), first, config({ a: '1' }));
    assert.deepEqual(dataOf(second), { a: '1' });
    assert.equal(second.metadata.labels, undefined);
  });

  test('what somebody else owns too stays', () => {
    const first = apply(by('m'), undefined, config({ a: '1', b: '1' }));
    const shared = apply(by('n'), first, config({ b: '1' }));
    assert.deepEqual(owners(shared), ['n Apply .data.b', 'm Apply .data.a .data.b']);
    assert.equal(shared.metadata.managedFields?.[0]?.time, undefined, 'nothing was changed');
    const left = apply(by('m'), shared, config({}));
    assert.deepEqual(dataOf(left), { b: '1' });
  });

  test('null asks for nothing', () => {
    const first = apply(by('m'), undefined, config({ a: '1' }));
    assert.deepEqual(dataOf(apply(by('n'), first, config({ a: '1' }, { labels: null }))), {
      a: '1',
    });
  });
});

describe('conflicts', () => {
  const live = apply(by('m1'), undefined, config({ a: '1', b: '1' }, { labels: { l: '1' } }));

  test('one is told in a line, with its cause', () => {
    const error = refusal(() => apply(by('m2'), live, config({ a: '2' })));
    assert.equal(error.code, 409);
    assert.equal(error.message, 'Apply failed with 1 conflict: conflict with "m1": .data.a');
    assert.deepEqual(error.status.details?.causes, [
      { reason: 'FieldManagerConflict', message: 'conflict with "m1"', field: '.data.a' },
    ]);
  });

  test('several are listed by manager', () => {
    const wish = config({ a: '2', b: '2' }, { labels: { l: '2' } });
    const error = refusal(() => apply(by('m2'), live, wish));
    assert.equal(
      error.message,
      'Apply failed with 3 conflicts: conflicts with "m1":\n- .data.a\n- .data.b\n- .metadata.labels.l',
    );
  });

  test('force takes the field over', () => {
    const taken = apply(by('m2', { force: true }), live, config({ a: '2' }));
    assert.deepEqual(dataOf(taken), { a: '2', b: '1' });
    assert.deepEqual(owners(taken), ['m1 Apply .data.b .metadata.labels.l', 'm2 Apply .data.a']);
  });

  test('updaters are named with their version and subresource', () => {
    const object = structuredClone(live);
    Object.assign(object, { data: { a: '5', b: '1' } });
    const write = { def: CONFIG_MAP, manager: 'u', subresource: 'status', now: LATER };
    trackUpdate(write, live, object);
    // Nobody owns data through a status; an update of the object does.
    assert.ok(owners(object).includes('u Update .data.a'));
    const error = refusal(() => apply(by('m1'), object, config({ a: '1', b: '1' })));
    assert.match(error.message, /conflict with "u" with subresource "status" using v1: \.data\.a$/);
  });
});

describe('before the first apply', () => {
  test('an object nobody kept account of has one owner for all', () => {
    const live = stored(CONFIG_MAP, { ...config({ a: '1', b: '2' }), metadata: { name: 'x' } });
    const error = refusal(() => apply(by('m'), live, config({ a: '2' })));
    assert.match(error.message, /conflict with "before-first-apply" using v1: \.data\.a/);
    const same = apply(by('m'), live, config({ a: '1' }));
    assert.deepEqual(owners(same), [
      'm Apply .data.a',
      'before-first-apply Update .data .data.a .data.b',
    ]);
  });

  test('kubectl takes over what it applied on the client side', () => {
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
    const applied = config({ a: '1' }, { annotations: {} });
    const body = config(
      { a: '1', b: '1' },
      { annotations: { [annotation]: JSON.stringify(applied) } },
    );
    const live = stored(CONFIG_MAP, body as unknown as KubeObject);
    trackUpdate(
      { def: CONFIG_MAP, subresource: '', manager: 'kubectl-client', now: NOW },
      undefined,
      live,
    );
    const mine = apply(by('kubectl'), live, config({ a: '2' }));
    assert.deepEqual(dataOf(mine), { a: '2', b: '1' });
    const remembered = JSON.parse(mine.metadata.annotations?.[annotation] ?? '') as JsonObject;
    assert.deepEqual(remembered.data, { a: '2' });
    const error = refusal(() => apply(by('kubectl'), live, config({ b: '2' })));
    assert.match(error.message, /conflict with "kubectl-client" using v1: \.data\.b/);
    assert.throws(() => apply(by('other'), live, config({ a: '2' })), /conflict/);
  });
});

describe('configurations that are refused', () => {
  const refused: readonly [string, JsonObject, number, string][] = [
    [
      'of another kind',
      { ...config({}), kind: 'Secret' },
      400,
      'invalid object type: /v1, Kind=Secret',
    ],
    [
      'with an account of their own',
      config({}, { managedFields: [] }),
      400,
      'metadata.managedFields must be nil',
    ],
    [
      'with unknown fields',
      { ...config({}), nope: 1 },
      500,
      'failed to create typed patch object (/x; /v1, Kind=ConfigMap): .nope: field not declared in schema',
    ],
  ];
  for (const [what, body, code, message] of refused) {
    test(what, () => {
      const error = refusal(() => apply(by('m'), undefined, body));
      assert.equal(error.code, code);
      assert.equal(error.message, message);
    });
  }
});

describe('the scale of an object', () => {
  const scaleDef: KindDef = {
    ...DEPLOYMENT,
    group: 'autoscaling',
    version: 'v1',
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    typeName: 'autoscaling.v1.Scale',
  };
  const deployment = (replicas: number | undefined): JsonObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'x' },
    spec: { ...(replicas && { replicas }), selector: { matchLabels: { a: 'b' } } },
  });
  const main = by('m', { def: DEPLOYMENT });
  const scaler = by('scaler', { def: DEPLOYMENT, subresource: 'scale', now: LATER });

  function rescale(live: KubeObject, replicas: number): KubeObject {
    const before = scaleOf(live);
    const after: Scale = { ...before, spec: { replicas } };
    const object = withScale(live, after);
    trackScale(scaler, scaleDef, { before, after }, object);
    return object;
  }

  test('moves the replica count to who scales', () => {
    const live = apply(main, undefined, deployment(2));
    assert.deepEqual(owners(rescale(live, 5)), [
      'm Apply .spec.selector',
      'scaler Update .spec.replicas',
    ]);
    assert.equal(rescale(live, 5).metadata.managedFields?.[1]?.subresource, 'scale');
  });

  test('leaves the owner where nothing changes', () => {
    const live = apply(main, undefined, deployment(2));
    const [first = ''] = owners(rescale(live, 2));
    assert.match(first, /^m Apply .*\.spec\.replicas/);
  });

  test('keeps no account while nobody owns the count', () => {
    const live = apply(main, undefined, deployment(undefined));
    assert.deepEqual(owners(rescale(live, 5)), owners(live));
  });

  test('can be applied, with conflicts', () => {
    const live = apply(main, undefined, deployment(2));
    const wish = { apiVersion: 'autoscaling/v1', kind: 'Scale', spec: { replicas: 7 } };
    const place = { scale: scaleOf(live), object: live };
    const error = refusal(() => applyScale(scaler, scaleDef, place, wish));
    assert.match(error.message, /conflict with "m": \.spec\.replicas/);
    const forced = applyScale({ ...scaler, force: true }, scaleDef, place, wish);
    const object = withScale(live, forced.scale);
    forced.keepOwners(object);
    assert.deepEqual(owners(object), ['scaler Apply .spec.replicas', 'm Apply .spec.selector']);
  });
});
