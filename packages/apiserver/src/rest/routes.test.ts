import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, builtinKinds } from '@kubets/api';
import { requestInfoOf } from './request-info.ts';
import { checkRoute } from './routes.ts';

const STREAMS = ['log', 'exec', 'attach', 'portforward', 'proxy'];

/** 404, 405, or 200 when a route takes the request. */
function answer(method: string, url: string): number {
  const [path = '', query = ''] = url.split('?');
  const info = requestInfoOf(method, path, new URLSearchParams(query));
  const { apiGroup: group, apiVersion: version, resource } = info;
  const def = builtinKinds.forResource({ group, version, resource });
  assert.ok(def, url);
  try {
    checkRoute(def, { info, method, isStream: STREAMS.includes(info.subresource) });
    return 200;
  } catch (error) {
    assert.ok(error instanceof ApiError);
    return error.status.code ?? 0;
  }
}

const IN = '/api/v1/namespaces/a';
const CASES: readonly (readonly [string, string, number])[] = [
  ['GET', `${IN}/pods`, 200],
  ['GET', `${IN}/pods/`, 200],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Dx', 200],
  ['GET', '/api/v1/pods/x', 404],
  ['GET', `${IN}/pods/pods`, 200],
  ['HEAD', `${IN}/pods/x`, 405],
  ['OPTIONS', `${IN}/pods`, 405],
  ['GET', `${IN}/nodes`, 404],
  ['GET', `${IN}/namespaces`, 404],
  ['GET', IN, 200],
  ['PUT', `${IN}/finalize`, 200],
  ['GET', `${IN}/componentstatuses`, 404],
  ['GET', '/api/v1/componentstatuses/x', 200],
  ['GET', `${IN}/pods/x/status/y`, 404],
  ['HEAD', `${IN}/pods/x/nope`, 404],
  ['GET', `${IN}/pods/x/log`, 200],
  ['PUT', `${IN}/pods/x/log`, 405],
  ['GET', `${IN}/pods/x/log/y`, 404],
  ['POST', `${IN}/pods/x/exec`, 200],
  ['PATCH', `${IN}/pods/x/exec`, 405],
  ['HEAD', `${IN}/pods/x/proxy/y/z`, 200],
  ['POST', `${IN}/bindings`, 200],
  ['POST', `${IN}/bindings/x`, 404],
  ['POST', '/api/v1/bindings', 404],
  ['POST', '/apis/authentication.k8s.io/v1/tokenreviews', 200],
  ['GET', '/apis/authentication.k8s.io/v1/tokenreviews/x', 404],
  ['POST', '/apis/authorization.k8s.io/v1/localsubjectaccessreviews', 404],
  ['GET', '/api/v1/watch/pods', 200],
  ['GET', `/api/v1/watch/namespaces/a/pods/x`, 200],
  ['POST', '/api/v1/watch/pods', 405],
  ['GET', '/api/v1/watch/pods/x', 404],
  ['GET', '/api/v1/watch/namespaces/a/pods/x/status', 404],
  ['GET', '/api/v1/watch/componentstatuses', 404],
];

for (const [method, url, expected] of CASES) {
  test(`${method} ${url}: ${expected}`, () => assert.equal(answer(method, url), expected));
}
