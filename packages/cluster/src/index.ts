export { chooseRuntime, type MachineFacts, type RuntimeChoice } from './install/runtime-choice.ts';
export { type ClusterPaths, clusterPaths } from './paths.ts';
export { type ProcessSpec, planProcesses, type Role } from './plan/processes.ts';
export type { Runtime, Settings, Wishes } from './plan/settings.ts';
export type { ClusterFile, ClusterProcess } from './supervisor/cluster-file.ts';
