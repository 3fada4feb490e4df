import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKinds } from '@kubets/api';
import type { VirtualResource } from '../ports.ts';
import { refusal } from '../testing/scene.ts';
import { virtualBody } from './virtual-handler.ts';

const make = (o: Partial<VirtualResource>): VirtualResource => ({
  group: '',
  version: 'v1',
  resource: 'x',
  subresource: '',
  verbs: ['create'],
  handle: () => Promise.resolve({ code: 201, object: {} }),
  ...o,
});

const review = make({ group: 'authorization.k8s.io', resource: 'selfsubjectaccessreviews' });
const token = make({
  resource: 'serviceaccounts',
  subresource: 'token',
  bodyKind: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
});
const unknown = make({ group: 'example.com', resource: 'things' });

const STRICT = { validation: 'Strict', namespace: 'ns' } as const;

describe('bodies of computed resources', () => {
  it('are checked against the kind of the resource', () => {
    const body = { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } };
    const object = virtualBody(review, builtinKinds, JSON.stringify(body), STRICT);
    assert.deepEqual(object.spec, body.spec);
    assert.throws(
      () => virtualBody(review, builtinKinds, '{"spec":{"resourceAttributes":5}}', STRICT),
      refusal(400, 'BadRequest', /cannot unmarshal number/),
    );
    assert.throws(
      () => virtualBody(review, builtinKinds, '{"nope":1}', STRICT),
      refusal(400, 'BadRequest', /unknown field "nope"/),
    );
  });

  it('are checked against the kind a subresource speaks', () => {
    const object = virtualBody(token, builtinKinds, '{"spec":{"expirationSeconds":600}}', STRICT);
    assert.equal((object.spec as { expirationSeconds: number }).expirationSeconds, 600);
    assert.throws(
      () => virtualBody(token, builtinKinds, '{"spec":{"expirationSeconds":"x"}}', STRICT),
      refusal(400, 'BadRequest', /TokenRequest/),
    );
  });

  it('may not say that they are of another kind or version', () => {
    const refused = (virtual: VirtualResource, body: object, why: RegExp) =>
      assert.throws(
        () => virtualBody(virtual, builtinKinds, body, STRICT),
        refusal(400, 'BadRequest', why),
      );
    const apiVersion = 'authentication.k8s.io/v1';
    refused(
      token,
      { apiVersion, kind: 'Foo' },
      /^Foo in version "v1" cannot be handled as a Token/,
    );
    refused(token, { apiVersion, kind: 'TokenReview' }, /converting \(v1.TokenReview\) to/);
    const kind = 'SelfSubjectAccessReview';
    refused(review, { apiVersion: 'authorization.k8s.io/v2', kind }, /no kind ".*" is registered/);
    virtualBody(token, builtinKinds, { apiVersion, kind: 'TokenRequest' }, STRICT);
  });

  it('are warned of as others are', () => {
    const said: string[] = [];
    const warn = (text: string): void => void said.push(text);
    const repeatedKeys = ['line 2: key "a" already set in map'];
    const o = { ...STRICT, validation: 'Warn', warn, repeatedKeys } as const;
    virtualBody(review, builtinKinds, { nope: 1 }, o);
    assert.deepEqual(said, [...repeatedKeys, 'unknown field "nope"']);
  });

  it('are of the namespace of the request, or of none', () => {
    const sent = { metadata: { namespace: 'x' } };
    assert.throws(
      () => virtualBody(token, builtinKinds, sent, STRICT),
      refusal(400, 'BadRequest', /does not match the namespace sent on the request$/),
    );
    const of = (namespace: string) =>
      virtualBody(token, builtinKinds, structuredClone(sent), { ...STRICT, namespace }).metadata;
    assert.equal(of('x').namespace, 'x');
    assert.equal(of('').namespace, undefined);
  });

  it('always have metadata', () => {
    for (const virtual of [review, token, unknown]) {
      assert.ok(
        virtualBody(virtual, builtinKinds, '{}', { ...STRICT, validation: 'Ignore' }).metadata,
      );
    }
  });

  it('of unknown kinds are taken as they are', () => {
    const object = virtualBody(unknown, builtinKinds, { a: 1 }, STRICT);
    assert.deepEqual(object, { metadata: {}, a: 1 });
  });

  it('must be objects', () => {
    for (const body of ['[]', '5']) {
      assert.throws(
        () => virtualBody(review, builtinKinds, body, STRICT),
        refusal(400, 'BadRequest'),
      );
    }
  });
});
