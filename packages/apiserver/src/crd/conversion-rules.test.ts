import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CustomResourceDefinition, fieldErrors } from '@kubets/api';
import { conversionErrors } from './conversion-rules.ts';
import { definition } from './testing.ts';

const BROKEN = Buffer.from('no certificate').toString('base64');

function defined(caBundle: string, o: { established?: boolean; reviews?: string[] } = {}) {
  const clientConfig = { url: 'https://a.b/c', ...(caBundle && { caBundle }) };
  const webhook = { clientConfig, conversionReviewVersions: o.reviews ?? ['v1'] };
  const crd = definition({ type: 'object' }, {}, { conversion: { strategy: 'Webhook', webhook } });
  const status = o.established ? 'True' : 'False';
  crd.status = { conditions: [{ type: 'Established', status }] };
  return crd;
}

function said(crd: CustomResourceDefinition, old?: CustomResourceDefinition): string[] {
  const errors: fieldErrors.FieldError[] = [];
  conversionErrors(errors, crd.spec.conversion, old);
  return errors.map(String);
}

it('certificates of a definition that is served stay readable', () => {
  const why = /caBundle: Invalid value: \[\]byte\{0x6e, .*: unable to parse bytes as PEM block$/;
  assert.deepEqual(said(defined(BROKEN)), []);
  assert.deepEqual(said(defined(BROKEN), defined('')), []);
  assert.match(said(defined(BROKEN), defined('', { established: true }))[0] ?? '', why);
  assert.deepEqual(said(defined(BROKEN), defined(BROKEN, { established: true })), []);
});

it('versions of reviews that nobody knows may stay, but not come', () => {
  const odd = defined('', { reviews: ['v9'] });
  assert.match(said(odd)[0] ?? '', /must include at least one of v1, v1beta1$/);
  assert.match(said(odd, defined(''))[0] ?? '', /must include at least one of/);
  assert.deepEqual(said(odd, odd), []);
});
