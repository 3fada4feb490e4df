import type { Container, ObjectMeta, PodSecurityContext, PodSpec } from '@kubets/api';

/** The parts of a pod, or of a template of pods, the standards look at. */
export interface CheckedPod {
  readonly metadata?: Pick<ObjectMeta, 'annotations'> | undefined;
  readonly spec: PodSpec;
}

/** One complaint: what is forbidden, and where it is used. */
export interface Complaint {
  readonly reason: string;
  readonly detail: string;
}

/** A rule of one release of the standards. */
export type Rule = (pod: CheckedPod) => Complaint | undefined;

export type AnyContainer = Pick<Container, 'name' | 'securityContext' | 'ports'>;

/** What a pod's and a container's settings have in common. */
export type Context = PodSecurityContext | NonNullable<AnyContainer['securityContext']>;

export const containersOf = ({ spec }: CheckedPod): AnyContainer[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...(spec.ephemeralContainers ?? []),
];

export const quoted = (values: readonly string[]): string =>
  values.map((value) => JSON.stringify(value)).join(', ');

/** Each value once, in the order of their bytes, as Go's sets list them. */
export const distinct = (values: readonly string[]): string[] => [...new Set(values)].sort();

export const plural = (word: string, count: number): string => (count === 1 ? word : `${word}s`);

/** `container "a"` or `containers "a", "b"`. */
export const named = (kind: string, names: readonly string[]): string =>
  `${plural(kind, names.length)} ${quoted(names)}`;

/** `container "a"` of the containers a test picks; empty if it picks none. */
export function containersThat(
  pod: CheckedPod,
  picks: (container: AnyContainer) => boolean,
): string {
  const names = containersOf(pod)
    .filter(picks)
    .map(({ name }) => name);
  return names.length === 0 ? '' : named('container', names);
}

/** `pod and containers "a", "b"`: whose own settings a test picks; empty if it picks none. */
export function setters(pod: CheckedPod, picks: (context: Context) => boolean): string {
  const own = pod.spec.securityContext;
  const byPod = own && picks(own) ? 'pod' : '';
  const byContainers = containersThat(pod, ({ securityContext }) =>
    securityContext ? picks(securityContext) : false,
  );
  return [byPod, byContainers].filter((text) => text !== '').join(' and ');
}

/** The settings of the pod and of its containers, where there are any. */
export const contextsOf = (pod: CheckedPod): Context[] =>
  [pod.spec.securityContext, ...containersOf(pod).map((c) => c.securityContext)].filter(
    (context) => context !== undefined,
  );

export const complaint = (reason: string, detail: string): Complaint => ({ reason, detail });
