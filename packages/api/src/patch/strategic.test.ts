import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiError } from '../errors.ts';
import { applyStrategicMergePatch } from './strategic.ts';

const POD_SPEC = 'core.v1.PodSpec';
const SERVICE_SPEC = 'core.v1.ServiceSpec';
const META = 'meta.v1.ObjectMeta';

const spec = (patch: object, extra: object = {}) =>
  applyStrategicMergePatch(
    POD_SPEC,
    {
      containers: [
        {
          name: 'a',
          image: 'a:1',
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '2' },
          ],
        },
        { name: 'b', image: 'b:1' },
      ],
      ...extra,
    } as Record<string, unknown>,
    patch,
  );

const names = (list: unknown) => (list as { name: string }[]).map((i) => i.name).join();

describe('lists with a merge key', () => {
  test('an entry of the same key is merged, the others stay', () => {
    const out = spec({ containers: [{ name: 'b', image: 'b:2' }] });
    assert.deepEqual((out.containers as object[])[1], { name: 'b', image: 'b:2' });
    assert.equal(names(out.containers), 'a,b');
  });

  test('deep lists are merged too', () => {
    const out = spec({ containers: [{ name: 'a', env: [{ name: 'B', value: '9' }] }] });
    assert.deepEqual((out.containers as { env: object[] }[])[0]?.env, [
      { name: 'A', value: '1' },
      { name: 'B', value: '9' },
    ]);
  });

  test('new entries go before those the patch does not name', () => {
    assert.equal(names(spec({ containers: [{ name: 'n' }] }).containers), 'n,a,b');
  });

  test('an entry can be deleted', () => {
    assert.equal(names(spec({ containers: [{ name: 'b', $patch: 'delete' }] }).containers), 'a');
    const gone = spec({ containers: [{ name: 'zz', $patch: 'delete' }] });
    assert.equal(names(gone.containers), 'a,b');
  });

  test('the list can be replaced', () => {
    const out = spec({ containers: [{ $patch: 'replace' }, { name: 'only' }] });
    assert.deepEqual(out.containers, [{ name: 'only' }]);
  });

  test('the order can be set', () => {
    const out = spec({
      '$setElementOrder/containers': [{ name: 'b' }, { name: 'n' }, { name: 'a' }],
      containers: [{ name: 'n' }],
    });
    assert.equal(names(out.containers), 'b,n,a');
  });

  test('an order alone moves entries', () => {
    const out = spec({ '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] });
    assert.equal(names(out.containers), 'b,a');
  });

  test('an entry without its key is refused', () => {
    assert.throws(() => spec({ containers: [{ image: 'nokey' }] }), {
      message: 'map: map[image:nokey] does not contain declared merge key: name',
    });
  });

  test('numbers are keys as well', () => {
    const out = applyStrategicMergePatch(
      SERVICE_SPEC,
      {
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 81 },
        ],
      },
      {
        ports: [
          { port: 81, $patch: 'delete' },
          { port: 80, targetPort: 8080 },
        ],
      },
    );
    assert.deepEqual(out.ports, [{ name: 'a', port: 80, targetPort: 8080 }]);
  });
});

describe('other lists', () => {
  test('without a merge strategy are replaced', () => {
    const out = spec({ tolerations: [{ key: 'j' }] }, { tolerations: [{ key: 'k' }] });
    assert.deepEqual(out.tolerations, [{ key: 'j' }]);
  });

  test('of texts are merged as sets', () => {
    const meta = { finalizers: ['a/x', 'b/x'] };
    const out = applyStrategicMergePatch(META, meta, { finalizers: ['c/x', 'a/x'] });
    assert.deepEqual([...out.finalizers].sort(), ['a/x', 'b/x', 'c/x']);
  });

  test('items can be taken out of them', () => {
    const meta = { finalizers: ['a/x', 'b/x'] };
    const patch = { '$deleteFromPrimitiveList/finalizers': ['a/x'] };
    assert.deepEqual(applyStrategicMergePatch(META, meta, patch).finalizers, ['b/x']);
  });
});

