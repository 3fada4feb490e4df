/** One container's part of the pod status. Pure. */
import type { Container, ContainerState, ContainerStatus, VolumeMountStatus } from '@kubets/api';
import type { RuntimeContainer } from '../ports.ts';
import { isoSeconds } from './time.ts';

/** Why a container that should run does not. */
export interface WaitingReason {
  readonly reason: string;
  readonly message: string;
}

export interface ContainerStatusInput {
  readonly container: Container;
  readonly kind: 'init' | 'sidecar' | 'main' | 'ephemeral';
  /** Runs of this container, newest first. */
  readonly runs: readonly RuntimeContainer[];
  /** What the API says at present. */
  readonly old: ContainerStatus | undefined;
  readonly waiting: WaitingReason | undefined;
  /** The reason shown when nothing else is known. */
  readonly initial: 'ContainerCreating' | 'PodInitializing';
  readonly runtimeName: string;
  /** Passed its startup probe, or has none. */
  readonly started: boolean;
  /** Passes its readiness probe, or has none. */
  readonly passesReadiness: boolean;
}

/** Kinds of container that have probes. */
const startable: ReadonlySet<ContainerStatusInput['kind']> = new Set(['sidecar', 'main']);

const LOST_EXIT_CODE = 137;
const LOST_TEXT = 'The container could not be located when the pod was terminated';

const idText = (runtimeName: string, id: string): string => `${runtimeName}://${id}`;

function terminatedState(run: RuntimeContainer, runtimeName: string): ContainerState {
  const { exitCode, message, reason } = run;
  return {
    terminated: {
      exitCode,
      reason: reason === '' ? (exitCode === 0 ? 'Completed' : 'Error') : reason,
      ...(message === '' ? {} : { message }),
      startedAt: isoSeconds(run.startedAtMs === 0 ? run.createdAtMs : run.startedAtMs),
      finishedAt: isoSeconds(run.finishedAtMs),
      containerID: idText(runtimeName, run.id),
    },
  };
}

/** The state of a container the runtime has forgotten although the API saw it run. */
export function lostState(): ContainerState {
  const terminated = { exitCode: LOST_EXIT_CODE, reason: 'ContainerStatusUnknown' };
  return { terminated: { ...terminated, message: LOST_TEXT } };
}

function waitingState(waiting: WaitingReason): ContainerState {
  const { reason, message } = waiting;
  return { waiting: message === '' ? { reason } : { reason, message } };
}

/** How the container's volumes are mounted. What is mounted below a read-only volume is not made read-only with it. */
function volumeMounts({ volumeMounts: mounts = [] }: Container): Partial<ContainerStatus> {
  if (mounts.length === 0) return {};
  const shown = mounts.map(({ name, mountPath, readOnly }): VolumeMountStatus => {
    const base = { name, mountPath };
    return readOnly ? { ...base, readOnly, recursiveReadOnly: 'Disabled' } : base;
  });
  return { volumeMounts: shown };
}

/** No run is known to the runtime. */
function statusWithoutRun(input: ContainerStatusInput): ContainerStatus {
  const { container, old, waiting, initial } = input;
  const base = { name: container.name, image: container.image ?? '', imageID: '' };
  if (old?.state?.terminated !== undefined && waiting === undefined) {
    return { ...old, ready: input.kind === 'init' && old.state.terminated.exitCode === 0 };
  }
  const lost = old?.state?.running !== undefined;
  const lastState = lost ? lostState() : (old?.state?.terminated && old.state) || old?.lastState;
  return {
    ...base,
    ready: false,
    started: false,
    restartCount: (old?.restartCount ?? 0) + (lost ? 1 : 0),
    state: waitingState(waiting ?? { reason: initial, message: '' }),
    lastState: lastState ?? {},
    ...volumeMounts(container),
  };
}

function stateOf(input: ContainerStatusInput, run: RuntimeContainer): ContainerState {
  if (run.phase === 'running') return { running: { startedAt: isoSeconds(run.startedAtMs) } };
  if (input.waiting !== undefined) return waitingState(input.waiting);
  if (run.phase === 'exited') return terminatedState(run, input.runtimeName);
  return waitingState({ reason: input.initial, message: '' });
}

/** The end of the run before the one that `state` shows. */
function lastStateOf(input: ContainerStatusInput, state: ContainerState): ContainerState {
  const [newest, ...older] = input.runs;
  const shown = state.waiting !== undefined && newest?.phase === 'exited' ? newest : undefined;
  const before = shown ?? older.find((run) => run.phase === 'exited');
  if (before !== undefined) return terminatedState(before, input.runtimeName);
  return input.old?.lastState ?? {};
}

function isReady(input: ContainerStatusInput, run: RuntimeContainer): boolean {
  if (input.kind === 'ephemeral') return false;
  if (input.kind === 'init') return run.phase === 'exited' && run.exitCode === 0;
  return run.phase === 'running' && input.started && input.passesReadiness;
}

/** What `kubectl` shows of one container. */
export function containerStatus(input: ContainerStatusInput): ContainerStatus {
  const [run] = input.runs;
  if (run === undefined) return statusWithoutRun(input);
  const { container, runtimeName } = input;
  const state = stateOf(input, run);
  return {
    name: container.name,
    image: run.image === '' ? (container.image ?? '') : run.image,
    imageID: run.imageId,
    containerID: idText(runtimeName, run.id),
    restartCount: run.attempt,
    ready: isReady(input, run),
    started: run.phase === 'running' && startable.has(input.kind) ? input.started : false,
    state,
    lastState: lastStateOf(input, state),
    ...volumeMounts(container),
  };
}
