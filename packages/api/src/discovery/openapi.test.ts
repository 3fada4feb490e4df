import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../meta.ts';
import { isJsonObject } from '../meta.ts';
import { builtinKind, builtinKinds, KindRegistry } from '../registry.ts';
import { openApiV2, openApiV3Document, openApiV3Index, openApiV3Path } from './openapi.ts';

const versions = [...new Set(builtinKinds.all().map((d) => d.apiVersion))];

function documentOf(apiVersion: string): JsonObject {
  const [a = '', b] = apiVersion.split('/');
  const gv = b === undefined ? { group: '', version: a } : { group: a, version: b };
  return openApiV3Document(builtinKinds, gv) ?? {};
}

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((v, step) => (isJsonObject(v) ? v[step] : undefined), value);
}

/** All `$ref` texts below a value. */
function references(value: unknown, out: Set<string> = new Set()): Set<string> {
  if (Array.isArray(value)) for (const v of value) references(v, out);
  else if (isJsonObject(value)) {
    for (const [key, v] of Object.entries(value)) {
      if (key === '$ref' && typeof v === 'string') out.add(v);
      else references(v, out);
    }
  }
  return out;
}

test('parameters and lists are described', () => {
  const text = JSON.stringify(openApiV2(builtinKinds));
  const wanted = ['Watch for changes to the described resources', 'the list of returned objects'];
  for (const words of [...wanted, 'List of services.', 'List of network policies.']) {
    assert.ok(text.includes(words), words);
  }
});

describe('version 3', () => {
  test('no document refers to what it does not have', () => {
    for (const apiVersion of versions) {
      const document = documentOf(apiVersion);
      const schemas = at(document, 'components', 'schemas') as JsonObject;
      for (const ref of references(document)) {
        const name = ref.replace('#/components/schemas/', '');
        assert.ok(name in schemas, `${apiVersion}: ${ref}`);
      }
    }
  });

  test('every kind is found by its path, for explain', () => {
    for (const def of builtinKinds.all()) {
      if (!def.verbs.includes('list')) continue;
      const base = def.group === '' ? `/api/${def.version}` : `/apis/${def.apiVersion}`;
      const path = `${base}/${def.resource}`;
      const gvk = at(
        documentOf(def.apiVersion),
        'paths',
        path,
        'get',
        'x-kubernetes-group-version-kind',
      );
      assert.deepEqual(gvk, { group: def.group, version: def.version, kind: def.kind });
    }
  });

  test('patches take fieldValidation and dryRun, so that clients leave validation to the server', () => {
    const path = '/apis/apps/v1/namespaces/{namespace}/deployments/{name}';
    const parameters = at(documentOf('apps/v1'), 'paths', path, 'patch', 'parameters') as {
      name: string;
    }[];
    const names = parameters.map((p) => p.name);
    assert.ok(names.includes('fieldValidation'));
    assert.ok(names.includes('dryRun'));
  });

  test('schemas carry what patches need', () => {
    const schemas = at(documentOf('v1'), 'components', 'schemas');
    const containers = at(schemas, 'io.k8s.api.core.v1.PodSpec', 'properties', 'containers');
    assert.equal(at(containers, 'x-kubernetes-patch-merge-key'), 'name');
    assert.equal(at(containers, 'x-kubernetes-patch-strategy'), 'merge');
    assert.equal(at(containers, 'x-kubernetes-list-type'), 'map');
    assert.deepEqual(at(schemas, 'io.k8s.api.core.v1.PodSpec', 'required'), ['containers']);
    assert.deepEqual(at(schemas, 'io.k8s.api.core.v1.Pod', 'x-kubernetes-group-version-kind'), [
      { group: '', version: 'v1', kind: 'Pod' },
    ]);
  });

  test('numbers or texts, and amounts', () => {
    const schemas = at(documentOf('v1'), 'components', 'schemas');
    const either = at(schemas, 'io.k8s.apimachinery.pkg.util.intstr.IntOrString');
    assert.deepEqual(at(either, 'oneOf'), [{ type: 'integer' }, { type: 'string' }]);
    assert.ok(at(schemas, 'io.k8s.apimachinery.pkg.api.resource.Quantity'));
  });

  test('every field is described', () => {
    const schemas = at(documentOf('apps/v1'), 'components', 'schemas') as JsonObject;
    for (const [name, schema] of Object.entries(schemas)) {
      for (const [field, property] of Object.entries(
        (at(schema, 'properties') ?? {}) as JsonObject,
      )) {
        const text = at(property, 'description');
        assert.ok(typeof text === 'string' && text.length > 3, `${name}.${field}`);
      }
    }
  });

  test('the index has one entry a version, and its hash follows the kinds', () => {
    const paths = at(openApiV3Index(builtinKinds), 'paths') as Record<string, object>;
    assert.equal(Object.keys(paths).length, versions.length);
    const url = String(at(paths, 'apis/apps/v1', 'serverRelativeURL'));
    assert.match(url, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]+$/);
    const fewer = new KindRegistry([builtinKind('apps/v1', 'Deployment')]);
    const other = String(at(openApiV3Index(fewer), 'paths', 'apis/apps/v1', 'serverRelativeURL'));
    assert.notEqual(other, url);
    assert.equal(openApiV3Path({ group: '', version: 'v1' }), 'api/v1');
  });

  test('a version that is not there', () => {
    assert.equal(openApiV3Document(builtinKinds, { group: 'nope', version: 'v1' }), undefined);
  });
});

test('version 2 is one closed document', () => {
  const document = openApiV2(builtinKinds);
  assert.equal(document.swagger, '2.0');
  const definitions = at(document, 'definitions') as JsonObject;
  for (const ref of references(document)) {
    assert.ok(ref.replace('#/definitions/', '') in definitions, ref);
  }
});
