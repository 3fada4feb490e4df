import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkUrlTimeout, urlTimeoutMs } from './url-timeout.ts';

const check = (text: string): void =>
  checkUrlTimeout(new URLSearchParams(`timeout=${encodeURIComponent(text)}`));

it('durations as Go writes them are taken', () => {
  checkUrlTimeout(new URLSearchParams());
  for (const text of ['', '0', '0s', '32s', '1m30s', '1.5h', '500ms', '3µs']) check(text);
});

it('anything else is refused', () => {
  const why = 'invalid timeout specified in the request URL - time:';
  assert.throws(() => check('invalid'), {
    message: `${why} invalid duration "invalid"`,
    code: 400,
  });
  assert.throws(() => check('5'), { message: `${why} missing unit in duration "5"` });
});

it('durations are understood, whatever their units', () => {
  const ms = (text: string) => urlTimeoutMs(new URLSearchParams({ timeout: text }));
  const texts = ['32s', '1m30s', '1.5h', '500ms', '3000µs', '-1s', '0s'];
  assert.deepEqual(texts.map(ms), [32_000, 90_000, 5_400_000, 500, 3, -1_000, 0]);
  assert.deepEqual(['', '0', '5', 'soon'].map(ms), [undefined, undefined, undefined, undefined]);
});
