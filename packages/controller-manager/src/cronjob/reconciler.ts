import {
  type CronJob,
  goQuote,
  isAlreadyExists,
  isNotFound,
  type Job,
  type ObjectReference,
} from '@kubets/api';
import type { EventRecorder, Informer, ResourceApi } from '@kubets/client';
import { StaleCacheError } from '../errors.ts';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { INDEX } from '../host/informers.ts';
import { failureText, isNamespaceTerminating } from '../host/pod-control.ts';
import { sameJson } from '../objects/json.ts';
import {
  controllerRefOf,
  createdMs,
  keyOf,
  nameOf,
  namespaceOf,
  parseTime,
  uidOf,
} from '../objects/meta.ts';
import { CRON_JOB_KIND, type CronPlan, decideCronJob } from './decide.ts';
import { isKnownZone, parseSchedule, type Schedule, ScheduleError } from './schedule.ts';

const MISSED_MANY =
  'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
const UNSUPPORTED =
  'not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details';
const HELD = 'Not starting job because prior execution is running and concurrency policy is Forbid';

/** Starts Jobs on their schedule and keeps a few of the ended ones. */
export function cronJobController(deps: ControllerDeps): Controller {
  const loop = new CronLoop(deps);
  const { cronJobs, jobs } = deps.informers;
  return queueController({
    name: 'cronjob-controller',
    queueName: 'cronjob',
    deps,
    needs: [cronJobs, jobs],
    subscribe: (queue) => loop.subscribe(queue),
    reconcile: (key, queue) => loop.reconcile(key, queue),
  });
}

