import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ObjectMeta } from '../generated/types.ts';
import { validateMetadata, validateMetadataUpdate, validatePathName } from './metadata.ts';
import { dns1123Subdomain } from './names.ts';

const RULES = { namespaced: true, name: dns1123Subdomain };
const OK: ObjectMeta = { name: 'x', namespace: 'n' };

function complaints(extra: ObjectMeta, rules = RULES): string[] {
  return validateMetadata({ ...OK, ...extra }, rules).map(String);
}

describe('new metadata', () => {
  const cases: readonly [string, ObjectMeta, (string | RegExp)[]][] = [
    ['plain', {}, []],
    ['no name', { name: '' }, ['metadata.name: Required value: name or generateName is required']],
    ['bad name', { name: 'Bad_' }, [/^metadata\.name: Invalid value: "Bad_": a lowercase RFC/]],
    ['a prefix may end in a dash', { generateName: 'web-' }, []],
    ['bad prefix', { generateName: 'Bad_' }, [/^metadata\.generateName: Invalid value/]],
    ['no namespace', { namespace: '' }, ['metadata.namespace: Required value']],
    [
      'bad label key',
      { labels: { 'bad key': 'v' } },
      [/^metadata\.labels: Invalid value: "bad key": name part must consist/],
    ],
    [
      'bad label value',
      { labels: { a: 'not ok' } },
      [/^metadata\.labels: Invalid value: "not ok": a valid label must be/],
    ],
    ['annotations may hold anything', { annotations: { A: '\u0000 anything' } }, []],
    [
      'annotations have a size',
      { annotations: { a: 'x'.repeat(256 * 1024) } },
      ['metadata.annotations: Too long: may not be more than 262144 bytes'],
    ],
    ['a finalizer without a domain', { finalizers: ['mine'] }, []],
    [
      'a finalizer that is no name',
      { finalizers: ['not ok'] },
      [/^metadata\.finalizers: Invalid value: "not ok": name part must consist/],
    ],
    ['known finalizers', { finalizers: ['foregroundDeletion', 'a.example/f'] }, []],
    [
      'negative generation',
      { generation: -1 },
      ['metadata.generation: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'owner without a name',
      { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: '', uid: 'u' }] },
      ['metadata.ownerReferences.name: Invalid value: "": name must not be empty'],
    ],
    [
      'two controllers',
      {
        ownerReferences: [
          { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true },
          { apiVersion: 'v1', kind: 'Pod', name: 'q', uid: 'v', controller: true },
        ],
      },
      [
        /Only one reference can have Controller set to true\. Found "true" in references for Pod\/p/,
      ],
    ],
    [
      'events own nothing',
      { ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'p', uid: 'u' }] },
      [/\/v1, Kind=Event is disallowed from being an owner$/],
    ],
  ];
  for (const [title, extra, expected] of cases) {
    test(title, () => {
      const found = complaints(extra);
      assert.equal(found.length, expected.length, found.join('\n'));
      expected.forEach((e, i) => {
        if (typeof e === 'string') assert.equal(found[i], e);
        else assert.match(found[i] ?? '', e);
      });
    });
  }

  test('objects of the cluster have no namespace', () => {
    assert.deepEqual(complaints({}, { ...RULES, namespaced: false }), [
      'metadata.namespace: Forbidden: not allowed on this type',
    ]);
  });

  test('a name is one segment of a path', () => {
    assert.deepEqual(validatePathName('a/b').map(String), [
      `metadata.name: Invalid value: "a/b": may not contain '/'`,
    ]);
    assert.deepEqual(validatePathName('fine'), []);
  });
});

describe('changed metadata', () => {
  const old: ObjectMeta = { ...OK, uid: 'u', generation: 2, creationTimestamp: 't' };
  const changes = (extra: ObjectMeta, before: ObjectMeta = old) =>
    validateMetadataUpdate({ ...before, ...extra }, before).map(String);

  test('identity stays', () => {
    for (const field of ['name', 'namespace', 'uid', 'creationTimestamp'] as const) {
      assert.deepEqual(changes({ [field]: 'other' }), [
        `metadata.${field}: Invalid value: "other": field is immutable`,
      ]);
    }
  });

  test('labels, annotations and finalizers may change', () => {
    assert.deepEqual(
      changes({ labels: { a: 'b' }, annotations: { c: 'd' }, finalizers: ['a/b'] }),
      [],
    );
  });

  test('the generation does not go back', () => {
    assert.deepEqual(changes({ generation: 1 }), [
      'metadata.generation: Invalid value: 1: must not be decremented',
    ]);
  });

  test('what is being deleted gets no new finalizers, but may lose them', () => {
    const dying = { ...old, deletionTimestamp: 't', finalizers: ['a/b'] };
    assert.deepEqual(changes({ finalizers: ['a/b', 'c/d'] }, dying), [
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"c/d"}',
    ]);
    assert.deepEqual(changes({ finalizers: [] }, dying), []);
  });

  test('deletion can not be taken back', () => {
    const dying = { ...old, deletionTimestamp: 't' };
    const { deletionTimestamp: _gone, ...undead } = dying;
    const [error] = validateMetadataUpdate(undead, dying);
    assert.match(String(error), /^metadata\.deletionTimestamp: .*field is immutable$/);
  });
});
