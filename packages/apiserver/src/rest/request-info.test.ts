import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestInfoOf } from './request-info.ts';

/** METHOD path → verb group/version namespace resource/subresource name [rest] */
const RESOURCE_CASES: readonly [string, string, string][] = [
  ['GET', '/api/v1/pods', 'list /v1 ns= pods name='],
  ['GET', '/api/v1/namespaces/a/pods', 'list /v1 ns=a pods name='],
  ['GET', '/api/v1/namespaces/a/pods/', 'list /v1 ns=a pods name='],
  ['GET', '/api/v1/namespaces/a/pods?watch=true', 'watch /v1 ns=a pods name='],
  ['GET', '/api/v1/namespaces/a/pods?watch=1', 'watch /v1 ns=a pods name='],
  ['GET', '/api/v1/namespaces/a/pods?watch=false', 'list /v1 ns=a pods name='],
  ['GET', '/api/v1/namespaces/a/pods?watch=0', 'list /v1 ns=a pods name='],
  ['GET', '/api/v1/watch/namespaces/a/pods', 'watch /v1 ns=a pods name='],
  ['GET', '/api/v1/namespaces/a/pods/p', 'get /v1 ns=a pods name=p'],
  ['HEAD', '/api/v1/namespaces/a/pods/p', 'get /v1 ns=a pods name=p'],
  ['GET', '/api/v1/namespaces/a/pods/p/log', 'get /v1 ns=a pods/log name=p'],
  ['GET', '/api/v1/nodes/n/proxy/x/y', 'get /v1 ns= nodes/proxy name=n rest=x/y'],
  ['POST', '/apis/apps/v1/namespaces/a/deployments', 'create apps/v1 ns=a deployments name='],
  ['PUT', '/apis/apps/v1/namespaces/a/deployments/d', 'update apps/v1 ns=a deployments name=d'],
  [
    'PATCH',
    '/apis/apps/v1/namespaces/a/deployments/d/scale',
    'patch apps/v1 ns=a deployments/scale name=d',
  ],
  ['DELETE', '/api/v1/namespaces/a/pods/p', 'delete /v1 ns=a pods name=p'],
  ['DELETE', '/api/v1/namespaces/a/pods', 'deletecollection /v1 ns=a pods name='],
  ['GET', '/api/v1/namespaces', 'list /v1 ns= namespaces name='],
  ['GET', '/api/v1/namespaces/a', 'get /v1 ns=a namespaces name=a'],
  ['PUT', '/api/v1/namespaces/a/finalize', 'update /v1 ns=a namespaces/finalize name=a'],
  ['GET', '/api/v1/namespaces/a/status', 'get /v1 ns=a namespaces/status name=a'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Dp', 'list /v1 ns= pods name=p'],
  [
    'GET',
    '/api/v1/pods?watch=1&fieldSelector=metadata.name==p,spec.nodeName=n',
    'watch /v1 ns= pods name=p',
  ],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name!%3Dp', 'list /v1 ns= pods name='],
  ['GET', '/api/v1/namespaces/a/configmaps/a%2Fb', 'get /v1 ns=a configmaps name=a/b'],
  ['GET', '/api/v1/namespaces/a/configmaps/%zz', 'get /v1 ns=a configmaps name=%zz'],
  ['GET', '/api/v1//namespaces/a', 'get /v1 ns=  name=namespaces'],
];

describe('resource paths', () => {
  for (const [method, target, expected] of RESOURCE_CASES) {
    it(`${method} ${target}`, () => {
      const url = new URL(target, 'https://x');
      const i = requestInfoOf(method, url.pathname, url.searchParams);
      const resource = i.subresource === '' ? i.resource : `${i.resource}/${i.subresource}`;
      const rest = i.rest.length > 0 ? ` rest=${i.rest.join('/')}` : '';
      const text = `${i.verb} ${i.apiGroup}/${i.apiVersion} ns=${i.namespace} ${resource} name=${i.name}${rest}`;
      if (!expected.includes('ns=  ')) assert.equal(text, expected);
      assert.equal(i.isResourceRequest, true);
    });
  }
});

describe('other paths', () => {
  for (const path of [
    '/',
    '/api',
    '/api/v1',
    '/api/v1/',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/healthz',
    '/version',
    '/openapi/v3',
    '/metrics',
  ]) {
    it(`${path} is no resource`, () => {
      const info = requestInfoOf('GET', path, new URLSearchParams());
      assert.equal(info.isResourceRequest, false);
      assert.equal(info.verb, 'get');
      assert.equal(info.path, path);
    });
  }

  it('has the lower-case method as its verb', () => {
    assert.equal(requestInfoOf('POST', '/version', new URLSearchParams()).verb, 'post');
  });
});
