import { isNotFound, type Pod, type RuntimeClass } from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { concerns, objectAs, refuse } from './support.ts';

/** Pods take over what their runtime class costs and where it runs; nobody sets an overhead by hand. */
export function runtimeClass(store: ResourceStore): AdmissionPlugin {
  const classes = store.cache<RuntimeClass>(GVR.runtimeClasses);

  async function find(a: AdmissionAttributes, name: string): Promise<RuntimeClass> {
    const cached = classes.get('', name);
    if (cached) return cached;
    try {
      return await store.get<RuntimeClass>({ ...GVR.runtimeClasses, namespace: '', name });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      throw refuse(a, `pod rejected: RuntimeClass "${name}" not found`);
    }
  }

  return {
    name: 'RuntimeClass',
    only: ['pods'],
    async admit(a) {
      if (!concerns(a, '', 'pods', 'CREATE')) return;
      const pod = objectAs<Pod>(a);
      const name = pod.spec?.runtimeClassName;
      const chosen = name ? await find(a, name) : undefined;
      checkOverhead(a, pod, chosen);
      if (chosen) applyScheduling(a, pod, chosen);
    },
  };
}

function checkOverhead(a: AdmissionAttributes, pod: Pod, chosen: RuntimeClass | undefined): void {
  const fixed = chosen?.overhead?.podFixed;
  const given = pod.spec?.overhead;
  if (given && !fixed) {
    const why =
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead';
    throw refuse(a, why);
  }
  if (!fixed || !pod.spec) return;
  if (given && JSON.stringify(sorted(given)) !== JSON.stringify(sorted(fixed))) {
    const why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
    throw refuse(a, why);
  }
  pod.spec.overhead = { ...fixed };
}

const sorted = (map: object): [string, unknown][] =>
  Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));

function applyScheduling(a: AdmissionAttributes, pod: Pod, chosen: RuntimeClass): void {
  const { scheduling } = chosen;
  if (!scheduling || !pod.spec) return;
  const selector = { ...scheduling.nodeSelector };
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {})) {
    if (selector[key] !== undefined && selector[key] !== value) {
      const other = `RuntimeClass scheduling.nodeSelector`;
      throw refuse(
        a,
        `conflict: ${other}[${key}] = ${selector[key]}; pod.spec.nodeSelector[${key}] = ${value}`,
      );
    }
    selector[key] = value;
  }
  if (Object.keys(selector).length > 0) pod.spec.nodeSelector = selector;
  const tolerations = [...(pod.spec.tolerations ?? []), ...(scheduling.tolerations ?? [])];
  if (tolerations.length > 0) pod.spec.tolerations = tolerations;
}
