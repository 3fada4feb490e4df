/** Places pods on nodes: see README.md for the reading order. */
export { ClusterState } from './core/cluster-state.ts';
export { failureMessage } from './core/diagnosis.ts';
export { Nominations } from './core/nominations.ts';
export { type PodInfo, podInfo } from './core/pod-info.ts';
export { type Budget, type Candidate, findPreemption } from './core/preemption.ts';
export { SchedulerCore, type SchedulerCoreOptions } from './core/schedule.ts';
export { filtersOf } from './filters/index.ts';
export { Scheduler, type SchedulerOptions } from './host/scheduler.ts';
export type { Decision, Diagnosis, FilterPlugin, Rejection, ScorePlugin } from './ports.ts';
export { scoresOf } from './scores/index.ts';
