import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
} from '../generated/types.ts';
import { bestVolumeFor, hasNoClass, isKeptFor, misfitOf, storageClassOf } from './match.ts';

const claim = (spec: PersistentVolumeClaimSpec = {}): PersistentVolumeClaim => ({
  metadata: { namespace: 'ns', name: 'c', uid: 'u' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});
const volume = (name: string, spec: PersistentVolumeSpec = {}, labels = {}): PersistentVolume => ({
  metadata: { name, labels },
  spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, ...spec },
  status: { phase: 'Available' },
});
const best = (wanted: PersistentVolumeClaim, ...volumes: PersistentVolume[]): string | undefined =>
  bestVolumeFor(wanted, volumes)?.metadata.name;

describe('the volume for a claim', () => {
  const cases: readonly [string, PersistentVolumeSpec, PersistentVolumeClaimSpec, string?][] = [
    ['as it is wanted', {}, {}],
    ['larger', { capacity: { storage: '2Gi' } }, {}],
    ['smaller', { capacity: { storage: '999Mi' } }, {}, 'requested PV is too small'],
    ['of a class', { storageClassName: 'a' }, {}, 'storageClassName does not match'],
    ['of the class', { storageClassName: 'a' }, { storageClassName: 'a' }],
    ['of none', {}, { storageClassName: '' }],
    ['a device', { volumeMode: 'Block' }, {}, 'incompatible volumeMode'],
    ['a file system by name', { volumeMode: 'Filesystem' }, {}],
    ['for one', {}, { accessModes: ['ReadWriteMany'] }, 'incompatible accessMode'],
    ['for many', { accessModes: ['ReadWriteMany', 'ReadWriteOnce'] }, {}],
  ];
  for (const [what, has, wants, why] of cases) {
    test(`${what}: ${why ?? 'fits'}`, () => {
      assert.equal(misfitOf(volume('v', has), claim(wants)), why);
      assert.equal(best(claim(wants), volume('v', has)), why === undefined ? 'v' : undefined);
    });
  }

  test('is the smallest of those that are open to the fewest', () => {
    const of = (name: string, storage: string, ...accessModes: string[]): PersistentVolume =>
      volume(name, { capacity: { storage }, accessModes });
    const found = best(
      claim(),
      of('many', '1Gi', 'ReadWriteOnce', 'ReadOnlyMany'),
      of('large', '9Gi', 'ReadWriteOnce'),
      of('b', '2Gi', 'ReadWriteOnce'),
      of('a', '2Gi', 'ReadWriteOnce'),
    );
    assert.equal(found, 'a');
  });

  test('is free: not kept for another, not going, known to be available', () => {
    const other = volume('other', { claimRef: { namespace: 'ns', name: 'd' } });
    const going = volume('going');
    going.metadata.deletionTimestamp = 't';
    const fresh = { ...volume('fresh'), status: { phase: 'Pending' } };
    assert.equal(best(claim(), other, going, fresh), undefined);
  });

  test('is one that is kept for it before all others, or none', () => {
    const kept = (storage: string, uid?: string): PersistentVolume =>
      volume('kept', { capacity: { storage }, claimRef: { namespace: 'ns', name: 'c', uid } });
    assert.equal(best(claim(), volume('v'), kept('5Gi')), 'kept');
    assert.equal(best(claim(), volume('v'), kept('5Gi', 'u')), 'kept');
    assert.equal(best(claim(), volume('v'), kept('5Gi', 'another')), 'v');
    assert.equal(best(claim(), volume('v'), kept('1Mi')), undefined);
    assert.equal(isKeptFor(kept('1Gi', 'another'), claim()), false);
  });

  test('is chosen by labels where the claim says so, and as far as it can be used', () => {
    const selector = { matchLabels: { a: 'b' } };
    const [plain, labelled] = [volume('plain'), volume('labelled', {}, { a: 'b' })];
    assert.equal(best(claim({ selector }), plain, labelled), 'labelled');
    const usable = bestVolumeFor(
      claim(),
      [plain, labelled],
      ({ metadata }) => metadata.name !== 'labelled',
    );
    assert.equal(usable?.metadata.name, 'plain');
  });
});

test('a class may be named by the annotation of old', () => {
  const annotations = { 'volume.beta.kubernetes.io/storage-class': 'old' };
  const annotated = { ...claim(), metadata: { ...claim().metadata, annotations } };
  assert.equal(storageClassOf(annotated), 'old');
  assert.deepEqual([annotated, claim(), claim({ storageClassName: '' })].map(hasNoClass), [
    false,
    true,
    false,
  ]);
});
