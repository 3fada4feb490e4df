import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKind } from '@kubets/api';
import { entryOf } from '../cache/entry.ts';
import { encodeStored } from '../storage/codec.ts';
import { podObject } from '../testing/index.ts';
import { refusal } from '../testing/scene.ts';
import { checkListOptions, type ListOptions, parseRevision, selectionOf } from './list-options.ts';

const pods = builtinKind('v1', 'Pod');

describe('resource versions', () => {
  it('are whole numbers of any size', () => {
    assert.equal(parseRevision(''), 0n);
    assert.equal(parseRevision('0'), 0n);
    assert.equal(parseRevision('9007199254740993'), 9_007_199_254_740_993n);
    assert.equal(parseRevision('18446744073709551615'), 2n ** 64n - 1n);
    for (const text of ['-1', 'abc', '1.5', '0x1', ' 1', '99999999999999999999']) {
      assert.throws(() => parseRevision(text), refusal(500, '', /strconv\.ParseUint/));
    }
  });
});

describe('options that make no sense together', () => {
  const lists: readonly [string, ListOptions, RegExp][] = [
    [
      'a rule without a version',
      { resourceVersionMatch: 'Exact' },
      /forbidden unless resourceVersion is provided/,
    ],
    [
      'a rule with a continue token',
      { resourceVersion: '5', resourceVersionMatch: 'Exact', continueToken: 'x' },
      /forbidden when continue/,
    ],
    [
      'an unknown rule',
      { resourceVersion: '5', resourceVersionMatch: 'Nope' },
      /Unsupported value: "Nope"/,
    ],
    [
      'exactly nothing',
      { resourceVersion: '0', resourceVersionMatch: 'Exact' },
      /"exact" is forbidden/,
    ],
    ['initial events of a list', { sendInitialEvents: true }, /forbidden for list/],
  ];
  for (const [what, options, why] of lists) {
    it(`list: ${what}`, () => {
      assert.throws(() => checkListOptions(options, false), refusal(422, 'Invalid', why));
    });
  }

  const watches: readonly [string, ListOptions, RegExp][] = [
    [
      'a rule without initial events',
      { resourceVersionMatch: 'NotOlderThan' },
      /forbidden for watch unless/,
    ],
    [
      'initial events without a rule',
      { sendInitialEvents: true, allowWatchBookmarks: true },
      /requires setting/,
    ],
    [
      'initial events of an exact version',
      { sendInitialEvents: true, resourceVersionMatch: 'Exact', allowWatchBookmarks: true },
      /Unsupported value: "Exact"/,
    ],
    [
      'initial events without bookmarks',
      { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' },
      /bookmarks/,
    ],
  ];
  for (const [what, options, why] of watches) {
    it(`watch: ${what}`, () => {
      assert.throws(() => checkListOptions(options, true), refusal(422, 'Invalid', why));
    });
  }

  it('others pass', () => {
    checkListOptions({}, false);
    checkListOptions({ resourceVersion: '5', resourceVersionMatch: 'NotOlderThan' }, false);
    checkListOptions({ resourceVersion: '5' }, true);
    checkListOptions({ sendInitialEvents: false, resourceVersionMatch: 'NotOlderThan' }, true);
  });
});

describe('selections', () => {
  const entry = (
    name: string,
    o: { namespace?: string; nodeName?: string; labels?: Record<string, string> } = {},
  ) => {
    const { namespace = 'default', ...rest } = o;
    const pod = podObject(name, rest);
    const value = encodeStored({ ...pod, metadata: { ...pod.metadata, namespace } });
    return entryOf(pods, { key: `/registry/pods/${namespace}/${name}`, value, revision: 1n });
  };

  const matches = (
    options: ListOptions,
    namespace: string,
    ...args: Parameters<typeof entry>
  ): boolean => selectionOf(pods, namespace, options).matches(entry(...args));

  it('by namespace', () => {
    assert.equal(matches({}, '', 'p'), true);
    assert.equal(matches({}, 'default', 'p'), true);
    assert.equal(matches({}, 'other', 'p'), false);
  });

  const labels = { app: 'web', tier: 'front' };
  const selectors: readonly [string, boolean][] = [
    ['app=web', true],
    ['app==web,tier=front', true],
    ['app!=web', false],
    ['app in (web,db)', true],
    ['app notin (web)', false],
    ['app', true],
    ['!app', false],
    ['nope', false],
    ['!nope', true],
  ];
  for (const [labelSelector, expected] of selectors) {
    it(`by labels: ${labelSelector}`, () => {
      assert.equal(matches({ labelSelector }, '', 'p', { labels }), expected);
    });
  }

  const fields: readonly [string, boolean][] = [
    ['metadata.name=p', true],
    ['metadata.name!=p', false],
    ['metadata.namespace=default', true],
    ['spec.nodeName=n1', true],
    ['spec.nodeName=', false],
    ['spec.nodeName=n1,metadata.name=q', false],
    ['status.phase!=Running', true],
  ];
  for (const [fieldSelector, expected] of fields) {
    it(`by fields: ${fieldSelector}`, () => {
      assert.equal(matches({ fieldSelector }, '', 'p', { nodeName: 'n1' }), expected);
    });
  }

  it('know what the cache can look up', () => {
    const one = selectionOf(pods, '', { fieldSelector: 'metadata.name=p,metadata.namespace=a' });
    assert.deepEqual([one.name, one.namespace, one.selective], ['p', 'a', true]);
    const node = selectionOf(pods, '', { fieldSelector: 'spec.nodeName=n1' });
    assert.deepEqual(node.indexed, { field: 'spec.nodeName', value: 'n1' });
    const all = selectionOf(pods, 'a', {});
    assert.deepEqual([all.name, all.indexed, all.selective], [undefined, undefined, false]);
  });

  it('refuse fields the kind does not select by', () => {
    const select = () => selectionOf(pods, '', { fieldSelector: 'spec.containers=x' });
    assert.throws(
      select,
      refusal(400, 'BadRequest', /field label not supported: spec\.containers/),
    );
  });
});

it('a version beyond what a number can hold is out of range, however long its text', () => {
  for (const text of ['18446744073709551616', '9'.repeat(100_000)]) {
    assert.throws(() => parseRevision(text), refusal(500, '', /value out of range$/));
  }
  assert.equal(parseRevision(`${'0'.repeat(100)}7`), 7n);
});
