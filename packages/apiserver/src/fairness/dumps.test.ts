import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { user } from '../edge-testing.ts';
import { requestInfoOf } from '../rest/request-info.ts';
import { fairnessDumps } from './dumps.ts';
import { Fairness } from './fairness.ts';

const PATH = '/api/v1/namespaces/ns/pods';
const PODS = requestInfoOf('GET', PATH, new URLSearchParams());

async function dump(fairness: Fairness, name: string, query = ''): Promise<string[]> {
  const path = `/debug/api_priority_and_fairness/${name}`;
  const found = await fairnessDumps(fairness).handle({
    info: requestInfoOf('GET', path, new URLSearchParams()),
    user: user('admin'),
    method: 'GET',
    query: new URLSearchParams(query),
    headers: {},
  });
  return found === undefined ? [] : String(found.body).trimEnd().split('\n');
}

it('levels, queues and requests are shown as the stock server shows them', async () => {
  const clock = new ManualClock(0);
  const fairness = new Fairness({ seats: 10, clock });
  const joe = user('system:serviceaccount:ns:joe', 'system:serviceaccounts');
  const flow = fairness.classify(joe, PODS);
  assert.equal(flow.level.config.name, 'workload-low');
  let waiting = 0;
  while (waiting < 1) {
    const entered = fairness.enter(flow, { user: joe, info: PODS, width: 1 });
    if (!(entered instanceof Promise)) continue;
    waiting += 1;
    entered.catch(() => undefined);
  }
  const levels = await dump(fairness, 'dump_priority_levels');
  const head = 'PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests, ';
  const counted = 'DispatchedRequests, RejectedRequests, TimedoutRequests, CancelledRequests';
  assert.equal(levels[0], `${head}ExecutingRequests, ${counted}`);
  const executing = flow.level.executing;
  const low = levels.find((line) => line.startsWith('workload-low,'))?.split(/,\s+/);
  const counts = [String(executing), String(executing), '0', '0', '0'];
  assert.deepEqual(low, ['workload-low', '1', 'false', 'false', '1', ...counts]);
  const exempt = 'exempt,            0,            true,   false,       0,               0, ';
  assert.ok(levels.find((line) => line.startsWith('exempt'))?.startsWith(exempt));
  const queues = await dump(fairness, 'dump_queues');
  const columns = (line = ''): string[] => line.split(/, +/);
  assert.ok(queues[0]?.startsWith('PriorityLevelName, Index,  PendingRequests, '));
  assert.deepEqual(columns(queues[0]).slice(3), [
    ...['ExecutingRequests', 'SeatsInUse', 'NextDispatchR'],
    ...['InitialSeatsSum', 'MaxSeatsSum', 'TotalWorkSum'],
  ]);
  const busy = queues.filter((line) =>
    / 1, +0, +0, +\d+\.\d{8}ss, +1, +1, +0\.00300000ss$/.test(line),
  );
  assert.equal(busy.length, 1);
  const requests = await dump(fairness, 'dump_requests');
  const [titles, only, ...others] = requests.map(columns);
  assert.deepEqual(titles, [
    ...['PriorityLevelName', 'FlowSchemaName', 'QueueIndex', 'RequestIndexInQueue'],
    ...['FlowDistingsher', 'ArriveTime', 'InitialSeats', 'FinalSeats', 'AdditionalLatency'],
    'StartTime',
  ]);
  const account = 'system:serviceaccount:ns:joe';
  assert.deepEqual(only?.toSpliced(2, 1), [
    ...['workload-low', 'service-accounts', '0', account, '1970-01-01T00:00:00.000Z'],
    ...['1', '0', '0s', '0001-01-01T00:00:00Z'],
  ]);
  assert.deepEqual(others, []);
  const [, detailed = ''] = await dump(fairness, 'dump_requests', 'includeRequestDetails=1');
  assert.match(detailed, /, list, +\/api\/v1\/namespaces\/ns\/pods, ns, +, +v1, +pods, *$/);
  assert.deepEqual(await dump(fairness, 'dump_nothing'), []);
});
