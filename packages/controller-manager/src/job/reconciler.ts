import {
  isNotFound,
  type Job,
  type JobStatus,
  labelSelectorOf,
  matchesLabels,
  type Pod,
} from '@kubets/api';
import type { EventRecorder, Informer, ResourceApi } from '@kubets/client';
import { claim } from '../host/claims.ts';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { Expectations } from '../host/expectations.ts';
import type { JobAction } from '../host/figures.ts';
import { INDEX } from '../host/informers.ts';
import { OwnWrites } from '../host/own-writes.ts';
import { isNamespaceTerminating, PodControl } from '../host/pod-control.ts';
import { forEachLimit, slowStart } from '../host/slow-start.ts';
import { EXPECTATION_TIMEOUT_MS, JOB_FINALIZER_CONCURRENCY, REPLICA_BURST } from '../limits.ts';
import { sameJson } from '../objects/json.ts';
import {
  controllerRefOf,
  isDeleting,
  keyOf,
  labelsOf,
  nameOf,
  namespaceOf,
  splitKey,
  uidOf,
} from '../objects/meta.ts';
import { decideJob, type JobPlan } from './decide.ts';
import { JOB_KIND, jobPod } from './pod.ts';
import { isTracked, TRACKING_FINALIZER } from './tally.ts';

/** Runs Jobs to their end. */
export function jobController(deps: ControllerDeps): Controller {
  const loop = new JobLoop(deps);
  const { jobs, pods } = deps.informers;
  return queueController({
    name: 'job-controller',
    queueName: 'job',
    deps,
    needs: [jobs, pods],
    subscribe: (queue) => loop.subscribe(queue),
    reconcile: (key, queue) => loop.reconcile(key, queue),
  });
}

