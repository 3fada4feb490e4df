/** Containers of a pod: regular, init and ephemeral. */
import {
  duplicate,
  forbidden,
  invalid,
  notFoundField,
  notSupported,
  required,
} from '../field-error.ts';
import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  PodSpec,
  SecurityContext,
  Volume,
  VolumeMount,
} from '../generated/types.ts';
import { addMessages, type Errors, requireText, UniqueNames, validateIp } from './common.ts';
import { dns1123Label, portName, portNumber } from './names.ts';
import { validateEnv, validateEnvFrom } from './pod-env.ts';
import { validateHooks } from './pod-probes.ts';
import { localPath } from './pod-volumes.ts';
import { validateRequirements } from './resources.ts';

export interface PodRules {
  /** Are privileged containers let through? */
  allowPrivileged: boolean;
}

interface ContainerContext {
  volumes: ReadonlyMap<string, Volume>;
  graceSeconds: number;
  rules: PodRules;
}

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

function validatePort(errors: Errors, path: string, p: ContainerPort, names: UniqueNames): void {
  if (p.name) {
    const messages = portName(p.name);
    addMessages(errors, `${path}.name`, p.name, messages);
    if (messages.length === 0) names.add(errors, `${path}.name`, p.name);
  }
  if (!p.containerPort) errors.push(required(`${path}.containerPort`));
  else addMessages(errors, `${path}.containerPort`, p.containerPort, portNumber(p.containerPort));
  if (p.hostPort) addMessages(errors, `${path}.hostPort`, p.hostPort, portNumber(p.hostPort));
  if (!p.protocol) errors.push(required(`${path}.protocol`));
  else if (!PROTOCOLS.includes(p.protocol)) {
    errors.push(notSupported(`${path}.protocol`, p.protocol, PROTOCOLS));
  }
  if (p.hostIP) validateIp(errors, `${path}.hostIP`, p.hostIP);
}

function validateMount(
  errors: Errors,
  path: string,
  at: string,
  m: VolumeMount,
  context: ContainerContext & { mounted: Set<string>; privileged: boolean },
): void {
  requireText(errors, `${at}.name`, m.name);
  if (!context.volumes.has(m.name)) errors.push(notFoundField(`${at}.name`, m.name));
  requireText(errors, `${at}.mountPath`, m.mountPath);
  if (context.mounted.has(m.mountPath)) {
    errors.push(invalid(`${at}.mountPath`, m.mountPath, 'must be unique'));
  }
  context.mounted.add(m.mountPath);
  if (m.subPath) localPath(errors, `${path}.subPath`, m.subPath);
  if (m.subPathExpr) {
    if (m.subPath) {
      const why = 'subPathExpr and subPath are mutually exclusive';
      errors.push(invalid(`${at}.subPathExpr`, m.subPathExpr, why));
    }
    localPath(errors, `${path}.subPathExpr`, m.subPathExpr);
  }
  if (m.mountPropagation === 'Bidirectional' && !context.privileged) {
    const why = 'Bidirectional mount propagation is available only to privileged containers';
    errors.push(forbidden(`${at}.mountPropagation`, why));
  }
  const modes = ['Bidirectional', 'HostToContainer', 'None'];
  if (m.mountPropagation !== undefined && !modes.includes(m.mountPropagation)) {
    errors.push(notSupported(`${at}.mountPropagation`, m.mountPropagation, modes));
  }
}

const MAX_ID = 2 ** 31 - 1;
const ID_TEXT = `must be between 0 and ${MAX_ID}, inclusive`;

/** A numeric user or group. */
export function validateId(errors: Errors, path: string, id: number | undefined): void {
  if (id !== undefined && (id < 0 || id > MAX_ID)) errors.push(invalid(path, id, ID_TEXT));
}

const SECCOMP_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];

export function validateSeccomp(
  errors: Errors,
  path: string,
  profile: SecurityContext['seccompProfile'],
): void {
  if (!profile) return;
  if (!profile.type) {
    errors.push(required(`${path}.type`, 'type is required when seccompProfile is set'));
  } else if (!SECCOMP_TYPES.includes(profile.type)) {
    errors.push(notSupported(`${path}.type`, profile.type, SECCOMP_TYPES));
  }
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined) {
      errors.push(
        required(`${path}.localhostProfile`, 'must be set when seccomp type is Localhost'),
      );
    } else localPath(errors, `${path}.localhostProfile`, profile.localhostProfile);
  } else if (profile.localhostProfile !== undefined) {
    const why = 'can only be set when seccomp type is Localhost';
    errors.push(invalid(`${path}.localhostProfile`, profile.localhostProfile, why));
  }
}

function validateSecurity(
  errors: Errors,
  path: string,
  s: SecurityContext | undefined,
  rules: PodRules,
): void {
  if (!s) return;
  if (s.privileged && !rules.allowPrivileged) {
    errors.push(forbidden(`${path}.privileged`, 'disallowed by cluster policy'));
  }
  validateId(errors, `${path}.runAsUser`, s.runAsUser);
  validateId(errors, `${path}.runAsGroup`, s.runAsGroup);
  const mounts = ['Default', 'Unmasked'];
  if (s.procMount !== undefined && !mounts.includes(s.procMount)) {
    errors.push(notSupported(`${path}.procMount`, s.procMount, mounts));
  }
  validateSeccomp(errors, `${path}.seccompProfile`, s.seccompProfile);
  if (s.allowPrivilegeEscalation === false) {
    const text = 'cannot set `allowPrivilegeEscalation` to false and';
    if (s.privileged) errors.push(invalid(path, s, `${text} \`privileged\` to true`));
    if (s.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      errors.push(invalid(path, s, `${text} \`capabilities.Add\` CAP_SYS_ADMIN`));
    }
  }
}

