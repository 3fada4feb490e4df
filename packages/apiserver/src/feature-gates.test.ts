import assert from 'node:assert/strict';
import { it } from 'node:test';
import { featureGatesOf } from './feature-gates.ts';

it('gates have the defaults of 1.32, and can be switched', () => {
  const off = { serviceAccountNodeAudienceRestriction: false };
  assert.deepEqual(featureGatesOf([]), off);
  const name = 'ServiceAccountNodeAudienceRestriction';
  assert.deepEqual(featureGatesOf([`${name}=false`]), off);
  const on = { serviceAccountNodeAudienceRestriction: true };
  assert.deepEqual(featureGatesOf([`${name}=true`]), on);
});

it('gates without an effect are refused, and values that are none', () => {
  assert.throws(() => featureGatesOf(['Other=true']), /unrecognized feature gate: Other$/);
  const entry = 'ServiceAccountNodeAudienceRestriction=yes';
  assert.throws(() => featureGatesOf([entry]), /is not ServiceAccountNode\w+=true or/);
});