class JobLoop {
  readonly #deps: ControllerDeps;
  readonly #jobs: Informer<Job>;
  readonly #pods: Informer<Pod>;
  readonly #jobApi: ResourceApi<Job>;
  readonly #podApi: ResourceApi<Pod>;
  readonly #events: EventRecorder;
  readonly #control: PodControl;
  readonly #expectations: Expectations;
  readonly #writes: OwnWrites;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#jobs = deps.informers.jobs;
    this.#pods = deps.informers.pods;
    this.#jobApi = deps.api.resource<Job>('batch/v1', 'jobs');
    this.#podApi = deps.api.resource<Pod>('v1', 'pods');
    this.#events = deps.recorder('job-controller');
    this.#control = new PodControl(this.#podApi, this.#events);
    this.#expectations = new Expectations(deps.clock);
    this.#writes = new OwnWrites(deps.clock);
  }

  subscribe(queue: KeyQueue): (() => void)[] {
    const enqueue = (job: Job): void => queue.add(keyOf(job));
    const wake = (pod: Pod): string | undefined => {
      const ref = controllerRefOf(pod);
      if (!ref) this.#wakeSelecting(pod, queue);
      if (ref?.kind !== 'Job' || ref.apiVersion !== JOB_KIND.apiVersion) return undefined;
      const key = `${namespaceOf(pod)}/${ref.name}`;
      queue.add(key);
      return key;
    };
    const offJobs = this.#jobs.on({
      add: enqueue,
      update: (_old, job) => enqueue(job),
      delete: enqueue,
    });
    const offPods = this.#pods.on({
      add: (pod) => {
        const key = wake(pod);
        if (key !== undefined) this.#expectations.created(key);
      },
      update: (_old, pod) => {
        const key = wake(pod);
        if (key !== undefined && isDeleting(pod)) this.#expectations.deleted(key, uidOf(pod));
      },
      delete: (pod) => {
        const key = wake(pod);
        if (key !== undefined) this.#expectations.deleted(key, uidOf(pod));
      },
    });
    return [offJobs, offPods];
  }

  /** An orphan wakes every Job that would take it. */
  #wakeSelecting(pod: Pod, queue: KeyQueue): void {
    for (const job of this.#jobs.byIndex(INDEX.namespace, namespaceOf(pod))) {
      if (selects(job, pod)) queue.add(keyOf(job));
    }
  }

  async reconcile(key: string, queue: KeyQueue): Promise<void> {
    const { figures, clock } = this.#deps;
    const job = this.#jobs.get(key);
    const startMs = clock.monotonicMs();
    let [action, ok]: [JobAction, boolean] = ['reconciling', false];
    try {
      action = await this.#reconcile(key, queue);
      ok = true;
    } finally {
      const tookMs = clock.monotonicMs() - startMs;
      if (job) figures?.jobLookedAt(job, { action, ok, tookMs });
    }
  }

  /** @returns what it came to */
  async #reconcile(key: string, queue: KeyQueue): Promise<JobAction> {
    const job = this.#jobs.get(key);
    if (!job || isDeleting(job)) {
      if (!job) {
        this.#expectations.forget(key);
        this.#writes.forget(key);
      }
      await this.#releaseOrphans(key, job);
      return 'reconciling';
    }
    if (isManagedElsewhere(job)) return 'reconciling';
    // A status older than the pods would miss ends that were noted in it and released since.
    if (!this.#writes.areVisible(key, () => job)) {
      queue.addAfter(key, EXPECTATION_TIMEOUT_MS + 1000);
      return 'reconciling';
    }
    const pods = await this.#claimPods(job);
    const plan = decideJob({ job, pods, nowMs: this.#deps.clock.now() });
    await this.#writeStatus(job, plan.status);
    // Only what the API holds may be forgotten: then the pods can go.
    await this.#release(plan.release);
    const mayManage = this.#expectations.satisfied(key);
    if (mayManage) await this.#managePods(job, plan);
    if (plan.wakeAtMs !== undefined) {
      queue.addAfter(key, Math.max(1, plan.wakeAtMs - this.#deps.clock.now()));
    }
    if (mayManage && plan.remove.length > 0) return 'pods_deleted';
    if (mayManage && plan.create.length > 0) return 'pods_created';
    return plan.release.length > 0 ? 'tracking' : 'reconciling';
  }

  async #claimPods(job: Job): Promise<Pod[]> {
    return claim<Job, Pod>({
      owner: job,
      kind: JOB_KIND,
      candidates: [
        ...this.#pods.byIndex(INDEX.controller, uidOf(job)),
        ...this.#pods.byIndex(INDEX.orphans, namespaceOf(job)),
      ],
      selects: (pod) => selects(job, pod),
      owners: this.#jobApi,
      objects: this.#podApi,
      finalizer: TRACKING_FINALIZER,
    });
  }

  async #writeStatus(job: Job, status: JobStatus): Promise<void> {
    if (sameJson(plain(job.status ?? {}), plain(status))) return;
    const stored = await this.#jobApi.updateStatus({ ...job, status });
    this.#writes.wrote(keyOf(job), stored);
    this.#deps.figures?.jobNoted(job, status);
    this.#tell(job, status);
  }

  #tell(job: Job, status: JobStatus): void {
    const regarding = { ...job, ...JOB_KIND };
    const before = job.status?.conditions ?? [];
    for (const c of status.conditions ?? []) {
      const known = before.find((b) => b.type === c.type && b.status === c.status);
      if (known) continue;
      if (c.type === 'Complete') {
        this.#events.event(regarding, 'Normal', 'Completed', 'Job completed');
      } else if (c.type === 'Failed') {
        this.#events.event(regarding, 'Warning', c.reason ?? 'Failed', c.message ?? '');
      } else if (c.type === 'Suspended') {
        const reason = c.status === 'True' ? 'Suspended' : 'Resumed';
        this.#events.event(regarding, 'Normal', reason, c.message ?? '');
      }
    }
  }

  async #managePods(job: Job, plan: JobPlan): Promise<void> {
    const key = keyOf(job);
    if (plan.remove.length > 0) {
      this.#expectations.expectDeletions(key, plan.remove.map(uidOf));
      const failures = await forEachLimit(plan.remove, JOB_FINALIZER_CONCURRENCY, async (pod) => {
        try {
          // Without the finalizer first: a pod we give up on purpose is no failure of the Job.
          await this.#dropFinalizer(pod);
          await this.#control.delete(job, JOB_KIND, pod);
        } catch (error) {
          this.#expectations.deleted(key, uidOf(pod));
          throw error;
        }
      });
      if (failures.length > 0) throw failures[0];
    }
    const wanted = plan.create.slice(0, REPLICA_BURST);
    if (wanted.length === 0) return;
    this.#expectations.expectCreations(key, wanted.length);
    let next = 0;
    const { succeeded, error } = await slowStart(wanted.length, async () => {
      const index = wanted[next++];
      const replaced = index === undefined ? undefined : plan.replaces.get(index);
      await this.#control.createPod(job, JOB_KIND, jobPod(job, index, replaced));
    });
    this.#expectations.created(key, wanted.length - succeeded);
    if (error !== undefined && !isNamespaceTerminating(error)) throw error;
  }

  async #release(pods: readonly Pod[]): Promise<void> {
    const tracked = pods.filter(isTracked);
    const failures = await forEachLimit(tracked, JOB_FINALIZER_CONCURRENCY, (pod) =>
      this.#dropFinalizer(pod),
    );
    if (failures.length > 0) throw failures[0];
  }

  /** Pods of a Job that is gone, or going, are tracked for nobody. */
  async #releaseOrphans(key: string, job: Job | undefined): Promise<void> {
    const { namespace, name } = splitKey(key);
    const orphans = this.#pods.byIndex(INDEX.namespace, namespace).filter((pod) => {
      const ref = controllerRefOf(pod);
      const isOfName = ref?.kind === 'Job' && ref.name === name;
      return isOfName && (job === undefined || ref.uid === uidOf(job));
    });
    await this.#release(orphans);
  }

  async #dropFinalizer(pod: Pod): Promise<void> {
    if (!isTracked(pod)) return;
    const finalizers = (pod.metadata.finalizers ?? []).filter((f) => f !== TRACKING_FINALIZER);
    const { uid, resourceVersion } = pod.metadata;
    const body = { metadata: { uid, resourceVersion, finalizers } };
    try {
      await this.#podApi.patch(namespaceOf(pod), nameOf(pod), 'merge', body);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** By labels; without a selector, which only servers without defaults let pass, what it made. */
function selects(job: Job, pod: Pod): boolean {
  const { selector } = job.spec ?? {};
  if (selector === undefined) return controllerRefOf(pod)?.uid === uidOf(job);
  return matchesLabels(labelSelectorOf(selector), labelsOf(pod));
}

/** Another controller said that this Job is its own. */
function isManagedElsewhere(job: Job): boolean {
  const manager = job.spec?.managedBy;
  return manager !== undefined && manager !== 'kubernetes.io/job-controller';
}

/** Zero counts and empty lists may be left out by the server. */
function plain(status: JobStatus): unknown {
  const { uncountedTerminatedPods: noted, ...rest } = status;
  const isEmpty = (value: unknown): boolean =>
    value === 0 || value === '' || (Array.isArray(value) && value.length === 0);
  const kept = Object.entries(rest).filter(([, value]) => !isEmpty(value));
  const { succeeded = [], failed = [] } = noted ?? {};
  return { ...Object.fromEntries(kept), noted: [succeeded, failed] };
}
