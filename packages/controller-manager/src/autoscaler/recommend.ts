/** How fast a count of pods may follow what is wanted (podautoscaler/horizontal.go). Pure. */
import type {
  HorizontalPodAutoscalerBehavior,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
} from '@kubets/api';

const MIN_SCALE_UP = 4;
const SCALE_UP_FACTOR = 2;

/** What was wanted, or done, at a time. */
export interface Noted {
  readonly replicas: number;
  readonly atMs: number;
}

/** What an autoscaler remembers. */
export interface Memory {
  readonly wanted: readonly Noted[];
  /** By how many pods it grew and shrank. */
  readonly ups: readonly Noted[];
  readonly downs: readonly Noted[];
}

/** A condition without its time. */
export interface Said {
  readonly type: 'AbleToScale' | 'ScalingLimited' | 'ScalingActive';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

export interface Limited {
  readonly replicas: number;
  readonly conditions: readonly Said[];
}

export interface Wish {
  readonly spec: HorizontalPodAutoscalerSpec;
  readonly current: number;
  readonly desired: number;
  readonly memory: Memory;
  readonly nowMs: number;
  /** Without a window of its own an autoscaler goes down to the highest count that was wanted in this time. */
  readonly downscaleWindowMs: number;
}

export function limited(wish: Wish): Limited {
  const steady = wish.spec.behavior
    ? steadyByRules(wish, wish.spec.behavior)
    : steadyByDefault(wish);
  const settled = { ...wish, desired: steady.replicas };
  const bounded = wish.spec.behavior
    ? boundedByRules(settled, wish.spec.behavior)
    : boundedByDefault(settled);
  return { replicas: bounded.replicas, conditions: [steady.condition, bounded.condition] };
}

interface Step {
  readonly replicas: number;
  readonly condition: Said;
}

const able = (reason: string, message: string): Said => ({
  ...{ type: 'AbleToScale', status: 'True' },
  ...{ reason, message },
});

const READY = able('ReadyForNewScale', 'recommended size matches current size');
const HELD_UP = able(
  'ScaleDownStabilized',
  'recent recommendations were higher than current one, applying the highest recent recommendation',
);
const HELD_DOWN = able(
  'ScaleUpStabilized',
  'recent recommendations were lower than current one, applying the lowest recent recommendation',
);

function since(notes: readonly Noted[], nowMs: number, windowMs: number): number[] {
  return notes.filter(({ atMs }) => atMs > nowMs - windowMs).map(({ replicas }) => replicas);
}

function steadyByDefault({ desired, memory, nowMs, downscaleWindowMs }: Wish): Step {
  const replicas = Math.max(desired, ...since(memory.wanted, nowMs, downscaleWindowMs));
  return { replicas, condition: replicas === desired ? READY : HELD_UP };
}

function steadyByRules(wish: Wish, behavior: HorizontalPodAutoscalerBehavior): Step {
  const { current, desired, memory, nowMs } = wish;
  const { scaleUp, scaleDown } = behavior;
  const upMs = (scaleUp?.stabilizationWindowSeconds ?? 0) * 1_000;
  const downSeconds = scaleDown?.stabilizationWindowSeconds;
  const downMs = downSeconds === undefined ? wish.downscaleWindowMs : downSeconds * 1_000;
  const low = Math.min(desired, ...since(memory.wanted, nowMs, upMs));
  const high = Math.max(desired, ...since(memory.wanted, nowMs, downMs));
  const replicas = Math.min(Math.max(current, low), high);
  if (replicas === desired) return { replicas, condition: READY };
  return { replicas, condition: desired < replicas ? HELD_UP : HELD_DOWN };
}

const TOO_MANY: Why = [
  'TooManyReplicas',
  'the desired replica count is more than the maximum replica count',
];
const TOO_FEW: Why = [
  'TooFewReplicas',
  'the desired replica count is less than the minimum replica count',
];
const TOO_FAST_UP: Why = [
  'ScaleUpLimit',
  'the desired replica count is increasing faster than the maximum scale rate',
];
const TOO_FAST_DOWN: Why = [
  'ScaleDownLimit',
  'the desired replica count is decreasing faster than the maximum scale rate',
];
const IN_RANGE: Why = ['DesiredWithinRange', 'the desired count is within the acceptable range'];

type Why = readonly [reason: string, message: string];

function bounded(desired: number, replicas: number, [reason, message]: Why): Step {
  const status = desired === replicas ? 'False' : 'True';
  return { replicas, condition: { type: 'ScalingLimited', status, reason, message } };
}

function boundedByDefault({ spec, current, desired }: Wish): Step {
  const min = spec.minReplicas ?? 1;
  const rate = Math.max(SCALE_UP_FACTOR * current, MIN_SCALE_UP);
  const max = Math.min(spec.maxReplicas, rate);
  if (desired < min) return bounded(desired, min, TOO_FEW);
  if (desired > max) return bounded(desired, max, rate < spec.maxReplicas ? TOO_FAST_UP : TOO_MANY);
  return bounded(desired, desired, IN_RANGE);
}

function boundedByRules(wish: Wish, behavior: HorizontalPodAutoscalerBehavior): Step {
  const { spec, current, desired } = wish;
  const min = spec.minReplicas ?? 1;
  if (desired > current) {
    const rate = Math.max(current, upLimit(wish, behavior.scaleUp));
    const max = Math.min(spec.maxReplicas, rate);
    if (desired > max)
      return bounded(desired, max, rate < spec.maxReplicas ? TOO_FAST_UP : TOO_MANY);
  } else if (desired < current) {
    const rate = Math.min(current, downLimit(wish, behavior.scaleDown));
    const low = Math.max(min, rate);
    if (desired < low) return bounded(desired, low, rate > min ? TOO_FAST_DOWN : TOO_FEW);
  }
  return bounded(desired, desired, IN_RANGE);
}

/** The count at the beginning of a policy's period. */
function atStart({ current, memory, nowMs }: Wish, periodSeconds: number): number {
  const total = (notes: readonly Noted[]): number =>
    since(notes, nowMs, periodSeconds * 1_000).reduce((sum, one) => sum + one, 0);
  return current - total(memory.ups) + total(memory.downs);
}

function upLimit(wish: Wish, rules: HPAScalingRules | undefined): number {
  if (rules?.selectPolicy === 'Disabled') return wish.current;
  const limits = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = atStart(wish, periodSeconds);
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100));
  });
  return rules?.selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits);
}

function downLimit(wish: Wish, rules: HPAScalingRules | undefined): number {
  if (rules?.selectPolicy === 'Disabled') return wish.current;
  const limits = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = atStart(wish, periodSeconds);
    return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100));
  });
  return rules?.selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits);
}

/** The notes that some window may still reach back to. */
export function recent(
  notes: readonly Noted[],
  nowMs: number,
  { spec, downscaleWindowMs }: Pick<Wish, 'spec' | 'downscaleWindowMs'>,
): Noted[] {
  const { scaleUp, scaleDown } = spec.behavior ?? {};
  const seconds = [scaleUp, scaleDown].flatMap((rules) => [
    rules?.stabilizationWindowSeconds ?? 0,
    ...(rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds),
  ]);
  const windowMs = Math.max(downscaleWindowMs, ...seconds.map((one) => one * 1_000));
  return notes.filter(({ atMs }) => atMs > nowMs - windowMs);
}
