/** The figures of priority and fairness, under the stock names; read when they are asked for. */
import type { Metrics } from '@kubets/platform';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Fairness, Flow, RejectReason } from './fairness.ts';
import type { Level } from './level.ts';

const SECONDS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const PREFIX = 'apiserver_flowcontrol_';

/** Told of waits; give its `waited` to fairness, then fairness to `observe`. */
export class FairnessMetrics {
  readonly #registry: Metrics;
  readonly #waits: Histogram;

  constructor(registry: Metrics) {
    this.#registry = registry;
    this.#waits = new Histogram({
      name: `${PREFIX}request_wait_duration_seconds`,
      help: 'Time requests spent in their queues.',
      labelNames: ['priority_level', 'flow_schema', 'execute'],
      buckets: SECONDS,
      registers: [registry],
    });
  }

  waited(flow: Flow, waitedMs: number, ran: boolean): void {
    const labels = { priority_level: flow.level.config.name, flow_schema: flow.schema.name };
    this.#waits.observe({ ...labels, execute: String(ran) }, waitedMs / 1_000);
  }

  observe(fairness: Fairness): void {
    const registers = [this.#registry];
    const labelNames = ['priority_level', 'flow_schema'];
    const labels = ({ schema, level }: Flow) => ({
      priority_level: level.config.name,
      flow_schema: schema.name,
    });
    new Counter({
      name: `${PREFIX}dispatched_requests_total`,
      help: 'Requests that ran.',
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const flow of fairness.flows) this.inc(labels(flow), flow.dispatched);
      },
    });
    new Counter({
      name: `${PREFIX}rejected_requests_total`,
      help: 'Requests told to come back later.',
      labelNames: [...labelNames, 'reason'],
      registers,
      collect() {
        this.reset();
        for (const flow of fairness.flows) {
          for (const [reason, count] of Object.entries(flow.rejected) as [RejectReason, number][]) {
            if (count > 0) this.inc({ ...labels(flow), reason }, count);
          }
        }
      },
    });
    const gauge = (name: string, help: string, read: (level: Level) => number): Gauge =>
      new Gauge({
        name: `${PREFIX}${name}`,
        help,
        labelNames: ['priority_level'],
        registers,
        collect() {
          this.reset();
          for (const level of fairness.levels) {
            this.set({ priority_level: level.config.name }, read(level));
          }
        },
      });
    const ofFlows = (name: string, help: string, read: (now: Flow['now']) => number): Gauge =>
      new Gauge({
        name: `${PREFIX}${name}`,
        ...{ help, labelNames, registers },
        collect() {
          this.reset();
          for (const flow of fairness.flows) this.set(labels(flow), read(flow.now));
        },
      });
    ofFlows('current_inqueue_requests', 'Requests that wait.', ({ waiting }) => waiting);
    ofFlows('current_executing_requests', 'Requests that run.', ({ executing }) => executing);
    ofFlows('current_executing_seats', 'Seats in use.', ({ seats }) => seats);
    gauge('nominal_limit_seats', 'Seats by the share.', ({ config }) => config.nominal);
    gauge('lower_limit_seats', 'Seats nobody may borrow.', ({ config }) => config.reserved);
    gauge('upper_limit_seats', 'Seats with what may be borrowed.', ({ config }) => config.most);
  }
}
