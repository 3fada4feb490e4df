import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CustomResourceDefinition } from '@kubets/api';
import { DEFINITION_RULES } from './definition-rules.ts';

type Spec = CustomResourceDefinition['spec'];

const NAMES = { plural: 'as', singular: 'a', kind: 'A', listKind: 'AList' };
const version = (name: string, o: object = {}): Spec['versions'][number] => ({
  ...{ name, served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
  ...o,
});

function said(spec: Partial<Spec>): string[] {
  const whole = { group: 'b.c', scope: 'Cluster', names: NAMES, versions: [version('v1')] };
  const made = { ...whole, ...spec } as Spec;
  const name = `${made.names.plural}.${made.group}`;
  const status = { storedVersions: ['v1'] };
  const errors =
    DEFINITION_RULES.validateCreate?.({ metadata: { name }, spec: made, status } as never) ?? [];
  return errors.map((error) => `${error.field}: ${error.detail.slice(0, 60)}`);
}

describe('a definition', () => {
  it('has a group, told once what is wrong with it', () => {
    assert.deepEqual(said({ group: 'b' }), [
      'spec.group: should be a domain with at least one dot',
    ]);
    assert.equal(said({ group: 'B_' }).length, 1);
  });

  it('has names, the missing ones told first', () => {
    const names = {
      plural: 'as',
      kind: 'A b',
      listKind: '',
      shortNames: ['X'],
      categories: ['y z'],
    };
    assert.deepEqual(
      said({ names }).map((text) => text.split(':')[0]),
      [
        ...['spec.names.singular', 'spec.names.listKind', 'spec.names.kind'],
        ...['spec.names.shortNames[0]', 'spec.names.categories[0]'],
      ],
    );
    assert.deepEqual(said({ names: { ...NAMES, listKind: 'A' } }), [
      'spec.names.listKind: kind and listKind may not be the same',
    ]);
  });

  it('has versions that differ, and stores one', () => {
    const versions = [version('v1'), version('v1', { storage: false })];
    assert.deepEqual(said({ versions }), ['spec.versions: must contain unique version names']);
  });

  it('warns of versions in few words that can be read', () => {
    const warned = (deprecationWarning: string, deprecated = true): string[] =>
      said({ versions: [version('v1', { deprecated, deprecationWarning })] });
    const at = 'spec.versions[0].deprecationWarning';
    assert.deepEqual(warned('use v2, é'), []);
    assert.deepEqual(warned('x', false), [`${at}: can only be set for deprecated versions`]);
    assert.deepEqual(warned(''), [`${at}: must not be an empty string`]);
    assert.deepEqual(warned('x'.repeat(257)), [`${at}: must be <= 256 characters long`]);
    assert.match(warned('a\nb')[0] ?? '', /must only contain printable UTF-8 characters/);
  });
});
