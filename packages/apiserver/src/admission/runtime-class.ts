import {
  isNotFound,
  type Pod,
  type RuntimeClass,
  semanticEqual,
  type Toleration,
} from '@kubets/api';
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
      if (name === undefined) return;
      const chosen = await find(a, name);
      takeOverhead(a, pod, chosen);
      applyScheduling(a, pod, chosen);
    },
    async validate(a) {
      if (!concerns(a, '', 'pods', 'CREATE')) return;
      const pod = objectAs<Pod>(a);
      const { runtimeClassName: name, overhead } = pod.spec ?? {};
      const chosen = name === undefined ? undefined : await find(a, name);
      if (chosen?.overhead) checkOverhead(a, pod, chosen.overhead);
      else if (overhead) {
        const why =
          'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead';
        throw refuse(a, why);
      }
    },
  };
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
  if (all.length > 0) pod.spec.tolerations = withoutCovered(all);
}

/** Those that no other one makes superfluous; of equal ones the first. */
function withoutCovered(all: readonly Toleration[]): Toleration[] {
  const kept: Toleration[] = [];
  for (const [i, one] of all.entries()) {
    const later = all.slice(i + 1).filter((other) => !semanticEqual(one, other));
    if (![...kept, ...later].some((other) => covers(other, one))) kept.push(one);
  }
  return kept;
}

/** Does the first tolerate whatever the second does? */
function covers(wide: Toleration, narrow: Toleration): boolean {
  if (semanticEqual(wide, narrow)) return true;
  const anyValue = wide.operator === 'Exists';
  if (narrow.key !== wide.key && (wide.key || !anyValue)) return false;
  if (wide.effect && narrow.effect !== wide.effect) return false;
  const most = wide.effect === 'NoExecute' ? wide.tolerationSeconds : undefined;
  const isLonger = narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > (most ?? 0);
  if (most !== undefined && isLonger) return false;
  if (anyValue) return true;
  const isOne = narrow.operator === 'Equal';
  return isOne && (wide.value ?? '') === (narrow.value ?? '');
}
