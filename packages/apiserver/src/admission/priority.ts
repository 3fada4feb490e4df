import { isNotFound, type Pod, type PodSpec, type PriorityClass } from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { concerns, objectAs, oldAs, onceFilled, refuse } from './support.ts';

const PREEMPT = 'PreemptLowerPriority';
const COMPUTED = 'must not be provided in pod spec; priority admission controller computed';
const ORIGIN = 'from the given PriorityClass name';

/** Pods get the number behind their priority class, and cannot pick one themselves. */
export function priority(store: ResourceStore): AdmissionPlugin {
  const classes = store.cache<PriorityClass>(GVR.priorityClasses);

  async function find(name: string): Promise<PriorityClass | undefined> {
    const cached = classes.get('', name);
    if (cached) return cached;
    try {
      return await store.get<PriorityClass>({ ...GVR.priorityClasses, namespace: '', name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function named(a: AdmissionAttributes, name: string): Promise<PriorityClass> {
    const found = await find(name);
    if (!found) throw refuse(a, `no PriorityClass with name ${name} was found`);
    return found;
  }

  function admitNew(a: AdmissionAttributes): Promise<void> | void {
    const { spec } = objectAs<Pod>(a);
    if (!spec) return;
    const name = spec.priorityClassName;
    if (name) return named(a, name).then((chosen) => prioritise(a, spec, chosen));
    return onceFilled(classes, (view) => prioritise(a, spec, globalDefault(view.list())));
  }

  function prioritise(a: AdmissionAttributes, spec: PodSpec, chosen?: PriorityClass): void {
    const value = chosen?.value ?? 0;
    const policy = chosen?.preemptionPolicy ?? PREEMPT;
    if (spec.priority !== undefined && spec.priority !== null && spec.priority !== value) {
      throw refuse(
        a,
        `the integer value of priority (${spec.priority}) ${COMPUTED} ${value} ${ORIGIN}`,
      );
    }
    if (spec.preemptionPolicy && spec.preemptionPolicy !== policy) {
      const given = `the string value of PreemptionPolicy (${spec.preemptionPolicy})`;
      throw refuse(a, `${given} ${COMPUTED} ${policy} ${ORIGIN}`);
    }
    if (chosen && !spec.priorityClassName) spec.priorityClassName = chosen.metadata.name;
    spec.priority = value;
    spec.preemptionPolicy = policy;
  }

  return {
    name: 'Priority',
    only: ['pods', 'priorityclasses'],
    admit(a) {
      if (concerns(a, '', 'pods', 'CREATE')) return admitNew(a);
      if (!concerns(a, '', 'pods', 'UPDATE')) return;
      const { spec } = objectAs<Pod>(a);
      const before = oldAs<Pod>(a).spec;
      if (!spec || !before) return;
      spec.priority ??= before.priority;
      spec.preemptionPolicy ??= before.preemptionPolicy;
    },
    validate(a) {
      if (!concerns(a, 'scheduling.k8s.io', 'priorityclasses', 'CREATE', 'UPDATE')) return;
      const given = objectAs<PriorityClass>(a);
      if (!given.globalDefault) return;
      return onceFilled(classes, (view) => {
        const current = globalDefault(view.list());
        if (!current || current.metadata.name === given.metadata.name) return;
        const text = `PriorityClass ${current.metadata.name} is already marked as default. `;
        throw refuse(a, `${text}Only one default can exist`);
      });
    },
  };
}

/** With several (a race can make them), the one that gives least. */
function globalDefault(classes: readonly PriorityClass[]): PriorityClass | undefined {
  const marked = classes.filter((one) => one.globalDefault === true);
  return marked.sort((a, b) => a.value - b.value)[0];
}
