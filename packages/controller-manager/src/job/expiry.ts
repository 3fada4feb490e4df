import { isNotFound, type Job } from '@kubets/api';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { isDeleting, keyOf, nameOf, namespaceOf, parseTime, uidOf } from '../objects/meta.ts';
import { finishedCondition } from './decide.ts';

/** When a Job that has ended is to go, in epoch milliseconds; undefined: not by itself. */
function endMs(job: Job): number | undefined {
  const seconds = job.spec?.ttlSecondsAfterFinished;
  const ended = finishedCondition(job)?.lastTransitionTime;
  if (isDeleting(job) || seconds === undefined || ended === undefined) return undefined;
  return parseTime(ended) + seconds * 1000;
}

/** `ttlSecondsAfterFinished`: the Job, and with it its pods, goes some time after its end, whoever ran it. */
export function jobExpiryController(deps: ControllerDeps): Controller {
  const { jobs } = deps.informers;
  const api = deps.api.resource<Job>('batch/v1', 'jobs');
  return queueController({
    name: 'ttl-after-finished-controller',
    queueName: 'ttl_jobs_to_delete',
    deps,
    needs: [jobs],
    subscribe: (queue) => {
      const look = (job: Job): void => {
        if (endMs(job) !== undefined) queue.add(keyOf(job));
      };
      return [jobs.on({ add: look, update: (_old, job) => look(job) })];
    },
    async reconcile(key, queue) {
      const known = jobs.get(key);
      const nowMs = deps.clock.now();
      const dueMs = known && endMs(known);
      if (known === undefined || dueMs === undefined) return;
      if (dueMs > nowMs) {
        queue.addAfter(key, dueMs - nowMs);
        return;
      }
      try {
        // Asked of the API itself: its time may have been prolonged a moment ago.
        const job = await api.get(namespaceOf(known), nameOf(known));
        const isDue = (endMs(job) ?? Number.POSITIVE_INFINITY) <= nowMs;
        if (uidOf(job) !== uidOf(known) || !isDue) return;
        const preconditions = { uid: uidOf(job) };
        const how = { propagationPolicy: 'Foreground', preconditions } as const;
        await api.delete(namespaceOf(job), nameOf(job), how);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  });
}