describe('maps', () => {
  test('null takes a key away', () => {
    const out = spec({ nodeSelector: { a: null, c: '3' } }, { nodeSelector: { a: '1', b: '2' } });
    assert.deepEqual(out.nodeSelector, { b: '2', c: '3' });
  });

  test('can be replaced or emptied', () => {
    const extra = { nodeSelector: { a: '1' } };
    const replaced = spec({ nodeSelector: { $patch: 'replace', b: '2' } }, extra);
    assert.deepEqual(replaced.nodeSelector, { b: '2' });
    assert.deepEqual(spec({ nodeSelector: { $patch: 'delete' } }, extra).nodeSelector, {});
  });

  test('keep only named keys with $retainKeys', () => {
    const out = applyStrategicMergePatch(
      'apps.v1.DeploymentSpec',
      { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } as object,
      { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
    );
    assert.deepEqual(out, { strategy: { type: 'Recreate' } });
  });

  test('where there was nothing, objects with directives and nulls are left out', () => {
    const out = spec({
      affinity: { podAffinity: { $patch: 'replace' }, nodeAffinity: { a: null, b: [] } },
      nodeSelector: { $patch: 'replace', a: '1' },
    });
    assert.deepEqual(out.affinity, { nodeAffinity: { b: [] } });
    assert.equal('nodeSelector' in out, false);
  });

  test('an unknown directive is refused', () => {
    const extra = { nodeSelector: { a: '1' } };
    assert.throws(
      () => spec({ nodeSelector: { $patch: 'frob' } }, extra),
      /^.*unknown patch type: frob in map: map\[\$patch:frob\]$/,
    );
  });
});

describe('what is wrong', () => {
  const META_PATCH = { finalizers: ['a/x'] };
  const image = (name: string) => ({ name, image: 'i' });
  const refused: readonly [string, object, string, number][] = [
    [
      'a $retainKeys that is no list',
      { $retainKeys: 'a' },
      'invalid patch format of retainKeys',
      400,
    ],
    [
      'a field that is not retained',
      { $retainKeys: ['a'], b: 1 },
      'invalid patch format of retainKeys',
      400,
    ],
    [
      'an order of no field',
      { $setElementOrder: [] },
      'invalid patch format of setElementOrder list',
      400,
    ],
    [
      'an order that is no list',
      { '$setElementOrder/containers': 'a' },
      'expected a []interface {}, but received a string',
      500,
    ],
    [
      'an order without the items of the patch',
      { '$setElementOrder/containers': [{ name: 'b' }], containers: [image('a')] },
      "The order in patch list:\n[map[image:i name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
      500,
    ],
    [
      'an order without keys',
      { '$setElementOrder/containers': [{ x: 'a' }] },
      'map: map[x:a] does not contain declared merge key: name',
      500,
    ],
    [
      'an order of a field that does not exist',
      { '$setElementOrder/nope': [] },
      'unable to find api field in struct PodSpec for the json field "nope"',
      500,
    ],
    [
      'deletions from no field',
      { $deleteFromPrimitiveList: [] },
      'invalid patch format of primitive list',
      400,
    ],
    [
      'a list of lists',
      { containers: [[]] },
      'list element types are not identical: [[map[name:a]] [[]]]',
      500,
    ],
    [
      'an item of another type',
      { containers: ['x'] },
      'list element types are not identical: [[map[name:a]] [x]]',
      500,
    ],
    [
      'merging as a directive of an item',
      { containers: [{ name: 'a', $patch: 'merge' }] },
      'merging lists cannot yet be specified in the patch',
      500,
    ],
    [
      'merging as a directive',
      { $patch: 'merge' },
      'unknown patch type: merge in map: map[$patch:merge]',
      500,
    ],
    [
      'a directive that is no text',
      { $patch: 1 },
      'unknown patch type: %!s(int64=1) in map: map[$patch:1]',
      500,
    ],
  ];
  for (const [what, patch, message, code] of refused) {
    test(what, () => {
      assert.throws(
        () => applyStrategicMergePatch(POD_SPEC, { containers: [{ name: 'a' }] }, patch),
        (error: unknown) => {
          assert.ok(error instanceof ApiError);
          assert.deepEqual([error.message, error.code], [message, code]);
          return true;
        },
      );
    });
  }

  test('not what is taken out of nothing, nor what an order says of nothing', () => {
    const patch = {
      '$deleteFromPrimitiveList/finalizers': ['b/x'],
      '$setElementOrder/finalizers': [],
    };
    assert.deepEqual(applyStrategicMergePatch(META, {}, patch), {});
    assert.deepEqual(applyStrategicMergePatch(META, { ...META_PATCH }, patch), META_PATCH);
  });

  test('directives in lists that are not merged are fields like others', () => {
    const out = spec({ tolerations: [{ $patch: 'replace' }] }, { tolerations: [{ key: 'k' }] });
    assert.deepEqual(out.tolerations, [{ $patch: 'replace' }]);
  });
});

test('fields the schema does not have are set as they are', () => {
  assert.deepEqual(spec({ nope: [{ a: 1 }] }).nope, [{ a: 1 }]);
});

test('neither object nor patch is changed', () => {
  const object = { containers: [{ name: 'a' }] };
  const patch = { containers: [{ name: 'a', image: 'x' }] };
  applyStrategicMergePatch(POD_SPEC, object, patch);
  assert.deepEqual(object, { containers: [{ name: 'a' }] });
  assert.deepEqual(patch, { containers: [{ name: 'a', image: 'x' }] });
});

test('lists as long as a body allows are merged in one pass', () => {
  const names = Array.from({ length: 100_000 }, (_, i) => `f${i}`);
  const half = names.slice(0, 50_000);
  const finalizers = applyStrategicMergePatch(
    'core.v1.ConfigMap',
    { metadata: { finalizers: half } },
    { metadata: { finalizers: names } },
  ).metadata.finalizers;
  assert.deepEqual(finalizers, names);
  const objects = (from: readonly string[], image: string) => from.map((name) => ({ name, image }));
  const patch = { containers: [...objects(half, 'y'), { name: 'f60000', $patch: 'delete' }] };
  const { containers } = applyStrategicMergePatch(
    POD_SPEC,
    { containers: objects(names, 'x') },
    patch,
  );
  assert.equal(containers.length, 99_999);
  assert.deepEqual(
    [containers[0], containers.at(-1)],
    [
      { name: 'f0', image: 'y' },
      { name: 'f99999', image: 'x' },
    ],
  );
});
