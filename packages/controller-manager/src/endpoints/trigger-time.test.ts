import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSlice, Pod, Service } from '@kubets/api';
import { at, NOW_MS, pod, service } from '../testing/builders.ts';
import { stamped, TriggerTimes } from './trigger-time.ts';

const KEY = 'default/web';
const time = (second: number): number => NOW_MS + second * 1000;
const web = (created: number): Service => {
  const one = service('web');
  return { ...one, metadata: { ...one.metadata, creationTimestamp: at(created) } };
};
const ready = (name: string, readyAt: number): Pod =>
  pod({ name, ip: '10.0.0.1', readyAt, meta: { labels: { app: 'web' } } });

/** What the times of a Service made in second 3 say after each look at pods. */
function looks(...steps: Pod[][]): (number | undefined)[] {
  const times = new TriggerTimes();
  return steps.map((pods) => times.look(KEY, web(3), pods));
}

describe('when a change of endpoints began', () => {
  it('a new Service: with itself, whatever its pods', () => {
    assert.deepEqual(looks([]), [time(3)]);
    assert.deepEqual(looks([ready('a', 0), ready('b', 1), ready('c', 5)]), [time(3)]);
  });

  it('with the earliest of the new pods', () => {
    const [first, more] = [
      [ready('a', 5), ready('b', 4)],
      [ready('c', 7), ready('d', 6)],
    ];
    assert.deepEqual(looks([], first, [...first, ...more]), [time(3), time(4), time(6)]);
  });

  it('with the earliest of the changed pods', () => {
    const before = [ready('a', 4), ready('b', 4), ready('c', 4)];
    const after = [ready('a', 8), ready('b', 7), ready('c', 4)];
    assert.deepEqual(looks([], before, after), [time(3), time(4), time(7)]);
  });

  it('with nothing known, where pods only go or stay', () => {
    const pods = [ready('a', 4), ready('b', 5)];
    const expected = [time(3), time(4), undefined, undefined];
    assert.deepEqual(looks([], pods, pods, pods.slice(0, 1)), expected);
  });

  it('with a pod that is back', () => {
    const steps = [[], [ready('a', 4)], [], [ready('a', 9)]];
    assert.deepEqual(looks(...steps), [time(3), time(4), undefined, time(9)]);
  });

  it('with a Service that is new again, not with one that is changed', () => {
    const times = new TriggerTimes();
    assert.equal(times.look(KEY, web(3), []), time(3));
    assert.equal(times.look(KEY, web(3), []), undefined);
    times.forget(KEY);
    assert.equal(times.look(KEY, web(6), []), time(6));
    // Gone and back before anybody looked.
    assert.equal(times.look(KEY, web(8), []), time(8));
  });

  it('is written on the object, and taken off when not known', () => {
    const slice: EndpointSlice = {
      metadata: { name: 's', annotations: { mine: 'stays' } },
      addressType: 'IPv4',
      endpoints: [],
    };
    const name = 'endpoints.kubernetes.io/last-change-trigger-time';
    const on = stamped(slice, Date.parse('2026-01-02T03:04:10Z'));
    assert.deepEqual(on.metadata.annotations, { mine: 'stays', [name]: '2026-01-02T03:04:10Z' });
    assert.deepEqual(stamped(on, undefined).metadata.annotations, { mine: 'stays' });
  });
});
