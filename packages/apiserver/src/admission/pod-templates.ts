import type { ObjectMeta, PodSpec, PodTemplateSpec } from '@kubets/api';
import type { AdmissionAttributes } from '../ports.ts';

/** A pod spec inside an object, and the path messages show for it. */
export interface FoundPodSpec {
  readonly spec: PodSpec;
  readonly metadata?: ObjectMeta | undefined;
  readonly path: string;
}

type Templated = { spec?: { template?: PodTemplateSpec } };
type CronJobLike = { spec?: { jobTemplate?: Templated } };
type PodTemplateLike = { template?: PodTemplateSpec };

const fromTemplate = (object: Templated): PodTemplateSpec | undefined => object.spec?.template;

/** Kinds that make pods, with where their template is. */
const TEMPLATES: Readonly<
  Record<string, { path: string; find(object: object): PodTemplateSpec | undefined }>
> = {
  '/podtemplates': { path: 'template.spec', find: (o: PodTemplateLike) => o.template },
  '/replicationcontrollers': { path: 'spec.template.spec', find: fromTemplate },
  'apps/daemonsets': { path: 'spec.template.spec', find: fromTemplate },
  'apps/deployments': { path: 'spec.template.spec', find: fromTemplate },
  'apps/replicasets': { path: 'spec.template.spec', find: fromTemplate },
  'apps/statefulsets': { path: 'spec.template.spec', find: fromTemplate },
  'batch/jobs': { path: 'spec.template.spec', find: fromTemplate },
  'batch/cronjobs': {
    path: 'spec.jobTemplate.spec.template.spec',
    find: (o: CronJobLike) => o.spec?.jobTemplate && fromTemplate(o.spec.jobTemplate),
  },
};

/** The pod spec of what is written: a pod's own, or that of a template. Undefined for other kinds. */
export function podSpecOf(a: AdmissionAttributes): FoundPodSpec | undefined {
  if (a.subresource !== '' || !a.object) return undefined;
  if (a.resource.group === '' && a.resource.resource === 'pods') {
    const { spec, metadata } = a.object as { spec?: PodSpec; metadata: ObjectMeta };
    return spec && { spec, metadata, path: 'spec' };
  }
  const known = TEMPLATES[`${a.resource.group}/${a.resource.resource}`];
  const template = known?.find(a.object);
  const spec = template?.spec;
  return known && spec && { spec, metadata: template.metadata, path: known.path };
}
