import assert from 'node:assert/strict';
import { it } from 'node:test';
import { keysUriOf, maxTokenSeconds } from './token-flags.ts';

it('the longest life of a token is none, or between an hour and 2^32 seconds', () => {
  assert.deepEqual([0, 3_600_000, 2 ** 32 * 1_000].map(maxTokenSeconds), [0, 3_600, 2 ** 32]);
  const why = 'the service-account-max-token-expiration must be between 1 hour and 2^32 seconds';
  for (const wrong of [1, 3_599_999, 2 ** 32 * 1_000 + 1]) {
    assert.throws(() => maxTokenSeconds(wrong), { name: 'ConfigError', message: why });
  }
});

it('keys are found at an address that others can trust', () => {
  assert.equal(keysUriOf(''), undefined);
  assert.equal(keysUriOf('https://keys.example.com/jwks'), 'https://keys.example.com/jwks');
  const scheme = 'service-account-jwks-uri requires https scheme, parsed as:';
  for (const wrong of ['http://baz.com', 'keys.example.com/jwks']) {
    assert.throws(() => keysUriOf(wrong), { name: 'ConfigError', message: `${scheme} ${wrong}` });
  }
  assert.throws(
    () => keysUriOf('https://host:port'),
    /^ConfigError: .* must be a valid URL: https/,
  );
});
