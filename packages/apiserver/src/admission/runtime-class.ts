import { isNotFound, type Pod, type RuntimeClass } from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { mergedTolerations } from './merged-tolerations.ts';
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
    admit(a) {
      if (!concerns(a, '', 'pods', 'CREATE')) return;
      const pod = objectAs<Pod>(a);
      const name = pod.spec?.runtimeClassName;
      return name === undefined ? undefined : take(a, pod, name);
    },
    validate(a) {
      if (!concerns(a, '', 'pods', 'CREATE')) return;
      const pod = objectAs<Pod>(a);
      const name = pod.spec?.runtimeClassName;
      if (name === undefined) return checkClass(a, pod);
      return find(a, name).then((chosen) => checkClass(a, pod, chosen));
    },
  };

  async function take(a: AdmissionAttributes, pod: Pod, name: string): Promise<void> {
    const chosen = await find(a, name);
    takeOverhead(a, pod, chosen);
    applyScheduling(a, pod, chosen);
  }
}

function checkClass(a: AdmissionAttributes, pod: Pod, chosen?: RuntimeClass): void {
  if (chosen?.overhead) checkOverhead(a, pod, chosen.overhead);
  else if (pod.spec?.overhead) {
    const why =
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead';
    throw refuse(a, why);
  }
}

type Overhead = NonNullable<RuntimeClass['overhead']>;

/** Is what the pod costs what its class says? */
function checkOverhead(a: AdmissionAttributes, pod: Pod, { podFixed = {} }: Overhead): void {
  const given = pod.spec?.overhead ?? {};
  if (JSON.stringify(sorted(given)) === JSON.stringify(sorted(podFixed))) return;
  const why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
  throw refuse(a, why);
}

function takeOverhead(a: AdmissionAttributes, pod: Pod, { overhead }: RuntimeClass): void {
  if (!overhead || !pod.spec) return;
  if (pod.spec.overhead) checkOverhead(a, pod, overhead);
  if (overhead.podFixed) pod.spec.overhead = { ...overhead.podFixed };
}

const sorted = (map: object): [string, unknown][] =>
  Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));

function applyScheduling(a: AdmissionAttributes, pod: Pod, chosen: RuntimeClass): void {
  const { scheduling } = chosen;
  if (!scheduling || !pod.spec) return;
  const selector = { ...scheduling.nodeSelector };
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {})) {
    if (selector[key] !== undefined && selector[key] !== value) {
      const other = `runtimeClass.scheduling.nodeSelector[${key}] = ${selector[key]}`;
      throw refuse(a, `conflict: ${other}; pod.spec.nodeSelector[${key}] = ${value}`);
    }
    selector[key] = value;
  }
  if (Object.keys(selector).length > 0) pod.spec.nodeSelector = selector;
  const all = [...(pod.spec.tolerations ?? []), ...(scheduling.tolerations ?? [])];
  if (all.length > 0) pod.spec.tolerations = mergedTolerations(all);
}