const TERMINATION_POLICIES = ['File', 'FallbackToLogsOnError'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];

function validateCommon(
  errors: Errors,
  path: string,
  c: Container | EphemeralContainer,
  context: ContainerContext,
): void {
  if (!c.name) errors.push(required(`${path}.name`));
  else addMessages(errors, `${path}.name`, c.name, dns1123Label(c.name));
  requireText(errors, `${path}.image`, c.image);
  if (!c.terminationMessagePolicy) errors.push(required(`${path}.terminationMessagePolicy`));
  else if (!TERMINATION_POLICIES.includes(c.terminationMessagePolicy)) {
    const at = `${path}.terminationMessagePolicy`;
    errors.push(notSupported(at, c.terminationMessagePolicy, TERMINATION_POLICIES));
  }
  const portNames = new UniqueNames();
  (c.ports ?? []).forEach((p, i) => {
    validatePort(errors, `${path}.ports[${i}]`, p, portNames);
  });
  validateEnv(errors, `${path}.env`, c.env);
  validateEnvFrom(errors, `${path}.envFrom`, c.envFrom);
  const mounted = new Set<string>();
  const privileged = c.securityContext?.privileged ?? false;
  (c.volumeMounts ?? []).forEach((m, i) => {
    const at = `${path}.volumeMounts`;
    validateMount(errors, at, `${at}[${i}]`, m, { ...context, mounted, privileged });
  });
  if (!c.imagePullPolicy) errors.push(required(`${path}.imagePullPolicy`));
  else if (!PULL_POLICIES.includes(c.imagePullPolicy)) {
    errors.push(notSupported(`${path}.imagePullPolicy`, c.imagePullPolicy, PULL_POLICIES));
  }
  validateRequirements(errors, `${path}.resources`, c.resources);
  validateSecurity(errors, `${path}.securityContext`, c.securityContext, context.rules);
}

function hostPortConflicts(errors: Errors, path: string, containers: readonly Container[]): void {
  const seen = new Set<string>();
  containers.forEach((c, i) => {
    (c.ports ?? []).forEach((p, j) => {
      if (!p.hostPort) return;
      const key = `${p.protocol ?? ''}/${p.hostIP ?? ''}/${p.hostPort}`;
      if (seen.has(key)) errors.push(duplicate(`${path}[${i}].ports[${j}].hostPort`, key));
      seen.add(key);
    });
  });
}

function validateRegular(errors: Errors, path: string, spec: PodSpec, ctx: ContainerContext): void {
  const containers = spec.containers ?? [];
  if (containers.length === 0) {
    errors.push(required(path));
    return;
  }
  const names = new UniqueNames();
  containers.forEach((c, i) => {
    const at = `${path}[${i}]`;
    validateCommon(errors, at, c, ctx);
    names.add(errors, `${at}.name`, c.name);
    validateHooks(errors, at, c, ctx.graceSeconds);
    if (c.restartPolicy !== undefined) {
      errors.push(forbidden(`${at}.restartPolicy`, 'may not be set for non-init containers'));
    }
  });
  hostPortConflicts(errors, path, containers);
}

const INIT_ONLY = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;

function validateInit(errors: Errors, path: string, spec: PodSpec, ctx: ContainerContext): void {
  const names = new UniqueNames();
  for (const c of spec.containers ?? []) names.add([], '', c.name);
  (spec.initContainers ?? []).forEach((c, i) => {
    const at = `${path}[${i}]`;
    validateCommon(errors, at, c, ctx);
    const always = c.restartPolicy === 'Always';
    if (c.restartPolicy !== undefined && !always) {
      errors.push(notSupported(`${at}.restartPolicy`, c.restartPolicy, ['Always']));
    }
    if (c.name) names.add(errors, `${at}.name`, c.name);
    hostPortConflicts(errors, path, [c]);
    if (always) validateHooks(errors, at, c, ctx.graceSeconds);
    else {
      for (const field of INIT_ONLY) {
        if (c[field] === undefined) continue;
        const why = 'may not be set for init containers without restartPolicy=Always';
        errors.push(forbidden(`${at}.${field}`, why));
      }
    }
  });
}

const EPHEMERAL_FORBIDDEN = [...INIT_ONLY, 'ports', 'resources'] as const;

function validateEphemeral(
  errors: Errors,
  path: string,
  spec: PodSpec,
  ctx: ContainerContext,
): void {
  const names = new UniqueNames();
  for (const c of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    names.add([], '', c.name);
  }
  (spec.ephemeralContainers ?? []).forEach((c, i) => {
    const at = `${path}[${i}]`;
    validateCommon(errors, at, c, ctx);
    names.add(errors, `${at}.name`, c.name);
    for (const field of EPHEMERAL_FORBIDDEN) {
      const value = c[field];
      const empty = value === undefined || Object.keys(value).length === 0;
      if (!empty)
        errors.push(forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container'));
    }
    const targets = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((t) => t.name);
    if (c.targetContainerName && !targets.includes(c.targetContainerName)) {
      errors.push(notFoundField(`${at}.targetContainerName`, c.targetContainerName));
    }
  });
}

/** All containers of a pod's spec at `path`. */
export function validateContainers(
  errors: Errors,
  path: string,
  spec: PodSpec,
  o: { volumes: ReadonlyMap<string, Volume>; rules: PodRules },
): void {
  const ctx = { ...o, graceSeconds: spec.terminationGracePeriodSeconds ?? 30 };
  validateRegular(errors, `${path}.containers`, spec, ctx);
  validateInit(errors, `${path}.initContainers`, spec, ctx);
  validateEphemeral(errors, `${path}.ephemeralContainers`, spec, ctx);
}
