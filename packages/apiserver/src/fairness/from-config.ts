/** The gate as the flags describe it. */
import { type Clock, ConfigError, type Logger, type Metrics } from '@kubets/platform';
import type { ApiServerConfig } from '../config.ts';
import type { Gate } from '../gate.ts';
import { Inflight } from '../inflight.ts';
import type { BackgroundTask, PathHandler, ResourceStore } from '../ports.ts';
import { FairnessController } from './controller.ts';
import { fairnessDumps } from './dumps.ts';
import { Fairness } from './fairness.ts';
import { type CountObjects, FairGate } from './gate.ts';
import { FairnessMetrics } from './metrics.ts';

interface Parts {
  readonly store: ResourceStore;
  readonly count: CountObjects;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** @throws ConfigError */
export function gateOf(
  config: Pick<
    ApiServerConfig,
    'enablePriorityAndFairness' | 'maxRequestsInflight' | 'maxMutatingRequestsInflight'
  >,
  { store, count, metrics: registry, clock, log }: Parts,
): { gate: Gate; tasks: readonly BackgroundTask[]; paths: readonly PathHandler[] } {
  const { maxRequestsInflight: reads, maxMutatingRequestsInflight: writes } = config;
  if (!config.enablePriorityAndFairness)
    return { gate: new Inflight({ reads, writes }), tasks: [], paths: [] };
  const seats = reads + writes;
  if (seats === 0) {
    const flags = '--max-requests-inflight and --max-mutating-requests-inflight';
    throw new ConfigError(`${flags} are both 0: priority and fairness has nothing to share out`);
  }
  const metrics = new FairnessMetrics(registry);
  const onWaited = metrics.waited.bind(metrics);
  const fairness = new Fairness({ seats, clock, onWaited });
  metrics.observe(fairness);
  const controller = new FairnessController({ fairness, store, clock, log });
  const paths = [fairnessDumps(fairness)];
  return { gate: new FairGate(fairness, count), tasks: [controller], paths };
}
