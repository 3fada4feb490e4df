/**
 * What priority and fairness does just now, as tables for people: `/debug/api_priority_and_fairness/dump_…`. Requests that found
 * a seat at once are counted, not listed: nothing is kept of each of them.
 */
import type { PathHandler, RequestInfo } from '../ports.ts';
import type { Fairness, Flow, RejectReason } from './fairness.ts';
import type { AboutWaiting, Level, QueueView, Waiting } from './level.ts';

const ROOT = '/debug/api_priority_and_fairness/';
const HEADERS = {
  'content-type': 'text/plain; charset=utf-8',
  'x-content-type-options': 'nosniff',
};
const NEVER = '0001-01-01T00:00:00Z';

type Row = readonly string[];

export function fairnessDumps(fairness: Fairness): PathHandler {
  const dumps: Readonly<Record<string, (details: boolean) => readonly Row[]>> = {
    dump_priority_levels: () => levelRows(fairness),
    dump_queues: () => queueRows(fairness),
    dump_requests: (details) => requestRows(fairness, details),
  };
  return {
    name: 'fairness dumps',
    async handle({ info: { path }, query }) {
      if (!path.startsWith(ROOT)) return undefined;
      const name = path.slice(ROOT.length);
      if (!Object.hasOwn(dumps, name)) return undefined;
      const asked = query.get('includeRequestDetails') ?? '';
      const rows = dumps[name]?.(asked !== '') ?? [];
      return { status: 200, headers: HEADERS, body: tableOf(rows) };
    },
  };
}

/** The narrowest column. */
const LEAST_WIDTH = 8;

/** Rows with commas after all but the last value, and columns one below the other. */
function tableOf(rows: readonly Row[]): string {
  const texts = rows.map((row) => row.map((text, at) => (at < row.length - 1 ? `${text},` : text)));
  const columns = Math.max(0, ...texts.map((row) => row.length - 1));
  const widths = Array.from({ length: columns }, (_none, at) =>
    Math.max(LEAST_WIDTH, ...texts.map((row) => (row[at]?.length ?? 0) + 1)),
  );
  return texts
    .map(
      (row) =>
        `${row.map((text, at) => text.padEnd(at < row.length - 1 ? (widths[at] ?? 0) : 0)).join('')}\n`,
    )
    .join('');
}

const sorted = ({ levels }: Fairness): Level[] =>
  levels.toSorted((a, b) => (a.config.name < b.config.name ? -1 : 1));

function levelRows(fairness: Fairness): Row[] {
  const head = [
    ...['PriorityLevelName', 'ActiveQueues', 'IsIdle', 'IsQuiescing', 'WaitingRequests'],
    ...['ExecutingRequests', 'DispatchedRequests', 'RejectedRequests', 'TimedoutRequests'],
    'CancelledRequests',
  ];
  const rows = sorted(fairness).map((level) => {
    const flows = fairness.flows.filter((flow) => flow.level === level);
    const sum = (of: (flow: Flow) => number): string =>
      String(flows.reduce((total, flow) => total + of(flow), 0));
    const refused = (...reasons: RejectReason[]) =>
      sum(({ rejected }) => reasons.reduce((total, reason) => total + rejected[reason], 0));
    const active = level.queues.filter(({ waiting, executing }) => waiting.length + executing > 0);
    return [
      level.config.name,
      String(active.length),
      String(level.waiting === 0 && level.executing === 0),
      String(!fairness.isConfigured(level)),
      String(level.waiting),
      String(level.executing),
      sum(({ dispatched }) => dispatched),
      refused('concurrency-limit', 'queue-full'),
      refused('time-out'),
      refused('cancelled'),
    ];
  });
  return [head, ...rows];
}

/** Work is measured in seconds of a seat. */
const work = (seatSeconds: number): string => `${seatSeconds.toFixed(8)}ss`;
/** What a request is reckoned to take before anybody knows. */
const GUESSED_SECONDS = 0.003;

function queueRows(fairness: Fairness): Row[] {
  const head = [
    ...['PriorityLevelName', 'Index', 'PendingRequests', 'ExecutingRequests', 'SeatsInUse'],
    ...['NextDispatchR', 'InitialSeatsSum', 'MaxSeatsSum', 'TotalWorkSum'],
  ];
  const rowOf = (level: Level, queue: QueueView, index: number): Row => {
    const seats = queue.waiting.reduce((sum, { width }) => sum + width, 0);
    return [
      level.config.name,
      String(index),
      String(queue.waiting.length),
      String(queue.executing),
      String(queue.running),
      work(queue.virtual),
      String(seats),
      String(seats),
      work(seats * GUESSED_SECONDS),
    ];
  };
  const rows = sorted(fairness).flatMap((level) =>
    level.queues.map((queue, index) => rowOf(level, queue, index)),
  );
  return [head, ...rows];
}

const DETAILS = [
  ...['UserName', 'Verb', 'APIPath', 'Namespace', 'Name', 'APIVersion', 'Resource', 'SubResource'],
];

const apiVersion = ({ apiGroup, apiVersion: version }: RequestInfo): string =>
  apiGroup === '' ? version : `${apiGroup}/${version}`;

function detailsOf({ user, info }: AboutWaiting): Row {
  const { verb, path, namespace, name, resource, subresource } = info;
  return [user.name, verb, path, namespace, name, apiVersion(info), resource, subresource];
}

function requestRows(fairness: Fairness, details: boolean): Row[] {
  const head = [
    ...['PriorityLevelName', 'FlowSchemaName', 'QueueIndex', 'RequestIndexInQueue'],
    ...['FlowDistingsher', 'ArriveTime', 'InitialSeats', 'FinalSeats', 'AdditionalLatency'],
    'StartTime',
    ...(details ? DETAILS : []),
  ];
  const rowOf = (level: Level, one: Waiting, place: readonly [number, number]): Row => {
    const { about, width } = one;
    const [queue, index] = place;
    const arrived = new Date(about.arrivedMs).toISOString();
    return [
      ...[level.config.name, about.schema, String(queue), String(index), about.flow, arrived],
      ...[String(width), '0', '0s', NEVER],
      ...(details ? detailsOf(about) : []),
    ];
  };
  const rows = sorted(fairness).flatMap((level) =>
    level.queues.flatMap(({ waiting }, queue) =>
      waiting.map((one, index) => rowOf(level, one, [queue, index])),
    ),
  );
  return [head, ...rows];
}
