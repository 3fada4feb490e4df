import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PodStages, seenPod } from './pod-stages.ts';

const base = { uid: 'u', key: 'ns/p', node: '', ready: false, deleting: false };
const now = { phase: 'latency', fresh: true };

describe('PodStages', () => {
  it('takes the start from the request, and each stage once', () => {
    const stages = new PodStages();
    stages.sent('ns/p', 1_000);
    stages.see(base, 1_010, now);
    stages.see({ ...base, node: 'n' }, 1_100, now);
    stages.see({ ...base, node: 'n', ready: true }, 1_400, now);
    stages.see({ ...base, node: 'n', ready: true }, 9_000, now);
    const times = [...stages.of('latency')].map(([stage, one]) => [stage, one.summary().max]);
    assert.deepEqual(Object.fromEntries(times), {
      'create to schedule': 100,
      'schedule to run': 300,
      'create to run': 400,
    });
    assert.deepEqual([...stages.boundBySecond], [[1, 1]]);
    assert.deepEqual(stages.counts, { seen: 1, bound: 1, running: 1 });
    assert.deepEqual(stages.runningKeys(), ['ns/p']);
    stages.gone('u');
    assert.deepEqual(stages.counts, { seen: 0, bound: 0, running: 0 });
  });

  it('leaves out pods it did not see from the beginning, and those told to go', () => {
    const stages = new PodStages();
    stages.see({ ...base, node: 'n', ready: true, deleting: true }, 5, { ...now, fresh: false });
    assert.equal(stages.of('latency').size, 0);
    assert.deepEqual(stages.runningKeys(), []);
    assert.equal(stages.counts.running, 1);
  });

  it('reads objects', () => {
    const object = {
      metadata: { uid: 'u', namespace: 'ns', name: 'p', deletionTimestamp: 'now' },
      spec: { nodeName: 'n' },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    };
    const wanted = { uid: 'u', key: 'ns/p', node: 'n', ready: true, deleting: true };
    assert.deepEqual(seenPod(object), wanted);
    assert.deepEqual(seenPod({ metadata: { ...object.metadata } }).ready, false);
  });
});
