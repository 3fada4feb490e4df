/** Jobs: the selector and labels that tie a job's pods to it. */
import type { Job } from '../generated/types.ts';

/** Adds the generated selector unless the author manages it; needs `metadata.uid` and `name`. */
export function generateJobSelector(job: Job): void {
  const spec = job.spec;
  if (!spec?.template || spec.manualSelector) return;
  const uid = job.metadata.uid ?? '';
  const name = job.metadata.name ?? '';
  spec.template.metadata ??= {};
  spec.template.metadata.labels ??= {};
  const labels = spec.template.metadata.labels;
  for (const key of ['controller-uid', 'batch.kubernetes.io/controller-uid']) labels[key] ??= uid;
  for (const key of ['job-name', 'batch.kubernetes.io/job-name']) labels[key] ??= name;
  spec.selector ??= {};
  spec.selector.matchLabels ??= {};
  spec.selector.matchLabels['batch.kubernetes.io/controller-uid'] ??= uid;
}
