import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FinishWrite, WriteHook } from '../ports.ts';
import { configMap, make } from '../testing/index.ts';
import { at, useScene } from '../testing/scene.ts';

const s = useScene();

describe('admission and hooks', () => {
  it('sees a write before and after defaulting, and its refusal stores nothing', async () => {
    const calls: string[] = [];
    s.open({
      admission: {
        admit(a) {
          calls.push(`admit ${a.operation} ${a.name}`);
          if (a.object) a.object.metadata.labels = { admitted: 'yes' };
          return Promise.resolve();
        },
        validate(a) {
          calls.push(`validate ${a.operation} ${a.name}`);
          const refused = a.object?.metadata.name === 'bad';
          return refused ? Promise.reject(new Error('no')) : Promise.resolve();
        },
      },
    });
    const { metadata } = await make(s.t, configMap('a'));
    assert.deepEqual(metadata.labels, { admitted: 'yes' });
    await assert.rejects(make(s.t, configMap('bad')), /no/);
    assert.equal(await s.stored(at('bad')), undefined);
    await s.remove(at('a'));
    assert.deepEqual(calls, [
      'admit CREATE a',
      'validate CREATE a',
      'admit CREATE bad',
      'validate CREATE bad',
      'admit DELETE a',
      'validate DELETE a',
    ]);
  });

  it('tells hooks how every attempt ended', async () => {
    const log: string[] = [];
    const finish = (what: string): Promise<FinishWrite> =>
      Promise.resolve((ok) => void log.push(`${what} ${ok ? 'stored' : 'undone'}`));
    const hook: WriteHook = {
      group: '',
      resource: 'configmaps',
      beginCreate: () => finish('create'),
      beginUpdate: () => finish('update'),
      afterDelete: () => void log.push('deleted'),
    };
    s.open({ hooks: [hook] });
    await make(s.t, configMap('a'));
    await assert.rejects(make(s.t, configMap('a')));
    await s.merge(at('a'), { data: { x: '1' } });
    await s.remove(at('a'));
    assert.deepEqual(log, ['create stored', 'create undone', 'update stored', 'deleted']);
  });
});
