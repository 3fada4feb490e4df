import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Taint, Toleration } from '../generated/types-core.ts';
import { tolerates } from './taints.ts';

describe('tolerates', () => {
  const taint: Taint = { key: 'k', value: 'v', effect: 'NoSchedule' };
  const cases: [toleration: Toleration, yes: boolean][] = [
    [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoSchedule' }, true],
    [{ key: 'k', value: 'v' }, true],
    [{ key: 'k', value: 'w' }, false],
    [{ key: 'k', operator: 'Exists' }, true],
    [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }, false],
    [{ operator: 'Exists' }, true],
    [{ key: 'other', operator: 'Exists' }, false],
    [{}, false],
    [{ key: 'k', operator: 'Near', value: 'v' }, false],
  ];
  for (const [toleration, yes] of cases) {
    it(`${JSON.stringify(toleration)}: ${yes}`, () =>
      assert.equal(tolerates(toleration, taint), yes));
  }
});
