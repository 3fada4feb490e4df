import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { badRequest, type Event, type Pod } from '@kubets/api';
import { ManualClock, silentLogger } from '@kubets/platform';
import { TransportError } from '../errors.ts';
import { EVENT_BURST, EVENT_REFILL_MS, MAX_PENDING_EVENTS } from '../limits.ts';
import { FakeApi } from '../testing/fake-api.ts';
import { EventRecorder } from './event-recorder.ts';

const pod = (name = 'web'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '7' },
  spec: { containers: [] },
});

function setup() {
  const clock = new ManualClock();
  const api = new FakeApi({ clock });
  const recorder = new EventRecorder({
    api,
    component: 'kubelet',
    host: 'node-1',
    clock,
    log: silentLogger,
  });
  return { clock, api, recorder, events: () => api.objects<Event>('v1', 'events') };
}

describe('EventRecorder', () => {
  it('writes an event as kubectl describe expects it', async () => {
    const { recorder, events } = setup();
    recorder.event(pod(), 'Normal', 'Started', 'Started container main');
    await recorder.flush();
    const [event] = events();
    assert.ok(event);
    assert.equal(event.metadata.namespace, 'shop');
    assert.match(event.metadata.name ?? '', /^web\.[0-9a-f]+$/);
    assert.deepEqual(event.involvedObject, {
      apiVersion: 'v1',
      kind: 'Pod',
      name: 'web',
      namespace: 'shop',
      uid: 'uid-web',
      resourceVersion: '7',
    });
    assert.deepEqual(event.source, { component: 'kubelet', host: 'node-1' });
    assert.equal(event.type, 'Normal');
    assert.equal(event.reason, 'Started');
    assert.equal(event.count, 1);
    assert.equal(event.firstTimestamp, event.lastTimestamp);
  });

  it('raises the count of a repetition', async () => {
    const { clock, recorder, events } = setup();
    for (let i = 0; i < 3; i += 1) {
      recorder.event(pod(), 'Warning', 'BackOff', 'Back-off restarting');
      await recorder.flush();
      clock.advance(10_000);
    }
    const [event, ...others] = events();
    assert.equal(others.length, 0);
    assert.equal(event?.count, 3);
    assert.equal(
      Date.parse(event?.lastTimestamp ?? '') - Date.parse(event?.firstTimestamp ?? ''),
      20_000,
    );
  });

  it('starts again when the event it would repeat has expired', async () => {
    const { api, recorder, events } = setup();
    recorder.event(pod(), 'Normal', 'Pulled', 'x');
    await recorder.flush();
    await api.resource('v1', 'events').delete('shop', events()[0]?.metadata.name ?? '');
    recorder.event(pod(), 'Normal', 'Pulled', 'x');
    await recorder.flush();
    assert.equal(events().length, 1);
  });

  it('puts events about cluster-scoped objects into the default namespace', async () => {
    const { recorder, events } = setup();
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } };
    recorder.event(node, 'Normal', 'NodeReady', 'ready');
    await recorder.flush();
    assert.equal(events()[0]?.metadata.namespace, 'default');
  });

  it('cuts a flood about one object, and lets a little through later', async () => {
    const { clock, recorder, events } = setup();
    for (let i = 0; i < EVENT_BURST + 10; i += 1) {
      recorder.event(pod(), 'Warning', 'Failed', `try ${i}`);
    }
    recorder.event(pod('other'), 'Normal', 'Pulled', 'x');
    await recorder.flush();
    assert.equal(events().length, EVENT_BURST + 1);
    assert.equal(recorder.dropped, 10);
    clock.advance(EVENT_REFILL_MS);
    recorder.event(pod(), 'Warning', 'Failed', 'later');
    await recorder.flush();
    assert.equal(events().length, EVENT_BURST + 2);
  });

  it('tries again while no apiserver answers', async () => {
    const { clock, api, recorder, events } = setup();
    let refusals = 2;
    api.intercept = () => {
      if (refusals === 0) return;
      refusals -= 1;
      throw new TransportError('down', { ambiguous: true });
    };
    recorder.event(pod(), 'Normal', 'Pulled', 'x');
    for (let i = 0; i < 3; i += 1) {
      await api.settle();
      clock.advance(1_000);
    }
    await recorder.flush();
    assert.equal(events().length, 1);
  });

  it('drops what the API refuses, and goes on', async () => {
    const { api, recorder, events } = setup();
    let refuse = true;
    api.intercept = () => {
      if (refuse) throw badRequest('no');
    };
    recorder.event(pod(), 'Normal', 'Pulled', 'x');
    await recorder.flush();
    refuse = false;
    recorder.event(pod(), 'Normal', 'Started', 'y');
    await recorder.flush();
    assert.deepEqual(
      events().map(({ reason }) => reason),
      ['Started'],
    );
    assert.equal(recorder.dropped, 1);
  });

  it('never holds more than its limit', async () => {
    const { recorder, events } = setup();
    for (let i = 0; i < MAX_PENDING_EVENTS + 5; i += 1) {
      recorder.event(pod(`p${i}`), 'Normal', 'Pulled', 'x');
    }
    await recorder.flush();
    assert.equal(events().length, MAX_PENDING_EVENTS);
    assert.equal(recorder.dropped, 5);
  });
});
