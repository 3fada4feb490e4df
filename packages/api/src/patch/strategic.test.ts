import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
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
      $setElementOrder_ignored: 1,
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

  test('directives leave nothing behind where there was nothing', () => {
    const out = spec({ affinity: { $patch: 'replace', nodeAffinity: { a: null, b: [] } } });
    assert.deepEqual(out.affinity, { nodeAffinity: { b: [] } });
  });

  test('an unknown directive is refused', () => {
    const extra = { nodeSelector: { a: '1' } };
    assert.throws(
      () => spec({ nodeSelector: { $patch: 'frob' } }, extra),
      /^.*unknown patch type: frob in map: map\[\$patch:frob\]$/,
    );
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
