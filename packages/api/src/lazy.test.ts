import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import * as api from './index.ts';

test('importing the package loads neither schema nor validators', () => {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    await import(${JSON.stringify(join(import.meta.dirname, 'index.ts'))});
    console.log(loaded.map((u) => u.split('/src/')[1]).join(' '));
  `;
  const options = { encoding: 'utf8' } as const;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], options);
  assert.match(out, /registry\.ts/);
  assert.doesNotMatch(out, /schema\.json|validation\/index|tables\/|defaults\/|openapi/);
});

test('what is loaded later works all the same', () => {
  const def = api.builtinKind('v1', 'ConfigMap');
  const { object } = api.decodeObject(def, '{"metadata":{"name":"x","namespace":"n"}}');
  api.defaultObject(def, object);
  api.prepareForCreate(def, object);
  assert.deepEqual(api.validateCreate(def, object), []);
  assert.equal(api.tableFor(def, [object], { nowMs: 0 }).rows?.length, 1);
  assert.equal(api.selectableFields(def, object)['metadata.name'], 'x');
  const patched = api.applyPatch('merge', def.typeName, object, { data: { a: '1' } });
  assert.deepEqual((patched as api.ConfigMap).data, { a: '1' });
  assert.ok(api.openApiV3Document(api.builtinKinds, { group: '', version: 'v1' }));
});

test('equality is blind to what is empty', () => {
  assert.ok(api.semanticEqual({ a: [], b: {} }, {}));
  assert.ok(api.semanticEqual({ a: { b: null } }, {}));
  assert.ok(!api.semanticEqual({ a: 0 }, {}));
  assert.ok(!api.semanticEqual([1, 2], [2, 1]));
});

test('keys of objects', () => {
  assert.equal(api.objectKey({ metadata: { name: 'a', namespace: 'n' } }), 'n/a');
  assert.equal(api.objectKey({ metadata: { name: 'a' } }), 'a');
  assert.deepEqual(api.parseApiVersion('apps/v1'), { group: 'apps', version: 'v1' });
  assert.equal(api.apiVersionOf({ group: '', version: 'v1' }), 'v1');
});

test('texts in Go’s way', () => {
  assert.equal(api.goQuote('a"b\\\n\u0001é'), '"a\\"b\\\\\\n\\x01é"');
  assert.equal(api.goValue({ b: [1, 'x'], a: null }), 'map[a:<nil> b:[1 x]]');
});
