import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isJsonObject, type JsonObject } from '../meta.ts';
import { builtinKind, builtinKinds } from '../registry.ts';
import { V2, V3 } from './dialect.ts';
import { openApiV2, openApiV3Document } from './openapi.ts';
import { kindPaths } from './operations.ts';

const V1 = { group: '', version: 'v1' };

function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (v, step) => (Array.isArray(v) ? v[Number(step)] : isJsonObject(v) ? v[step] : undefined),
    value,
  );
}

/** Identifiers of what can be done, as `METHOD path: identifier`. */
function identifiers(apiVersion: string, kind: string): string[] {
  const paths = kindPaths(builtinKind(apiVersion, kind), V3);
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item as JsonObject)
      .filter(([method]) => method !== 'parameters')
      .map(([method, one]) => `${method} ${path}: ${String(at(one, 'operationId'))}`),
  );
}

describe('operations are named as generated clients name their calls', () => {
  it('of a kind in namespaces', () => {
    const home = '/api/v1/namespaces/{namespace}/serviceaccounts';
    assert.deepEqual(identifiers('v1', 'ServiceAccount'), [
      'get /api/v1/serviceaccounts: listCoreV1ServiceAccountForAllNamespaces',
      `get ${home}: listCoreV1NamespacedServiceAccount`,
      `post ${home}: createCoreV1NamespacedServiceAccount`,
      `delete ${home}: deleteCoreV1CollectionNamespacedServiceAccount`,
      `get ${home}/{name}: readCoreV1NamespacedServiceAccount`,
      `put ${home}/{name}: replaceCoreV1NamespacedServiceAccount`,
      `patch ${home}/{name}: patchCoreV1NamespacedServiceAccount`,
      `delete ${home}/{name}: deleteCoreV1NamespacedServiceAccount`,
      `post ${home}/{name}/token: createCoreV1NamespacedServiceAccountToken`,
    ]);
  });

  it('of a kind without, of groups with dots, of what connects', () => {
    const roles = identifiers('rbac.authorization.k8s.io/v1', 'ClusterRole');
    const base = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
    assert.equal(roles[0], `get ${base}: listRbacAuthorizationV1ClusterRole`);
    const pods = identifiers('v1', 'Pod').map((one) => one.replace(/^.*: /, ''));
    for (const name of [
      ...['readCoreV1NamespacedPodLog', 'createCoreV1NamespacedPodBinding'],
      ...['connectCoreV1GetNamespacedPodExec', 'connectCoreV1PostNamespacedPodExec'],
      ...['connectCoreV1PatchNamespacedPodProxy', 'connectCoreV1OptionsNamespacedPodProxy'],
      'connectCoreV1HeadNamespacedPodProxyWithPath',
      'replaceCoreV1NamespacedPodEphemeralcontainers',
    ]) {
      assert.ok(pods.includes(name), name);
    }
    const nodes = identifiers('v1', 'Node').map((one) => one.replace(/^.*: /, ''));
    assert.ok(nodes.includes('connectCoreV1GetNodeProxy'));
  });

  it('and no name stands for two things', () => {
    const names = builtinKinds.all().flatMap((def) => identifiers(def.apiVersion, def.kind));
    const bare = names.map((one) => one.replace(/^.*: /, ''));
    assert.equal(new Set(bare).size, bare.length);
    assert.ok(!bare.includes('undefined'));
  });
});

describe('what goes in and what comes out', () => {
  const v3 = openApiV3Document(builtinKinds, V1) ?? {};
  const v2 = openApiV2(builtinKinds);
  const home = '/api/v1/namespaces/{namespace}/pods';
  const ref = (name: string) => ({ $ref: `#/components/schemas/io.k8s.${name}` });
  const meta = 'apimachinery.pkg.apis.meta.v1';

  it('in version 3', () => {
    const post = at(v3, 'paths', home, 'post');
    const body = { content: { '*/*': { schema: ref('api.core.v1.Pod') } }, required: true };
    assert.deepEqual(at(post, 'requestBody'), body);
    assert.deepEqual(Object.keys(at(post, 'responses') as object), ['200', '201', '202', '401']);
    assert.deepEqual(at(post, 'tags'), ['core_v1']);
    const patch = at(v3, 'paths', `${home}/{name}`, 'patch', 'requestBody', 'content');
    assert.deepEqual(Object.keys(patch as object), [
      ...['application/json-patch+json', 'application/merge-patch+json'],
      ...['application/strategic-merge-patch+json', 'application/apply-patch+yaml'],
    ]);
    assert.ok(at(v3, 'components', 'schemas', `io.k8s.${meta}.Patch`));
    const list = at(v3, 'paths', home, 'get', 'responses', '200', 'content');
    assert.deepEqual(
      at(list, 'application/json;stream=watch', 'schema'),
      ref('api.core.v1.PodList'),
    );
  });

  it('in version 2', () => {
    const remove = at(v2, 'paths', home, 'delete');
    assert.deepEqual(at(remove, 'parameters', 0), {
      in: 'body',
      name: 'body',
      schema: { $ref: `#/definitions/io.k8s.${meta}.DeleteOptions` },
    });
    const names = (at(remove, 'parameters') as { name: string }[]).map(({ name }) => name);
    assert.ok(!names.includes('watch') && names.includes('propagationPolicy'));
    assert.deepEqual(at(remove, 'schemes'), ['https']);
    assert.ok((at(remove, 'produces') as string[]).includes('application/yaml'));
    assert.deepEqual(at(v2, 'security'), [{ BearerToken: [] }]);
  });

  it('a delete tells what it answers: the object, or that it is done', () => {
    const answer = (resource: string): unknown => {
      const path = `/api/v1/namespaces/{namespace}/${resource}/{name}`;
      return at(v3, 'paths', path, 'delete', 'responses', '202', 'content', 'application/json');
    };
    assert.deepEqual(answer('pods'), { schema: ref('api.core.v1.Pod') });
    assert.deepEqual(answer('configmaps'), { schema: ref(`${meta}.Status`) });
  });

  it('subresources of other kinds speak those', () => {
    const schema = (path: string): unknown =>
      at(v3, 'paths', `${home}/{name}/${path}`, 'post', 'requestBody', 'content', '*/*', 'schema');
    assert.deepEqual(schema('eviction'), ref('api.policy.v1.Eviction'));
    assert.deepEqual(schema('binding'), ref('api.core.v1.Binding'));
    const log = at(v3, 'paths', `${home}/{name}/log`, 'get', 'responses', '200', 'content');
    assert.deepEqual(at(log, 'text/plain', 'schema'), { type: 'string' });
    const exec = at(v3, 'paths', `${home}/{name}/exec`, 'get');
    assert.equal(at(exec, 'x-kubernetes-action'), 'connect');
    const options = (at(exec, 'parameters') as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(options, ['command', 'container', 'stderr', 'stdin', 'stdout', 'tty']);
  });

  it('every place in a path is described once, and answers may be laid out for people', () => {
    const item = at(v2, 'paths', `${home}/{name}`, 'parameters') as { name: string; in: string }[];
    assert.deepEqual(
      item.map((one) => `${one.in} ${one.name}`),
      ['path namespace', 'path name', 'query pretty'],
    );
    assert.equal(at(V2, 'v3'), false);
  });
});
