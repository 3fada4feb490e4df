/** What control loops count beside their queues, under the stock names: those a stock controller-manager promises to keep. */
import type { Job } from '@kubets/api';
import {
  CounterTable,
  exponentialBounds,
  type FamilyRegistry,
  HistogramTable,
} from '@kubets/platform';

const MS_PER_S = 1_000;

/** What a look at a Job came to. */
export type JobAction = 'reconciling' | 'tracking' | 'pods_created' | 'pods_deleted';

const modeOf = (job: Job): string => job.spec?.completionMode ?? 'NonIndexed';

export class ControllerFigures {
  readonly #syncs;
  readonly #syncTook;
  readonly #finished;
  readonly #pods;
  readonly #skew;
  readonly #evictions;

  constructor(registry: FamilyRegistry) {
    const table = <const L extends readonly string[]>(name: string, help: string, labels: L) => ({
      ...{ registry, name, help, labels },
    });
    const sync = ['completion_mode', 'result', 'action'] as const;
    this.#syncs = new CounterTable(
      table('job_controller_job_syncs_total', 'Looks at Jobs, by what came of them.', sync),
    );
    this.#syncTook = new HistogramTable({
      ...table('job_controller_job_sync_duration_seconds', 'Time of a look at a Job.', sync),
      bounds: exponentialBounds(0.004, 2, 15),
    });
    this.#finished = new CounterTable(
      table('job_controller_jobs_finished_total', 'Jobs that came to their end.', [
        ...(['completion_mode', 'result', 'reason'] as const),
      ] as const),
    );
    this.#pods = new CounterTable(
      table('job_controller_job_pods_finished_total', 'Ends of pods that were noted in Jobs.', [
        ...(['completion_mode', 'result'] as const),
      ] as const),
    );
    this.#skew = new HistogramTable({
      ...table(
        'cronjob_controller_job_creation_skew_duration_seconds',
        'Time from when a run was due until its Job was created.',
        [] as const,
      ),
      bounds: exponentialBounds(1, 2, 10),
    });
    this.#evictions = new CounterTable(
      table('node_collector_evictions_total', 'Nodes whose pods were told to go.', [
        'zone',
      ] as const),
    );
  }

  jobLookedAt(job: Job, o: { action: JobAction; ok: boolean; tookMs: number }): void {
    const labels = [modeOf(job), o.ok ? 'success' : 'error', o.action] as const;
    this.#syncs.at(...labels).inc();
    this.#syncTook.at(...labels).observe(o.tookMs / MS_PER_S);
  }

  /** A status was stored. @param before the Job as it was until then */
  jobNoted(before: Job, now: Job['status']): void {
    const mode = modeOf(before);
    const isTrue = (status: Job['status'], type: string) =>
      status?.conditions?.find((one) => one.type === type && one.status === 'True');
    for (const [type, result] of [
      ['Complete', 'succeeded'],
      ['Failed', 'failed'],
    ] as const) {
      const more = (now?.[result] ?? 0) - (before.status?.[result] ?? 0);
      if (more > 0) this.#pods.at(mode, result).inc(more);
      const end = isTrue(now, type);
      if (end === undefined || isTrue(before.status, type) !== undefined) continue;
      this.#finished.at(mode, result, end.reason ?? '').inc();
    }
  }

  cronJobStarted(lateMs: number): void {
    this.#skew.at().observe(Math.max(0, lateMs) / MS_PER_S);
  }

  nodeEvicted(zone: string): void {
    this.#evictions.at(zone).inc();
  }
}
