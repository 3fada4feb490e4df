/** What to do next for one pod, from what should be and what is. Pure: the heart of the sync loop. */
import type { Container, Pod } from '@kubets/api';
import type { RuntimeContainer, RuntimePod, RuntimeSandbox } from '../ports.ts';
import {
  ephemeralContainers,
  initContainers,
  isSidecar,
  mainContainers,
  type RestartPolicy,
  restartPolicyOf,
  specOf,
} from './pod.ts';
import { specHash } from './spec-hash.ts';

export type KillReason = 'liveness' | 'startup' | 'changed' | 'stray';

export interface ContainerStart {
  readonly container: Container;
  readonly kind: 'init' | 'sidecar' | 'main' | 'ephemeral';
  /** The newest container of the same name, in any sandbox. */
  readonly previous: RuntimeContainer | undefined;
}

export interface ContainerKill {
  readonly container: Container;
  readonly target: RuntimeContainer;
  readonly reason: KillReason;
}

export type Plan =
  /** Nothing of the pod runs again: stop what still does, then the sandbox. */
  | { readonly kind: 'finish' }
  /** There is no usable sandbox: stop what hangs on the old ones, make a new one, look again. */
  | { readonly kind: 'sandbox'; readonly attempt: number }
  | {
      readonly kind: 'containers';
      readonly sandbox: RuntimeSandbox;
      readonly start: readonly ContainerStart[];
      readonly kill: readonly ContainerKill[];
    };

export interface PlanInput {
  readonly pod: Pod;
  readonly runtime: RuntimePod;
  /** Containers whose liveness or startup probe has given up on them, by container id. */
  readonly unhealthy: ReadonlyMap<string, 'liveness' | 'startup'>;
  /** Whether a running container has passed its startup probe (or has none). */
  readonly started: (containerId: string) => boolean;
}

/** The newest container of a name. */
export function latestOf(runtime: RuntimePod, name: string): RuntimeContainer | undefined {
  return runtime.containers.find((one) => one.name === name);
}

/** The sandbox a pod runs in; undefined when a new one is needed. */
export function usableSandbox(pod: Pod, runtime: RuntimePod): RuntimeSandbox | undefined {
  const [newest] = runtime.sandboxes;
  if (newest === undefined || !newest.ready) return undefined;
  if (runtime.sandboxes.filter((one) => one.ready).length > 1) return undefined;
  const hostNetwork = specOf(pod).hostNetwork ?? false;
  if (newest.hostNetwork !== hostNetwork) return undefined;
  if (!hostNetwork && newest.ips.length === 0) return undefined;
  return newest;
}

/** Does the policy want the container to run, given how its last run went? */
export function wantsRun(policy: RestartPolicy, last: RuntimeContainer | undefined): boolean {
  if (last === undefined || last.phase !== 'exited') return true;
  if (policy === 'Always') return true;
  return policy === 'OnFailure' && last.exitCode !== 0;
}

/** A pod that may run once has done so when a main container ran, or an init container failed. */
function hadItsRun(pod: Pod, runtime: RuntimePod): boolean {
  const mains = new Set(mainContainers(pod).map((one) => one.name));
  return runtime.containers.some(
    (one) => mains.has(one.name) || (one.phase === 'exited' && one.exitCode !== 0),
  );
}

function planWithoutSandbox(pod: Pod, runtime: RuntimePod): Plan {
  const [newest] = runtime.sandboxes;
  const attempt = newest === undefined ? 0 : newest.attempt + 1;
  const policy = restartPolicyOf(pod);
  if (policy === 'Never' && attempt > 0 && hadItsRun(pod, runtime)) return { kind: 'finish' };
  const wanted = mainContainers(pod).some((one) => wantsRun(policy, latestOf(runtime, one.name)));
  return wanted ? { kind: 'sandbox', attempt } : { kind: 'finish' };
}

interface Draft {
  readonly start: ContainerStart[];
  readonly kill: ContainerKill[];
}

type InitVerdict = 'initialized' | 'waiting' | 'failed';

