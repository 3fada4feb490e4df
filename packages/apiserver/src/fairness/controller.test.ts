import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { FlowSchema } from '@kubets/api';
import { ManualClock, silentLogger } from '@kubets/platform';
import { FLOW_SCHEMAS, PRIORITY_LEVELS } from '../bootstrap/flow-control.ts';
import { FakeStore, user } from '../edge-testing.ts';
import { GVR } from '../resources.ts';
import { requestInfoOf } from '../rest/request-info.ts';
import { FairnessController } from './controller.ts';
import { Fairness } from './fairness.ts';

const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i += 1) await new Promise(setImmediate);
};
const PODS = requestInfoOf('GET', '/api/v1/namespaces/ns/pods', new URLSearchParams());

it('fairness follows the objects, and schemas are told whether their level exists', async () => {
  const store = new FakeStore();
  const clock = new ManualClock();
  const fairness = new Fairness({ seats: 600, clock });
  const controller = new FairnessController({ fairness, store, clock, log: silentLogger });
  controller.start();
  store.seed(...PRIORITY_LEVELS, ...FLOW_SCHEMAS);
  const [level] = PRIORITY_LEVELS.slice(2);
  const mine: FlowSchema = {
    ...(FLOW_SCHEMAS.at(-1) as FlowSchema),
    metadata: { name: 'mine' },
  };
  const of = (name: string): FlowSchema => ({
    ...mine,
    spec: {
      ...mine.spec,
      matchingPrecedence: 5,
      priorityLevelConfiguration: { name },
    },
  });
  store.seed(of('later'));
  await settle();
  assert.equal(fairness.classify(user('joe'), PODS).schema.name, 'global-default');
  const dangling = async () => {
    const found = await store.get<FlowSchema>({ ...GVR.flowSchemas, namespace: '', name: 'mine' });
    const [condition] = found.status?.conditions ?? [];
    return [condition?.type, condition?.status, condition?.reason];
  };
  assert.deepEqual(await dangling(), ['Dangling', 'True', 'NotFound']);
  assert.ok(level);
  store.seed({ ...level, metadata: { name: 'later', uid: 'level-uid' } });
  await settle();
  const flow = fairness.classify(user('joe'), PODS);
  assert.deepEqual([flow.schema.name, flow.level.config.uid], ['mine', 'level-uid']);
  assert.deepEqual(await dangling(), ['Dangling', 'False', 'Found']);
  await controller.stop();
});
