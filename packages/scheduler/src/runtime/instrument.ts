import {
  CounterTable,
  exponentialBounds,
  HistogramTable,
  type Metrics,
  type Reading,
  readFamily,
  type Spread,
  type Tally,
} from '@kubets/platform';
import { DEFAULT_PROFILE_NAME } from '../config/profile.ts';
import type { AttemptResult, Scheduler, SchedulerFigures } from '../host/scheduler.ts';
import type { QueuedPod } from '../queue/scheduling-queue.ts';

const MS_PER_S = 1_000;
/** Tries from here on are told together. */
const MANY_ATTEMPTS = 15;
const ATTEMPT_SECONDS = exponentialBounds(0.001, 2, 15);

/** What is read of a scheduler when somebody asks. */
export interface SchedulerState {
  readonly queue: Readonly<Record<'active' | 'backoff' | 'unschedulable' | 'gated', number>>;
  readonly nodes: number;
  readonly pods: number;
  /** Pods that found no place. */
  readonly rejected: Iterable<Pick<QueuedPod, 'info' | 'rejectedBy'>>;
}

/** What a scheduler is like now. */
export const stateOf = ({ queue, state, watched }: Scheduler): SchedulerState => ({
  queue: { ...queue.counts, gated: watched.gatedCount() },
  nodes: state.nodeCount,
  pods: state.podCount,
  rejected: queue.rejected(),
});

/** Everything that is counted while it works. */
function tablesOf(metrics: Metrics) {
  const table = <const L extends readonly string[]>(name: string, help: string, labels: L) => ({
    ...{ registry: metrics, help, labels },
    name: `scheduler_${name}`,
  });
  const byProfile = ['result', 'profile'] as const;
  const step = ['extension_point', 'status', 'profile'] as const;
  const single = (name: string, help: string, bounds: readonly number[]): Spread =>
    new HistogramTable({ ...table(name, help, [] as const), bounds }).at();
  return {
    attempts: new CounterTable(table('schedule_attempts_total', 'Tries to place a pod', byProfile)),
    attempt: new HistogramTable({
      ...table('scheduling_attempt_duration_seconds', 'Time of a try, with binding', byProfile),
      bounds: ATTEMPT_SECONDS,
    }),
    sli: new HistogramTable({
      ...table('pod_scheduling_sli_duration_seconds', 'Time from the queue to a node, by tries', [
        'attempts',
      ] as const),
      bounds: exponentialBounds(0.01, 2, 20),
    }),
    needed: single('pod_scheduling_attempts', 'Tries it took', exponentialBounds(1, 2, 5)),
    decided: single(
      'scheduling_algorithm_duration_seconds',
      'Time to find a node',
      ATTEMPT_SECONDS,
    ),
    victims: single('preemption_victims', 'Pods told to go', exponentialBounds(1, 2, 7)),
    points: new HistogramTable({
      ...table('framework_extension_point_duration_seconds', 'Time of a step of scheduling', step),
      bounds: exponentialBounds(0.0001, 2, 12),
    }),
    preemptions: new CounterTable(
      table('preemption_attempts_total', 'Tries to make room', [] as const),
    ).at(),
    incoming: new CounterTable(
      table('queue_incoming_pods_total', 'Pods that came into a queue', [
        'queue',
        'event',
      ] as const),
    ),
  };
}

type Tables = ReturnType<typeof tablesOf>;

/** The cells of one result in one profile. */
interface Cells {
  readonly total: Tally;
  readonly took: Spread;
  readonly bind: Spread;
}

/** Looks the cells of tries up, once. */
function cellsBy({ attempts, attempt, points }: Tables) {
  const known = new Map<string, Cells>();
  return (result: AttemptResult, profile: string): Cells => {
    const key = `${result}/${profile}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = {
      total: attempts.at(result, profile),
      took: attempt.at(result, profile),
      bind: points.at('Bind', result === 'scheduled' ? 'Success' : 'Error', profile),
    };
    known.set(key, made);
    return made;
  };
}

/**
 * The scheduler's metrics, under the stock names.
 * @returns to be told of what it does
 */
export function instrument(metrics: Metrics, state: () => SchedulerState): SchedulerFigures {
  const tables = tablesOf(metrics);
  const { sli, needed, decided, victims, points, preemptions, incoming } = tables;
  showState(metrics, state);
  const arrivals = new Map<string, Tally>();
  const cellsOf = cellsBy(tables);
  return {
    attempt(result, { profile, tookMs, bindMs, attempts: tries, sinceAddedMs }) {
      const { total, took, bind } = cellsOf(result, profile);
      total.inc();
      took.observe(tookMs / MS_PER_S);
      if (bindMs !== undefined) bind.observe(bindMs / MS_PER_S);
      if (result !== 'scheduled') return;
      needed.observe(tries);
      const shown = tries < MANY_ATTEMPTS ? String(tries) : `${MANY_ATTEMPTS}+`;
      sli.at(shown).observe(sinceAddedMs / MS_PER_S);
    },
    decided: (ms) => decided.observe(ms / MS_PER_S),
    triedToMakeRoom(profile, ms, found) {
      preemptions.inc();
      const status = found ? 'Success' : 'Unschedulable';
      points.at('PostFilter', status, profile).observe(ms / MS_PER_S);
    },
    madeRoom: (count) => victims.observe(count),
    incoming(queue, event) {
      const key = `${queue}/${event}`;
      const tally = arrivals.get(key) ?? incoming.at(queue, event);
      arrivals.set(key, tally);
      tally.inc();
    },
  };
}

function showState(registry: Metrics, state: () => SchedulerState): void {
  readFamily({
    registry,
    name: 'scheduler_pending_pods',
    help: 'Pods without a node, by the queue they wait in',
    labels: ['queue'],
    *read() {
      for (const [queue, value] of Object.entries(state().queue)) yield { labels: [queue], value };
    },
  });
  readFamily({
    registry,
    name: 'scheduler_scheduler_cache_size',
    help: 'Nodes and pods that are known',
    labels: ['type'],
    *read() {
      const { nodes, pods } = state();
      yield { labels: ['nodes'], value: nodes };
      yield { labels: ['pods'], value: pods };
    },
  });
  readFamily({
    registry,
    name: 'scheduler_unschedulable_pods',
    help: 'Pods that found no place, by what said no',
    labels: ['plugin', 'profile'],
    read: () => rejections(state().rejected),
  });
}

function* rejections(
  rejected: SchedulerState['rejected'],
): Iterable<Reading<readonly ['plugin', 'profile']>> {
  const counts = new Map<string, Map<string, number>>();
  for (const { info, rejectedBy } of rejected) {
    const profile = info.pod.spec?.schedulerName ?? DEFAULT_PROFILE_NAME;
    const ofProfile = counts.get(profile) ?? new Map<string, number>();
    counts.set(profile, ofProfile);
    for (const plugin of rejectedBy) ofProfile.set(plugin, (ofProfile.get(plugin) ?? 0) + 1);
  }
  for (const [profile, ofProfile] of counts) {
    for (const [plugin, value] of ofProfile) yield { labels: [plugin, profile], value };
  }
}
