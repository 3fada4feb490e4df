import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configErrors, errorsText } from './check.ts';
import { type FieldSet, membersOf, pathText, setOfPath } from './field-set.ts';
import { mergeValues, removeFields, withNamedFields } from './merge.ts';
import { shapeOfType } from './shape.ts';
import { compareObjects, fieldsOf } from './typed.ts';

const CONFIG_MAP = shapeOfType('core.v1.ConfigMap');
const POD = shapeOfType('core.v1.Pod');
const texts = (set: FieldSet): string[] => membersOf(set).map(pathText).sort();

describe('the fields an object sets', () => {
  test('structures own nothing, entries of maps do', () => {
    const fields = fieldsOf(CONFIG_MAP, { metadata: { labels: { l: '1' } }, data: { a: '1' } });
    assert.deepEqual(fields, {
      'f:metadata': { 'f:labels': { 'f:l': {} } },
      'f:data': { 'f:a': {} },
    });
  });

  test('an empty structure is owned, an empty list or map of entries is not', () => {
    const fields = fieldsOf(POD, { metadata: { finalizers: [] }, spec: { securityContext: {} } });
    assert.deepEqual(texts(fields), ['.spec.securityContext']);
  });

  test('entries of lists go by their keys, defaults included', () => {
    const ports = [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }];
    const fields = fieldsOf(POD, { spec: { containers: [{ name: 'c', ports }] } });
    assert.deepEqual(texts(fields), [
      '.spec.containers[name="c"]',
      '.spec.containers[name="c"].name',
      '.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"]',
      '.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].containerPort',
      '.spec.containers[name="c"].ports[containerPort=80,protocol="UDP"]',
      '.spec.containers[name="c"].ports[containerPort=80,protocol="UDP"].containerPort',
      '.spec.containers[name="c"].ports[containerPort=80,protocol="UDP"].protocol',
    ]);
  });

  test('lists and maps without names inside have one owner', () => {
    const spec = { tolerations: [{ key: 'a' }], nodeSelector: { a: 'b' } };
    assert.deepEqual(texts(fieldsOf(POD, { spec })), ['.spec.nodeSelector', '.spec.tolerations']);
  });

  test('entries that share a name are owned as one', () => {
    const env = [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ];
    const fields = fieldsOf(POD, { spec: { containers: [{ name: 'c', env }] } });
    const below = texts(fields).filter((text) => text.includes('env'));
    assert.deepEqual(below, ['.spec.containers[name="c"].env[name="A"]']);
  });

  test('objects without a schema are maps all the way down', () => {
    const fields = fieldsOf(shapeOfType('no.such/Type'), { spec: { a: { b: 1 }, list: [1] } });
    assert.deepEqual(fields, {
      'f:spec': { '.': {}, 'f:a': { '.': {}, 'f:b': {} }, 'f:list': {} },
    });
  });
});

describe('comparing', () => {
  const compare = (before: object, after: object) => {
    const { added, modified, removed } = compareObjects(POD, before, after);
    return { added: texts(added), modified: texts(modified), removed: texts(removed) };
  };

  test('a new value brings everything in it, itself too', () => {
    assert.deepEqual(compare({ metadata: {} }, { metadata: { labels: { a: '1' } } }), {
      added: ['.metadata.labels', '.metadata.labels.a'],
      modified: [],
      removed: [],
    });
  });

  test('entries are told apart by name, not by place', () => {
    const c = (name: string, image: string) => ({ name, image });
    const before = { spec: { containers: [c('a', '1'), c('b', '1')] } };
    const after = { spec: { containers: [c('b', '2'), c('a', '1')] } };
    assert.deepEqual(compare(before, after), {
      added: [],
      modified: ['.spec.containers[name="b"].image'],
      removed: [],
    });
  });

  test('what goes is listed with all it held', () => {
    const before = { metadata: { finalizers: ['x', 'y'] }, spec: { tolerations: [{ key: 'k' }] } };
    assert.deepEqual(compare(before, { metadata: { finalizers: ['y'] }, spec: {} }), {
      added: [],
      modified: [],
      removed: ['.metadata.finalizers[="x"]', '.spec.tolerations'],
    });
  });

  test('null is not the same as empty, but leads nowhere', () => {
    const { modified } = compare({ spec: { containers: null } }, { spec: { containers: [] } });
    assert.deepEqual(modified, ['.spec.containers']);
    const { added } = compare(
      { spec: { containers: null } },
      { spec: { containers: [{ name: 'c' }] } },
    );
    assert.deepEqual(added, ['.spec.containers[name="c"]', '.spec.containers[name="c"].name']);
  });
});

