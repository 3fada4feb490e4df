import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { it } from 'node:test';
import { crossOriginOf } from './cross-origin.ts';
import { type EmbeddedApiServer, startApiServer } from './index.ts';

it('patterns are checked: Go has to take them, and both ends of the host be in them', () => {
  assert.equal(crossOriginOf([]), undefined);
  for (const good of ['^http://foo.com$', '//foo.com$', '://foo.com(:|$)', '(^foo.com$)']) {
    assert.ok(crossOriginOf([good]), good);
  }
  const start = '--cors-allowed-origins has an invalid regular expression: ';
  const unpinned = 'regular expression does not pin to start/end of host in the origin header';
  for (const wrong of ['^foo.com', '//foo.com', 'foo.com$', 'foo.com(:|$)']) {
    const origins = ['^http://foo.com$', wrong];
    assert.throws(() => crossOriginOf(origins), { name: 'ConfigError', message: start + unpinned });
  }
  assert.throws(() => crossOriginOf(['^(foo$']), /^ConfigError: .*: error parsing regexp: missing/);
});

function ask(
  api: EmbeddedApiServer,
  o: { method: string; origin?: string },
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = o.origin === undefined ? {} : { origin: o.origin };
  const url = new URL('/api/v1/namespaces', api.url);
  const asked = request(url, { method: o.method, headers, ca: api.ca }, (response) => {
    response.resume();
    resolve(response);
  });
  asked.on('error', reject).end();
  return promise;
}

it('browsers are told of origins that are let in, and asked for no credentials before', async (t) => {
  const flags = ['--cors-allowed-origins=//example\\.com(:|$)'];
  const api = await startApiServer({ flags });
  t.after(() => api.stop());
  const origin = 'https://example.com:8443';
  const first = await ask(api, { method: 'OPTIONS', origin });
  assert.equal(first.statusCode, 204);
  assert.equal(first.headers['access-control-allow-origin'], origin);
  assert.match(String(first.headers['access-control-allow-methods']), /PATCH/);
  assert.match(String(first.headers['access-control-allow-headers']), /Authorization/);
  const refused = await ask(api, { method: 'GET', origin });
  assert.equal(refused.statusCode, 403);
  assert.equal(refused.headers['access-control-allow-credentials'], 'true');
  for (const other of ['https://example.com.evil.org', undefined]) {
    const answer = await ask(api, { method: 'OPTIONS', ...(other && { origin: other }) });
    assert.notEqual(answer.statusCode, 204);
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  }
});
