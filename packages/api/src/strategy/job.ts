/** Jobs: the selector and labels that tie a job's pods to it. */
import type { Job } from '../generated/types.ts';

const MAX_LABEL_VALUE = 63;

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
  // A name that is no label value is about to be refused, for the template's labels alone.
  const fits = name.length <= MAX_LABEL_VALUE;
  if (fits && Object.keys(job.metadata.labels ?? {}).length === 0)
    job.metadata.labels = { ...labels };
  spec.selector ??= {};
  spec.selector.matchLabels ??= {};
  spec.selector.matchLabels['batch.kubernetes.io/controller-uid'] ??= uid;
}