/** Looks after one running container. */
function checkRunning(
  input: PlanInput,
  container: Container,
  target: RuntimeContainer,
): ContainerKill | undefined {
  const unhealthy = input.unhealthy.get(target.id);
  if (unhealthy !== undefined) return { container, target, reason: unhealthy };
  const changed = target.specHash !== '' && target.specHash !== specHash(container);
  return changed ? { container, target, reason: 'changed' } : undefined;
}

/** One init container in its turn. `next`: the following one may go ahead. */
function planInit(
  input: PlanInput,
  container: Container,
  here: RuntimeContainer | undefined,
  draft: Draft,
): 'next' | 'waiting' | 'failed' {
  const previous = here ?? latestOf(input.runtime, container.name);
  const sidecar = isSidecar(container);
  if (here?.phase === 'running') {
    const kill = checkRunning(input, container, here);
    if (kill !== undefined) {
      draft.kill.push(kill);
      return 'waiting';
    }
    return sidecar && input.started(here.id) ? 'next' : 'waiting';
  }
  if (here?.phase === 'exited' && !sidecar) {
    if (here.exitCode === 0) return 'next';
    if (restartPolicyOf(input.pod) === 'Never') return 'failed';
  }
  if (here === undefined && previous?.phase === 'running') {
    // It runs in a sandbox that is gone: two of one name at once would be worse than a moment without.
    draft.kill.push({ container, target: previous, reason: 'stray' });
    return 'waiting';
  }
  draft.start.push({ container, kind: sidecar ? 'sidecar' : 'init', previous });
  return 'waiting';
}

/**
 * Init containers run one after the other, each until it succeeds; sidecars among them until they have started. Only runs in the
 * present sandbox count: a new sandbox initializes again.
 */
function planInits(input: PlanInput, sandbox: RuntimeSandbox, draft: Draft): InitVerdict {
  const inside = input.runtime.containers.filter((one) => one.sandboxId === sandbox.id);
  const mainNames = new Set(mainContainers(input.pod).map((one) => one.name));
  const initialized = inside.some((one) => mainNames.has(one.name));
  for (const container of initContainers(input.pod)) {
    if (initialized && !isSidecar(container)) continue;
    const here = inside.find((one) => one.name === container.name);
    const verdict = planInit(input, container, here, draft);
    if (verdict === 'failed') return 'failed';
    if (verdict === 'waiting' && !initialized) return 'waiting';
  }
  return 'initialized';
}

/** @returns how many main containers run or will run */
function planMains(input: PlanInput, draft: Draft): number {
  const policy = restartPolicyOf(input.pod);
  let alive = 0;
  for (const container of mainContainers(input.pod)) {
    const last = latestOf(input.runtime, container.name);
    if (last?.phase === 'running') {
      alive += 1;
      const kill = checkRunning(input, container, last);
      if (kill !== undefined) draft.kill.push(kill);
    } else if (wantsRun(policy, last)) {
      alive += 1;
      draft.start.push({ container, kind: 'main', previous: last });
    }
  }
  return alive;
}

/** Ephemeral containers start beside the others, once: an end seen by the runtime or told to the API is final. */
function planEphemerals({ pod, runtime }: PlanInput, draft: Draft): void {
  const told = pod.status?.ephemeralContainerStatuses ?? [];
  for (const container of ephemeralContainers(pod)) {
    const previous = latestOf(runtime, container.name);
    if (previous !== undefined && previous.phase !== 'created') continue;
    const state = told.find((one) => one.name === container.name)?.state;
    if (state?.running ?? state?.terminated) continue;
    draft.start.push({ container, kind: 'ephemeral', previous });
  }
}

/** Decides. Called again after every change, so it never looks further than one step. */
export function decide(input: PlanInput): Plan {
  const { pod, runtime } = input;
  const sandbox = usableSandbox(pod, runtime);
  if (sandbox === undefined) return planWithoutSandbox(pod, runtime);
  const draft: Draft = { start: [], kill: [] };
  const inits = planInits(input, sandbox, draft);
  if (inits === 'failed') return { kind: 'finish' };
  if (inits === 'initialized' && planMains(input, draft) === 0) return { kind: 'finish' };
  planEphemerals(input, draft);
  return { kind: 'containers', sandbox, ...draft };
}
