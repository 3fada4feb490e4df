import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinKinds } from '../registry.ts';
import { findType, goTypeText, type TypeRef, typeDef, typeNames } from './schema.ts';

function structNames(ref: TypeRef): string[] {
  if (ref.kind === 'list' || ref.kind === 'map') return structNames(ref.of);
  return ref.kind === 'struct' ? [ref.name] : [];
}

test('every type a field names is in the schema', () => {
  for (const name of typeNames()) {
    for (const field of typeDef(name).fields.values()) {
      for (const other of structNames(field.type)) {
        assert.ok(findType(other), `${name}.${field.name} names ${other}`);
      }
    }
  }
});

test('every kind and its list have a type that knows its kind', () => {
  for (const def of builtinKinds.all()) {
    assert.deepEqual(typeDef(def.typeName).gvk, [def.group, def.version, def.kind]);
  }
});

test('map lists have keys, and the keys are fields', () => {
  // Lists of objects are marked too, by a key the objects do not have.
  for (const name of typeNames().filter((one) => !one.endsWith('List'))) {
    for (const field of typeDef(name).fields.values()) {
      if (field.listType !== 'map') continue;
      const [item = ''] = structNames(field.type);
      assert.ok(field.listKeys.length > 0, `${name}.${field.name}`);
      for (const key of field.listKeys) assert.ok(typeDef(item).fields.has(key), `${item}.${key}`);
    }
  }
});

test('protobuf numbers do not collide', () => {
  for (const name of typeNames()) {
    const numbers = [...typeDef(name).fields.values()].map((f) => f.number).filter((n) => n > 0);
    assert.equal(new Set(numbers).size, numbers.length, name);
  }
});

test('facts that patches and decoding rest on', () => {
  const spec = typeDef('core.v1.PodSpec').fields;
  assert.equal(spec.get('containers')?.mergeKey, 'name');
  assert.deepEqual(spec.get('containers')?.patchStrategies, ['merge']);
  assert.deepEqual(spec.get('volumes')?.patchStrategies, ['merge', 'retainKeys']);
  assert.equal(spec.get('tolerations')?.listType, 'atomic');
  assert.equal(spec.get('enableServiceLinks')?.keepZero, true);
  assert.equal(spec.get('hostNetwork')?.keepZero, false);
  assert.equal(typeDef('core.v1.Container').fields.get('ports')?.mergeKey, 'containerPort');
});

test('Go’s names of types', () => {
  assert.equal(
    goTypeText({ kind: 'list', of: { kind: 'struct', name: 'core.v1.Pod' } }),
    '[]v1.Pod',
  );
  assert.equal(goTypeText({ kind: 'map', of: { kind: 'string' } }), 'map[string]string');
  assert.equal(goTypeText({ kind: 'double' }), 'float64');
});

test('a type that is not there', () => {
  assert.equal(findType('core.v1.Nope'), undefined);
  assert.throws(() => typeDef('core.v1.Nope'), /no type core\.v1\.Nope/);
});
