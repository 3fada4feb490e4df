/** Container → what the runtime makes it from. Pure. */
import type { Container, Pod } from '@kubets/api';
import type { ContainerMount, ContainerSecurity, ContainerSpec, ImageInfo } from '../ports.ts';
import { expandVariables } from './expand.ts';
import {
  ANNOTATION_HASH,
  ANNOTATION_IMAGE,
  ANNOTATION_RESTARTS,
  ANNOTATION_TERMINATION_PATH,
  ANNOTATION_TERMINATION_POLICY,
  LABEL_CONTAINER,
} from './labels.ts';
import { podText, specOf } from './pod.ts';
import { cgroupLimits } from './resources.ts';
import { namespacesOf, podLabels, seccompOf } from './sandbox-spec.ts';
import { specHash } from './spec-hash.ts';

export interface ContainerFacts {
  readonly attempt: number;
  readonly image: ImageInfo;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly ContainerMount[];
  readonly memoryCapacityBytes: number;
  readonly seccompDir: string;
  /** Id of the container an ephemeral one looks into. */
  readonly pidOf?: string;
}

/** The pod's security settings cannot be met with this image. */
export class SecurityError extends Error {
  override readonly name = 'SecurityError';
}

export const DEFAULT_TERMINATION_PATH = '/dev/termination-log';

/** `runAsNonRoot` is checked before the container is made: the image decides when the pod names no user. */
function checkNonRoot(pod: Pod, container: Container, image: ImageInfo): void {
  const own = container.securityContext ?? {};
  const shared = specOf(pod).securityContext ?? {};
  if (!(own.runAsNonRoot ?? shared.runAsNonRoot ?? false)) return;
  const who = `(pod: "${podText(pod)}", container: ${container.name})`;
  const user = own.runAsUser ?? shared.runAsUser;
  if (user !== undefined) {
    if (user === 0) {
      throw new SecurityError(`container's runAsUser breaks non-root policy ${who}`);
    }
    return;
  }
  if (image.username !== '') {
    throw new SecurityError(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${who}`,
    );
  }
  if ((image.uid ?? 0) === 0) {
    throw new SecurityError(`container has runAsNonRoot and image will run as root ${who}`);
  }
}

function securityOf(pod: Pod, container: Container, seccompDir: string): ContainerSecurity {
  const own = container.securityContext ?? {};
  const shared = specOf(pod).securityContext ?? {};
  const runAsUser = own.runAsUser ?? shared.runAsUser;
  const groups = shared.supplementalGroups ?? [];
  const privileged = own.privileged ?? false;
  return {
    privileged,
    runAsUser,
    runAsGroup: own.runAsGroup ?? shared.runAsGroup,
    supplementalGroups: shared.fsGroup === undefined ? groups : [...groups, shared.fsGroup],
    readonlyRootfs: own.readOnlyRootFilesystem ?? false,
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    seccomp: seccompOf(own.seccompProfile ?? shared.seccompProfile, seccompDir),
    unmaskProc: own.procMount === 'Unmasked',
  };
}

/** @throws SecurityError when the image may not run under the pod's rules */
export function containerSpec(
  pod: Pod,
  container: Container,
  facts: ContainerFacts,
): ContainerSpec {
  checkNonRoot(pod, container, facts.image);
  const { attempt, env } = facts;
  const expand = (text: string): string => expandVariables(text, (name) => env.get(name));
  const security = securityOf(pod, container, facts.seccompDir);
  // A group alone needs a user to go with it: the image's, or root.
  const groupOnly = security.runAsGroup !== undefined && security.runAsUser === undefined;
  return {
    name: container.name,
    attempt,
    image: container.image ?? '',
    imageRef: facts.image.id,
    command: (container.command ?? []).map(expand),
    args: (container.args ?? []).map(expand),
    workingDir: container.workingDir ?? '',
    env: [...env].map(([name, value]) => ({ name, value })),
    mounts: facts.mounts,
    labels: { ...podLabels(pod), [LABEL_CONTAINER]: container.name },
    annotations: {
      [ANNOTATION_HASH]: specHash(container),
      [ANNOTATION_IMAGE]: container.image ?? '',
      [ANNOTATION_RESTARTS]: String(attempt),
      [ANNOTATION_TERMINATION_PATH]: container.terminationMessagePath ?? DEFAULT_TERMINATION_PATH,
      [ANNOTATION_TERMINATION_POLICY]: container.terminationMessagePolicy ?? 'File',
    },
    logPath: `${container.name}/${attempt}.log`,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    limits: cgroupLimits(pod, container, facts.memoryCapacityBytes),
    namespaces: facts.pidOf ? { ...namespacesOf(pod), pidOf: facts.pidOf } : namespacesOf(pod),
    security: groupOnly ? { ...security, runAsUser: facts.image.uid ?? 0 } : security,
  };
}
