/** Eviction: a delete that disruption budgets may refuse. */
import {
  type ApiError,
  badRequest,
  isConflict,
  isNotFound,
  type KindDef,
  type KubeObject,
  labelSelectorOf,
  matchesLabels,
  tooManyRequests,
  unclassified,
} from '@kubets/api';
import { objectOf } from '../cache/entry.ts';
import { SUCCESS_CREATED } from './binding.ts';
import { admissionOf, type RegistryDeps, type Target, type WriteContext } from './context.ts';
import { deleteObject } from './delete.ts';
import type { DeleteOptions } from './delete-options.ts';
import { getObject, listObjects } from './read.ts';
import { rfc3339 } from './time.ts';
import { updateObject } from './update.ts';

interface Eviction extends KubeObject {
  deleteOptions?: DeleteOptions & { dryRun?: string[] };
}

interface Pod extends KubeObject {
  status?: { phase?: string; conditions?: { type: string; status: string }[] };
}

interface Budget extends KubeObject {
  spec: {
    selector?: Parameters<typeof labelSelectorOf>[0];
    unhealthyPodEvictionPolicy?: string;
  };
  status?: {
    observedGeneration?: number;
    disruptionsAllowed?: number;
    currentHealthy?: number;
    desiredHealthy?: number;
    disruptedPods?: Record<string, string>;
    conditions?: object[];
  };
}

const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget.";
const RETRY_SECONDS = 10;
/** Evicted pods a budget may remember before its controller has seen them. */
const MAX_DISRUPTED = 2_000;

/** @throws ApiError TooManyRequests when a budget has no disruption left */
export async function evictPod(
  deps: RegistryDeps,
  target: Target,
  eviction: KubeObject,
  ctx: WriteContext,
): Promise<KubeObject> {
  const { metadata, deleteOptions = {} } = eviction as Eviction;
  if ((metadata.name ?? '') !== target.name) {
    throw badRequest('name in URL does not match name in Eviction object');
  }
  const dryRun = ctx.dryRun || (deleteOptions.dryRun ?? []).length > 0;
  const podTarget = { ...target, subresource: '' };
  const scope = { ...ctx, dryRun };
  const objects = { object: eviction, oldObject: undefined };
  await deps.admission.admit(admissionOf(target, 'CREATE', objects, scope));
  await deps.admission.validate(admissionOf(target, 'CREATE', objects, scope));
  const pod = objectOf(await getObject(deps, podTarget)) as Pod;
  if (!needsNoBudget(pod)) await spendBudget(deps, podTarget, pod, scope);
  await markDisrupted(deps, podTarget, scope);
  await deleteObject(deps, podTarget, deleteOptions, scope, { isAdmitted: true });
  return SUCCESS_CREATED;
}

/** Pods that have ended, have not begun, or are going anyway disturb nobody. */
function needsNoBudget(pod: Pod): boolean {
  const phase = pod.status?.phase;
  if (pod.metadata.deletionTimestamp !== undefined) return true;
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending';
}

async function spendBudget(
  deps: RegistryDeps,
  target: Target,
  pod: Pod,
  ctx: WriteContext,
): Promise<void> {
  const budgets = await budgetsOf(deps, target, pod);
  if (budgets.length > 1) {
    throw unclassified(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  const [budget] = budgets;
  if (budget === undefined || toleratesUnhealthy(budget.object, pod)) return;
  const place = {
    def: budget.def,
    namespace: target.namespace,
    name: budget.object.metadata.name ?? '',
    subresource: 'status',
  };
  try {
    const spend = (old: KubeObject): KubeObject => spent(deps, old as Budget, target.name);
    await updateObject(deps, place, spend, { ...ctx, fieldManager: 'kube-apiserver' });
  } catch (error) {
    if (isConflict(error)) throw tooManyRequests(REFUSED, RETRY_SECONDS);
    if (!isNotFound(error)) throw error;
  }
}

async function budgetsOf(
  deps: RegistryDeps,
  target: Target,
  pod: Pod,
): Promise<{ def: KindDef; object: Budget }[]> {
  const gvr = { group: 'policy', version: 'v1', resource: 'poddisruptionbudgets' };
  const def = deps.kinds.forResource(gvr);
  if (def === undefined) return [];
  const { namespace } = target;
  const list = await listObjects(deps, { def, namespace, name: '', subresource: '' }, {});
  return list.entries
    .map((entry) => ({ def, object: objectOf(entry) as Budget }))
    .filter(({ object }) =>
      matchesLabels(labelSelectorOf(object.spec.selector), pod.metadata.labels ?? {}),
    );
}

/** A pod that is not ready may go while enough others are, or always if the budget says so. */
function toleratesUnhealthy(budget: Budget, pod: Pod): boolean {
  const ready = pod.status?.conditions?.find((each) => each.type === 'Ready');
  if (ready?.status === 'True') return false;
  if (budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

/** The budget after one more disruption. */
function spent(deps: RegistryDeps, budget: Budget, podName: string): Budget {
  const { name = '', generation = 0 } = budget.metadata;
  const status = budget.status ?? {};
  const { observedGeneration = 0, disruptionsAllowed = 0 } = status;
  if (observedGeneration < generation) {
    const message = `The disruption budget ${name} is still being processed by the server.`;
    throw tooManyRequests(REFUSED, RETRY_SECONDS, [{ reason: 'DisruptionBudget', message }]);
  }
  if (disruptionsAllowed <= 0) {
    const { desiredHealthy = 0, currentHealthy = 0 } = status;
    const message = `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
    throw refusedForGood([{ reason: 'DisruptionBudget', message }]);
  }
  const disruptedPods = { ...status.disruptedPods };
  if (Object.keys(disruptedPods).length >= MAX_DISRUPTED) {
    throw tooManyRequests(REFUSED, RETRY_SECONDS);
  }
  const now = rfc3339(deps.clock.now());
  disruptedPods[podName] = now;
  budget.status = { ...status, disruptionsAllowed: disruptionsAllowed - 1, disruptedPods };
  if (disruptionsAllowed === 1) budget.status.conditions = [noneLeft(generation, now)];
  return budget;
}

function noneLeft(observedGeneration: number, lastTransitionTime: string): object {
  const reason = 'InsufficientPods';
  const common = { type: 'DisruptionAllowed', status: 'False', message: '' };
  return { ...common, observedGeneration, lastTransitionTime, reason };
}

/** Says on the pod itself why it goes, for whoever replaces it. */
async function markDisrupted(deps: RegistryDeps, target: Target, ctx: WriteContext): Promise<void> {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: rfc3339(deps.clock.now()),
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  const mark = (old: KubeObject): KubeObject => {
    const pod = old as Pod;
    const others = (pod.status?.conditions ?? []).filter((each) => each.type !== condition.type);
    pod.status = { ...pod.status, conditions: [...others, condition] };
    return pod;
  };
  await updateObject(deps, { ...target, subresource: 'status' }, mark, ctx, { trusted: true });
}

/** As {@link tooManyRequests}, without an invitation to try again soon. */
function refusedForGood(causes: { reason: string; message: string }[]): ApiError {
  const error = tooManyRequests(REFUSED, 0, causes);
  error.status.details = { causes };
  return error;
}
