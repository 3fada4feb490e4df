import type { Container, Job, Pod } from '@kubets/api';
import { MAX_GENERATED_PREFIX } from '../limits.ts';
import { nameOf } from '../objects/meta.ts';
import { podFromTemplate } from '../objects/pods.ts';
import { failureAnnotations, hasLimitPerIndex } from './index-failures.ts';
import { INDEX_ANNOTATION } from './indexes.ts';
import { TRACKING_FINALIZER } from './tally.ts';

export const JOB_KIND = { apiVersion: 'batch/v1', kind: 'Job' } as const;
const INDEX_ENV = 'JOB_COMPLETION_INDEX';

/**
 * The pod of a Job, or of one index of it, perhaps after another one failed. Its end is tracked by a
 * finalizer.
 */
export function jobPod(job: Job, index: number | undefined, replaced?: Pod): Pod {
  const pod = podFromTemplate(job.spec?.template ?? {}, job, JOB_KIND);
  pod.metadata.finalizers = [...(pod.metadata.finalizers ?? []), TRACKING_FINALIZER];
  if (index === undefined || !pod.spec) return pod;
  const text = String(index);
  pod.metadata.generateName = prefixOf(nameOf(job), `-${text}-`);
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [INDEX_ANNOTATION]: text,
    ...(hasLimitPerIndex(job) ? failureAnnotations(job, replaced) : {}),
  };
  pod.metadata.labels = { ...pod.metadata.labels, [INDEX_ANNOTATION]: text };
  pod.spec.hostname = `${nameOf(job)}-${text}`;
  pod.spec.containers = pod.spec.containers.map(withIndex);
  if (pod.spec.initContainers) pod.spec.initContainers = pod.spec.initContainers.map(withIndex);
  return pod;
}

/** The index stays readable in the names of pods, however long the Job's name is. */
function prefixOf(name: string, suffix: string): string {
  return name.slice(0, MAX_GENERATED_PREFIX - suffix.length) + suffix;
}

/** The index reaches the program as an environment variable, read from the label. */
function withIndex(container: Container): Container {
  if (container.env?.some((variable) => variable.name === INDEX_ENV)) return container;
  const fieldPath = `metadata.labels['${INDEX_ANNOTATION}']`;
  const variable = { name: INDEX_ENV, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
  return { ...container, env: [...(container.env ?? []), variable] };
}
