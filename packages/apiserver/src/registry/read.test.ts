import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiError } from '@kubets/api';
import { objectOf } from '../cache/entry.ts';
import { configMap, make, targetOf } from '../testing/index.ts';
import { at, refusal, useScene } from '../testing/scene.ts';

const s = useScene();

describe('reading', () => {
  it('shows a write as soon as it is acknowledged', async () => {
    const target = targetOf('v1', 'ConfigMap');
    await s.t.registry.list(target, {});
    for (let i = 0; i < 10; i += 1) {
      await make(s.t, configMap(`c${i}`));
      const { entries } = await s.t.registry.list(target, {});
      assert.equal(entries.length, i + 1);
    }
  });

  it('gives one object, from the store or the cache', async () => {
    const made = await make(s.t, configMap('a'));
    for (const version of ['', '0', made.metadata.resourceVersion ?? '']) {
      const found = await s.t.registry.get(at('a'), version);
      assert.ok('bytes' in found && 'key' in found);
      assert.deepEqual(objectOf(found), made);
    }
    await assert.rejects(s.t.registry.get(at('nope'), ''), refusal(404, 'NotFound'));
    await assert.rejects(s.t.registry.get(at('nope'), '0'), refusal(404, 'NotFound'));
    await assert.rejects(s.t.registry.get(at('a'), 'x'), refusal(500, ''));
  });

  it('selects by the names the version has for its fields', async () => {
    for (const kind of ['Pod', 'Node']) {
      await make(s.t, {
        ...{
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { name: kind.toLowerCase(), namespace: 'default' },
        },
        ...{ involvedObject: { kind, namespace: 'default' }, reportingComponent: 'c' },
      });
    }
    const names = async (apiVersion: string, fieldSelector: string): Promise<string[]> => {
      const list = await s.t.registry.list(targetOf(apiVersion, 'Event'), { fieldSelector });
      return list.entries.map(({ name }) => name);
    };
    assert.deepEqual(await names('v1', 'involvedObject.kind=Pod'), ['pod']);
    assert.deepEqual(await names('events.k8s.io/v1', 'regarding.kind=Pod'), ['pod']);
    assert.deepEqual(await names('events.k8s.io/v1', 'reportingController=c'), ['node', 'pod']);
  });

  it('pages through one state whatever is written meanwhile', async () => {
    const target = targetOf('v1', 'ConfigMap');
    for (const name of ['a', 'b', 'c', 'd', 'e']) await make(s.t, configMap(name));
    const first = await s.t.registry.list(target, { limit: 2 });
    assert.equal(first.remainingItemCount, 3);
    await s.remove(at('d'));
    await make(s.t, configMap('cc'));
    const names = first.entries.map((each) => each.name);
    let { continueToken } = first;
    while (continueToken !== undefined) {
      const page = await s.t.registry.list(target, { limit: 2, continueToken });
      names.push(...page.entries.map((each) => each.name));
      assert.equal(page.resourceVersion, first.resourceVersion);
      continueToken = page.continueToken;
    }
    assert.deepEqual(names, ['a', 'b', 'c', 'd', 'e']);
  });

  it('pages with selectors: full pages, no count', async () => {
    const target = targetOf('v1', 'ConfigMap');
    for (let i = 0; i < 6; i += 1) {
      await make(s.t, configMap(`c${i}`, { labels: { even: String(i % 2 === 0) } }));
    }
    const first = await s.t.registry.list(target, { limit: 1, labelSelector: 'even=true' });
    assert.equal(first.remainingItemCount, undefined);
    const { continueToken = '' } = first;
    const second = await s.t.registry.list(target, {
      limit: 2,
      labelSelector: 'even=true',
      continueToken,
    });
    assert.deepEqual(
      second.entries.map((each) => each.name),
      ['c2', 'c4'],
    );
    const { continueToken: rest = '' } = second;
    const third = await s.t.registry.list(target, {
      labelSelector: 'even=true',
      continueToken: rest,
    });
    assert.deepEqual(third.entries, []);
    assert.equal(third.continueToken, undefined);
  });

  it('reads an exact old state', async () => {
    const target = targetOf('v1', 'ConfigMap');
    const a = await make(s.t, configMap('a'));
    await make(s.t, configMap('b'));
    const list = await s.t.registry.list(target, {
      resourceVersion: a.metadata.resourceVersion ?? '',
      resourceVersionMatch: 'Exact',
    });
    assert.deepEqual(
      list.entries.map((each) => each.name),
      ['a'],
    );
    assert.equal(list.resourceVersion, a.metadata.resourceVersion);
  });

  const refused: readonly [string, object, number][] = [
    ['a match rule without a version', { resourceVersionMatch: 'Exact' }, 422],
    ['an unknown match rule', { resourceVersion: '1', resourceVersionMatch: 'X' }, 422],
    ['exactly version 0', { resourceVersion: '0', resourceVersionMatch: 'Exact' }, 422],
    ['a version that is no number', { resourceVersion: 'abc' }, 500],
    ['a token of somebody else', { continueToken: 'abc' }, 400],
    ['an unknown field', { fieldSelector: 'spec.x=y' }, 400],
    ['a broken label selector', { labelSelector: 'a==,' }, 400],
  ];
  for (const [what, options, code] of refused) {
    it(`refuses ${what}`, async () => {
      const list = s.t.registry.list(targetOf('v1', 'ConfigMap'), options);
      await assert.rejects(list, (error) => error instanceof ApiError && error.code === code);
    });
  }
});
