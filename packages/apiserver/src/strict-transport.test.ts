import assert from 'node:assert/strict';
import { request } from 'node:https';
import { it } from 'node:test';
import { startApiServer } from './index.ts';
import { strictTransportOf } from './strict-transport.ts';

it('directives become a header, others are refused', () => {
  assert.equal(strictTransportOf([]), undefined);
  assert.equal(strictTransportOf(['max-age=1', 'preload']), 'max-age=1; preload');
  for (const wrong of ['max-age', 'max-age=1=2', 'nope']) {
    assert.throws(() => strictTransportOf([wrong]), /^ConfigError: --strict-transport-security-/);
  }
});

it('every answer carries it', async (t) => {
  const flags = ['--strict-transport-security-directives=max-age=31536000,includeSubDomains'];
  const api = await startApiServer({ flags });
  t.after(() => api.stop());
  for (const [path, token] of [
    ['/healthz', api.token],
    ['/apis/apps/v1/deployments', api.token],
    ['/nope', 'wrong'],
  ] as const) {
    const headers = { authorization: `Bearer ${token}` };
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    request(new URL(path, api.url), { headers, ca: api.ca }, (response) => {
      response.resume();
      resolve(response.headers['strict-transport-security']);
    })
      .on('error', reject)
      .end();
    assert.equal(await promise, 'max-age=31536000; includeSubDomains', path);
  }
});
