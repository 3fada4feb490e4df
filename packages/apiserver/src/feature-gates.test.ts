import assert from 'node:assert/strict';
import { it } from 'node:test';
import { featureGatesOf, gatesWithoutEffect } from './feature-gates.ts';

const OWN = 'ServiceAccountNodeAudienceRestriction';

it('gates have the defaults of 1.32, and can be switched', () => {
  const off = {
    ...{ componentFlagz: false, componentStatusz: false },
    ...{ mutatingAdmissionPolicy: false, serviceAccountNodeAudienceRestriction: false },
  };
  assert.deepEqual(featureGatesOf([]), off);
  assert.deepEqual(featureGatesOf([`${OWN}=false`]), off);
  const on = { ...off, serviceAccountNodeAudienceRestriction: true };
  assert.deepEqual(featureGatesOf([`${OWN}=false`, 'AllAlpha=true']), {
    ...{ componentFlagz: true, componentStatusz: true },
    ...{ mutatingAdmissionPolicy: true, serviceAccountNodeAudienceRestriction: false },
  });
  assert.deepEqual(featureGatesOf([`${OWN}=true`, 'WatchList=true']), on);
  assert.deepEqual(featureGatesOf([`${OWN}=T`]), on);
});

it('others of 1.32 are taken, and told of where they are asked to be otherwise', () => {
  const asked = [`${OWN}=true`, 'WatchList=false', 'NodeSwap=true', 'ImageVolume=true'];
  const same = ['InPlacePodVerticalScaling=false', 'APIListChunking=true'];
  assert.deepEqual(gatesWithoutEffect([...asked, ...same]), [
    'WatchList=false',
    'ImageVolume=true',
  ]);
  const all = ['AllAlpha=true', 'AllBeta=false'];
  assert.deepEqual(gatesWithoutEffect(all), all);
});

it('gates that there are not are refused, and values that are none, in the stock server’s words', () => {
  const refused = (entry: string, message: RegExp): void =>
    assert.throws(() => featureGatesOf([entry]), message);
  refused('Other=true', /unrecognized feature gate: Other$/);
  refused(`${OWN}=yes`, /invalid value of \w+=yes, err: strconv.ParseBool: parsing "yes": invalid/);
  refused(OWN, /missing bool value for ServiceAccountNodeAudienceRestriction$/);
  refused(
    'WatchBookmark=false',
    /cannot set feature gate WatchBookmark to false, feature is locked/,
  );
});
