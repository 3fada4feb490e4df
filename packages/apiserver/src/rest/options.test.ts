import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refusal } from '../testing/scene.ts';
import { deleteOptionsOf, listOptionsOf, writeOptionsOf } from './options.ts';

const query = (text: string): URLSearchParams => new URLSearchParams(text);

describe('options of lists', () => {
  it('are read from the query', () => {
    const o = listOptionsOf(
      query(
        'labelSelector=a%3Db&fieldSelector=x%3Dy&limit=5&continue=t&resourceVersion=7&resourceVersionMatch=Exact' +
          '&allowWatchBookmarks=true&sendInitialEvents=false&timeoutSeconds=9',
      ),
    );
    assert.deepEqual(o, {
      labelSelector: 'a=b',
      fieldSelector: 'x=y',
      resourceVersion: '7',
      resourceVersionMatch: 'Exact',
      limit: 5,
      continueToken: 't',
      allowWatchBookmarks: true,
      sendInitialEvents: false,
      timeoutSeconds: 9,
    });
  });

  it('have defaults', () => {
    const o = listOptionsOf(query(''));
    assert.deepEqual([o.limit, o.allowWatchBookmarks, o.sendInitialEvents], [0, false, undefined]);
  });

  for (const text of ['limit=x', 'timeoutSeconds=1.5', 'limit=5x', 'limit=9223372036854775808']) {
    it(`refuse ${text}`, () => {
      assert.throws(
        () => listOptionsOf(query(text)),
        refusal(400, 'BadRequest', /strconv\.ParseInt/),
      );
    });
  }
});

describe('options of writes', () => {
  const read = (text: string) => writeOptionsOf(query(text), 'CreateOptions');

  it('are read from the query', () => {
    assert.deepEqual(read(''), {
      dryRun: false,
      fieldManager: '',
      validation: 'Warn',
      force: false,
      sent: {},
    });
    assert.deepEqual(read('dryRun=All&fieldManager=me&fieldValidation=Strict'), {
      dryRun: true,
      fieldManager: 'me',
      validation: 'Strict',
      force: false,
      sent: { dryRun: ['All'], fieldManager: 'me', fieldValidation: 'Strict' },
    });
    assert.equal(read('fieldValidation=Ignore').validation, 'Ignore');
  });

  const patch = (text: string, isApply: boolean) =>
    writeOptionsOf(query(text), 'PatchOptions', isApply);

  it('of an apply name a manager, and may be forced', () => {
    assert.equal(patch('fieldManager=me&force=true', true).force, true);
    assert.equal(patch('fieldManager=me', true).force, false);
    assert.throws(
      () => patch('', true),
      /fieldManager: Required value: is required for apply patch/,
    );
    assert.throws(
      () => patch('force=false', false),
      /force: Forbidden: may not be specified for non-apply patch/,
    );
  });

  const refused: readonly [string, RegExp][] = [
    ['dryRun=Some', /dryRun: Unsupported value: \[\]string\{"Some"\}: supported values: "All"/],
    ['dryRun=All&dryRun=No', /\[\]string\{"All", "No"\}/],
    [`fieldManager=${'a'.repeat(129)}`, /fieldManager: Too long: may not be more than 128 bytes/],
    ['fieldManager=%01', /invalid character U\+0001 \(at position 0\)/],
    ['fieldValidation=Nope', /fieldValidation: Unsupported value: "Nope"/],
  ];
  for (const [text, why] of refused) {
    it(`refuse ${text.slice(0, 30)}`, () => {
      assert.throws(() => read(text), refusal(422, 'Invalid', why));
    });
  }

  it('name themselves in a refusal', () => {
    assert.throws(
      () => writeOptionsOf(query('dryRun=x'), 'PatchOptions'),
      refusal(422, 'Invalid', /^PatchOptions\.meta\.k8s\.io "" is invalid/),
    );
  });
});

describe('options of deletes', () => {
  it('come from the body, or else from the query', () => {
    const fromQuery = deleteOptionsOf(
      query('gracePeriodSeconds=5&propagationPolicy=Orphan&preconditions.uid=u&dryRun=All'),
      undefined,
    );
    assert.equal(fromQuery.dryRun, true);
    assert.deepEqual(fromQuery.options, {
      gracePeriodSeconds: 5,
      propagationPolicy: 'Orphan',
      preconditions: { uid: 'u', resourceVersion: undefined },
    });
    const fromBody = deleteOptionsOf(query('gracePeriodSeconds=5'), { gracePeriodSeconds: 0 });
    assert.deepEqual(fromBody, { options: { gracePeriodSeconds: 0 }, dryRun: false });
    assert.equal(deleteOptionsOf(query(''), { dryRun: ['All'] }).dryRun, true);
  });

  it('read old booleans', () => {
    const orphan = (text: string): unknown =>
      deleteOptionsOf(query(text), undefined).options.orphanDependents;
    assert.deepEqual(['orphanDependents=true', 'orphanDependents=0', ''].map(orphan), [
      true,
      false,
      undefined,
    ]);
  });

  const refused: readonly [string, object | undefined, number, RegExp][] = [
    ['gracePeriodSeconds=x', undefined, 400, /strconv\.ParseInt/],
    ['propagationPolicy=Nope', undefined, 422, /"Foreground", "Background", "Orphan", "nil"/],
    ['propagationPolicy=Orphan&orphanDependents=true', undefined, 422, /cannot be both set/],
    ['', { propagationPolicy: 'Nope' }, 422, /propagationPolicy/],
    ['', { dryRun: ['No'] }, 422, /dryRun/],
  ];
  for (const [text, body, code, why] of refused) {
    it(`refuse ${text || JSON.stringify(body)}`, () => {
      const reason = code === 400 ? 'BadRequest' : 'Invalid';
      assert.throws(() => deleteOptionsOf(query(text), body), refusal(code, reason, why));
    });
  }
});