describe('merging', () => {
  const merge = (live: unknown, config: unknown) => mergeValues(POD, live, config);
  const named = (...list: string[]) => list.map((name) => ({ name }));
  const order = (live: string[], config: string[]): string[] => {
    const merged = merge(
      { spec: { containers: named(...live) } },
      { spec: { containers: named(...config) } },
    ) as { spec: { containers: { name: string }[] } };
    return merged.spec.containers.map(({ name }) => name);
  };

  const orders: readonly [string[], string[], string[]][] = [
    [['a', 'b'], ['c'], ['a', 'b', 'c']],
    [['a', 'b', 'c'], ['b'], ['a', 'b', 'c']],
    [
      ['a', 'b'],
      ['b', 'a'],
      ['b', 'a'],
    ],
    [
      ['a', 'x', 'b'],
      ['b', 'a'],
      ['x', 'b', 'a'],
    ],
    [
      ['a', 'b'],
      ['n', 'a'],
      ['n', 'a', 'b'],
    ],
    [[], ['a'], ['a']],
    [['a'], [], ['a']],
  ];
  for (const [live, config, merged] of orders) {
    test(`[${live}] with [${config}] is [${merged}]`, () => {
      assert.deepEqual(order(live, config), merged);
    });
  }

  test('fields are laid over, lists without names replaced', () => {
    const live = { spec: { nodeName: 'n', tolerations: [{ key: 'a' }], hostNetwork: true } };
    const config = { spec: { nodeName: 'm', tolerations: [{ key: 'b' }] } };
    assert.deepEqual(merge(live, config), { spec: { ...live.spec, ...config.spec } });
  });

  test('an empty configuration empties nothing', () => {
    const live = { metadata: { labels: { a: '1' }, finalizers: ['f'] } };
    assert.deepEqual(merge(live, { metadata: { labels: {}, finalizers: [] } }), live);
  });

  test('neither side is changed', () => {
    const live = { metadata: { labels: { a: '1' } } };
    const config = { metadata: { labels: { b: '2' } } };
    merge(live, config);
    assert.deepEqual(
      [live, config],
      [{ metadata: { labels: { a: '1' } } }, { metadata: { labels: { b: '2' } } }],
    );
  });
});

describe('removing', () => {
  test('takes members with all below them, and leaves null where nothing is left', () => {
    const object = { metadata: { labels: { a: '1' }, finalizers: ['x'] }, spec: { nodeName: 'n' } };
    const gone = fieldsOf(POD, { metadata: { labels: { a: '' }, finalizers: ['x'] } });
    assert.deepEqual(removeFields(POD, object, gone), {
      metadata: { labels: null, finalizers: null },
      spec: { nodeName: 'n' },
    });
    assert.deepEqual(removeFields(POD, object, setOfPath('f:metadata')), {
      spec: { nodeName: 'n' },
    });
  });

  test('declared fields above members can be made members', () => {
    const set = setOfPath('f:spec', 'f:containers', 'k:{"name":"c"}', 'f:image');
    assert.deepEqual(texts(withNamedFields(POD, set)), [
      '.spec',
      '.spec.containers',
      '.spec.containers[name="c"].image',
    ]);
  });
});

describe('configurations that do not fit', () => {
  const complaints: readonly [object, string][] = [
    [{ spec: { nope: 1 } }, '.spec.nope: field not declared in schema'],
    [
      { spec: { tolerations: [{}, { key: 'k', nope: 1 }] } },
      '.spec.tolerations[1].nope: field not declared in schema',
    ],
    [
      { spec: { nodeSelector: { a: 1 } } },
      '.spec.nodeSelector.a: expected string, got &value.valueUnstructured{Value:1}',
    ],
    [
      { spec: { nodeSelector: { a: { b: [1, null, 'c'] } } } },
      '.spec.nodeSelector.a: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"b":[]interface {}{1, interface {}(nil), "c"}}}',
    ],
    [{ spec: { nodeSelector: ['x'] } }, '.spec.nodeSelector: expected map, got &{[x]}'],
    [{ spec: { containers: { a: 1 } } }, '.spec.containers: expected list, got &{map[a:1]}'],
    [{ spec: { hostNetwork: 'yes' } }, '.spec.hostNetwork: expected boolean, got &{yes}'],
    [
      { spec: { securityContext: { supplementalGroups: ['x'] } } },
      '.spec.securityContext.supplementalGroups[0]: expected numeric (int or float), got string',
    ],
    [
      { metadata: { ownerReferences: [{ uid: 'u', nope: 1 }] } },
      '.metadata.ownerReferences[uid="u"].nope: field not declared in schema',
    ],
    [
      { metadata: { labels: { a: 1 } } },
      '.metadata.labels.a: expected string, got &value.valueUnstructured{Value:1}',
    ],
    [
      { spec: { containers: [{ name: 'a' }, { name: 'a' }] } },
      '.spec.containers: duplicate entries for key [name="a"]',
    ],
    [
      { spec: { containers: [{ image: 'i' }] } },
      '.spec.containers: element 0: associative list with keys has an element that omits key field "name" (and doesn\'t have default value)',
    ],
    [
      { metadata: { finalizers: ['a', 'a'] } },
      '.metadata.finalizers: duplicate entries for key [="a"]',
    ],
  ];
  for (const [config, text] of complaints) {
    test(text, () => assert.deepEqual(configErrors(POD, config), [text]));
  }

  test('nulls fit everywhere', () => {
    assert.deepEqual(configErrors(POD, { metadata: { labels: null }, spec: null }), []);
  });

  test('several are listed below each other', () => {
    assert.equal(errorsText(['one']), 'one');
    assert.equal(errorsText(['one', 'two']), 'errors:\n  one\n  two');
  });
});
