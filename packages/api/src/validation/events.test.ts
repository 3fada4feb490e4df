import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventEvents } from '../generated/types.ts';
import type { Errors } from './common.ts';
import { validateEventUpdate } from './events.ts';

const EVENT: EventEvents = {
  metadata: { name: 'e', namespace: 'n' },
  eventTime: '2024-01-02T03:04:05.600000Z',
  regarding: { kind: 'Pod', namespace: 'n', name: 'p' },
  ...{ reportingController: 'c', reportingInstance: 'i', action: 'a', reason: 'r', note: 'm' },
  type: 'Normal',
};

function said(change: Partial<EventEvents>): string[] {
  const errors: Errors = [];
  validateEventUpdate(errors, { ...EVENT, ...change }, EVENT);
  return errors.map(String);
}

describe('an event that was written', () => {
  const FIXED = 'field is immutable';

  it('changes in its series', () => {
    const lastObservedTime = '2024-01-02T03:05:05.000000Z';
    assert.deepEqual(said({ series: { count: 2, lastObservedTime } }), []);
    assert.deepEqual(said({ series: { count: 1, lastObservedTime } }), [
      'series.count: Invalid value: "": should be at least 2',
    ]);
  });

  it('says the same for ever', () => {
    const regarding = { kind: 'Pod', namespace: 'n', name: 'q' };
    const shown =
      'core.ObjectReference{Kind:"Pod", Namespace:"n", Name:"q", UID:"", APIVersion:"", ResourceVersion:"", FieldPath:""}';
    assert.deepEqual(said({ regarding }), [`involvedObject: Invalid value: ${shown}: ${FIXED}`]);
    assert.deepEqual(said({ note: 'x' }), [`message: Invalid value: "x": ${FIXED}`]);
    assert.deepEqual(said({ reason: 'x' }), [
      `reason: Invalid value: "x": ${FIXED}`,
      `reason: Invalid value: "x": ${FIXED}`,
    ]);
    assert.deepEqual(said({ eventTime: '2024-01-02T03:04:05.700000Z' }), [
      `eventTime: Invalid value: 2024-01-02 03:04:05.7 +0000 UTC: ${FIXED}`,
    ]);
    assert.deepEqual(said({ deprecatedSource: { host: 'h' }, related: regarding }), [
      `source: Invalid value: core.EventSource{Component:"", Host:"h"}: ${FIXED}`,
      `related: Invalid value: ${shown}: ${FIXED}`,
    ]);
  });
});
