/** A process of many hollow nodes. Its orders come, and its reports go, as messages of its parent; it ends when that is gone. */
import { systemClock, systemRandom } from '@kubets/platform';
import { REQUESTS_IN_FLIGHT, SAMPLE_MS } from '../limits.ts';
import { ApiStats } from '../rest/api-stats.ts';
import { type Call, RestClient } from '../runtime/rest-client.ts';
import { HollowNode } from './hollow-node.ts';
import { type ToWorker, unpackAccess, type WorkerOrders, type WorkerReport } from './ports.ts';
import { Requests } from './requests.ts';

const stop = new AbortController();
const failures = new Map<string, number>();
let nodes: HollowNode[] = [];
let nodesLeft = 0;

function noteFailure(error: unknown): void {
  if (stop.signal.aborted) return;
  const text = error instanceof Error ? error.message.replace(/\/[\w.-]+\d[\w.-]*/g, '/…') : '?';
  // Names are cut out above, so there are few texts; others beyond that are one.
  const key = failures.has(text) || failures.size < 50 ? text : 'others';
  failures.set(key, (failures.get(key) ?? 0) + 1);
}

function sum(read: (node: HollowNode) => number): number {
  return nodes.reduce((total, node) => total + read(node), 0);
}

function start(orders: WorkerOrders): void {
  const stats = new ApiStats();
  const client = new RestClient(unpackAccess(orders.access), (call, ms, status) =>
    stats.record(call, ms, status),
  );
  const { signal } = stop;
  const requests = new Requests<Call>({
    send: (call) => client.call(call),
    inFlight: REQUESTS_IN_FLIGHT,
    clock: systemClock,
    random: systemRandom,
    signal,
  });
  const deps = {
    ...{ requests, orders, clock: systemClock, random: systemRandom, signal },
    watch: client.watch.bind(client),
    onError: noteFailure,
  };
  nodes = Array.from({ length: orders.count }, (_, at) => new HollowNode(orders.first + at, deps));
  nodesLeft = nodes.length;
  for (const node of nodes) void node.live().catch(noteFailure);
  systemClock.setInterval(() => {
    const report: WorkerReport = {
      kind: 'report',
      registered: sum((node) => (node.registered ? 1 : 0)),
      ready: sum((node) => (node.ready ? 1 : 0)),
      pods: sum((node) => node.podCount),
      watches: sum((node) => node.watchCount),
      waiting: requests.waiting,
      nodesLeft,
      ...stats.take(),
    };
    process.send?.({
      ...report,
      failures: { ...report.failures, ...Object.fromEntries(failures) },
    });
    failures.clear();
  }, SAMPLE_MS);
}

async function drain(): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      await node.forget();
      nodesLeft -= 1;
    }),
  );
}

process.on('message', (message: ToWorker) => {
  if (message.kind === 'start') start(message.orders);
  else if (message.kind === 'drain') void drain().catch(noteFailure);
  else process.exit(0);
});
process.on('disconnect', () => process.exit(0));
// The terminal's Ctrl-C is for the coordinator, which tells what is to be done.
process.on('SIGINT', () => undefined);