class CronLoop {
  readonly #deps: ControllerDeps;
  readonly #cronJobs: Informer<CronJob>;
  readonly #jobs: Informer<Job>;
  readonly #cronApi: ResourceApi<CronJob>;
  readonly #jobApi: ResourceApi<Job>;
  readonly #events: EventRecorder;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#cronJobs = deps.informers.cronJobs;
    this.#jobs = deps.informers.jobs;
    this.#cronApi = deps.api.resource<CronJob>('batch/v1', 'cronjobs');
    this.#jobApi = deps.api.resource<Job>('batch/v1', 'jobs');
    this.#events = deps.recorder('cronjob-controller');
  }

  subscribe(queue: KeyQueue): (() => void)[] {
    const wake = (job: Job): void => {
      const ref = controllerRefOf(job);
      if (ref?.kind === CRON_JOB_KIND.kind && ref.apiVersion === CRON_JOB_KIND.apiVersion) {
        queue.add(`${namespaceOf(job)}/${ref.name}`);
      }
    };
    return [
      this.#cronJobs.on({
        add: (cronJob) => queue.add(keyOf(cronJob)),
        update: (_old, cronJob) => queue.add(keyOf(cronJob)),
      }),
      this.#jobs.on({ add: wake, update: (_old, job) => wake(job), delete: wake }),
    ];
  }

  async reconcile(key: string, queue: KeyQueue): Promise<void> {
    const cronJob = this.#cronJobs.get(key);
    if (!cronJob?.spec) return;
    const schedule = this.#scheduleOf(cronJob);
    if (!schedule) return;
    const nowMs = this.#deps.clock.now();
    const jobs = this.#jobs.byIndex(INDEX.controller, uidOf(cronJob));
    const plan = decideCronJob({ cronJob, schedule, jobs, nowMs });
    this.#tell(cronJob, plan);
    for (const ref of plan.missing) await this.#noteMissing(cronJob, ref);
    for (const job of plan.remove) await this.#remove(cronJob, job);
    if (plan.create) await this.#create(cronJob, plan.create, plan.status);
    await this.#writeStatus(cronJob, plan);
    if (plan.wakeAtMs !== undefined) queue.addAfter(key, plan.wakeAtMs - nowMs);
  }

  /** A schedule nobody can read waits for its next edit: trying again would not help. */
  #scheduleOf(cronJob: CronJob): Schedule | undefined {
    const { schedule = '', timeZone } = cronJob.spec ?? {};
    const [hasZone, quoted] = [schedule.includes('TZ'), goQuote(schedule)];
    if (hasZone) {
      const message = `CRON_TZ or TZ used in schedule ${quoted} is ${UNSUPPORTED}`;
      this.#event(cronJob, 'Warning', 'UnsupportedSchedule', message);
    }
    const isUnknown = !hasZone && timeZone !== undefined && !isKnownZone(timeZone);
    if (isUnknown) {
      const message = `invalid timeZone: ${goQuote(timeZone)}: unknown time zone ${timeZone}`;
      this.#event(cronJob, 'Warning', 'UnknownTimeZone', message);
    }
    const anchorMs = parseTime(cronJob.status?.lastScheduleTime) || createdMs(cronJob);
    try {
      return parseSchedule(schedule, isUnknown ? undefined : timeZone, anchorMs);
    } catch (error) {
      if (!(error instanceof ScheduleError)) throw error;
      const message = `unparseable schedule: ${quoted} : ${error.message}`;
      this.#event(cronJob, 'Warning', 'UnparseableSchedule', message);
      return undefined;
    }
  }

  /** The name is the run's, so a Job that is there already is this very run. */
  async #create(
    cronJob: CronJob,
    job: Job,
    { lastScheduleTime }: CronPlan['status'],
  ): Promise<void> {
    const { clock, figures } = this.#deps;
    try {
      await this.#jobApi.create(job);
      figures?.cronJobStarted(clock.now() - parseTime(lastScheduleTime));
      this.#event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${nameOf(job)}`);
    } catch (error) {
      if (isAlreadyExists(error) || isNamespaceTerminating(error)) return;
      this.#event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${failureText(error)}`);
      throw error;
    }
  }

  /** Asked of the API itself: the watch on Jobs may be behind the one on CronJobs. */
  async #noteMissing(cronJob: CronJob, ref: ObjectReference): Promise<void> {
    try {
      const job = await this.#jobApi.get(ref.namespace ?? namespaceOf(cronJob), ref.name ?? '');
      if (uidOf(job) === ref.uid) throw new StaleCacheError(`job ${ref.name} is not visible`);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    const message = `Active job went missing: ${ref.name}`;
    this.#event(cronJob, 'Normal', 'MissingJob', message);
  }

  async #remove(cronJob: CronJob, job: Job): Promise<void> {
    try {
      await this.#jobApi.delete(namespaceOf(job), nameOf(job), {
        propagationPolicy: 'Background',
        preconditions: { uid: uidOf(job) },
      });
      this.#event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${nameOf(job)}`);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #writeStatus(cronJob: CronJob, plan: CronPlan): Promise<void> {
    const plain = (status: CronJob['status']): unknown => ({ active: [], ...status });
    if (sameJson(plain(cronJob.status), plain(plan.status))) return;
    try {
      await this.#cronApi.updateStatus({ ...cronJob, status: plan.status });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #tell(cronJob: CronJob, plan: CronPlan): void {
    for (const { name, condition } of plan.ended) {
      const message = `Saw completed job: ${name}, condition: ${condition}`;
      this.#event(cronJob, 'Normal', 'SawCompletedJob', message);
    }
    for (const name of plan.unexpected) {
      const message = `Saw a job that the controller did not create or forgot: ${name}`;
      this.#event(cronJob, 'Warning', 'UnexpectedJob', message);
    }
    if (plan.missedMany) this.#event(cronJob, 'Warning', 'TooManyMissedTimes', MISSED_MANY);
    if (plan.never) this.#event(cronJob, 'Warning', 'InvalidSchedule', plan.never);
    if (plan.missed) this.#event(cronJob, 'Warning', 'MissSchedule', plan.missed);
    if (plan.held) this.#event(cronJob, 'Normal', 'JobAlreadyActive', HELD);
  }

  #event(cronJob: CronJob, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.event({ ...cronJob, ...CRON_JOB_KIND }, type, reason, message);
  }
}
