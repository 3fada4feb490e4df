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
  Volume,
} from '../generated/types.ts';
import { addMessages, type Errors, requireText, UniqueNames } from './common.ts';
import { dns1123Label, portName, portNumber } from './names.ts';
import { validateEnv, validateEnvFrom } from './pod-env.ts';
import { validateMounts } from './pod-mounts.ts';
import { validateHooks } from './pod-probes.ts';
import { validateSecurity } from './pod-security-context.ts';
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
  validateMounts(errors, path, c, context.volumes);
  if (!c.imagePullPolicy) errors.push(required(`${path}.imagePullPolicy`));
  else if (!PULL_POLICIES.includes(c.imagePullPolicy)) {
    errors.push(notSupported(`${path}.imagePullPolicy`, c.imagePullPolicy, PULL_POLICIES));
  }
  validateRequirements(errors, `${path}.resources`, c.resources);
  validateSecurity(
    errors,
    `${path}.securityContext`,
    c.securityContext,
    context.rules.allowPrivileged,
  );
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

/** In the order of the container's fields. */
const EPHEMERAL_FORBIDDEN = [
  'ports',
  'resources',
  'restartPolicy',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const;

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
  const targets = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((t) => t.name);
  (spec.ephemeralContainers ?? []).forEach((c, i) => {
    const at = `${path}[${i}]`;
    validateCommon(errors, at, c, ctx);
    if (c.image !== undefined && c.image.trim() !== c.image) {
      const why = 'must not have leading or trailing whitespace';
      errors.push(invalid(`${at}.image`, c.image, why));
    }
    names.add(errors, `${at}.name`, c.name);
    if (c.targetContainerName && !targets.includes(c.targetContainerName)) {
      errors.push(notFoundField(`${at}.targetContainerName`, c.targetContainerName));
    }
    for (const field of EPHEMERAL_FORBIDDEN) {
      const value = c[field];
      // Resources are there in any case, if only as none.
      const isEmpty = field === 'resources' && Object.keys(value ?? {}).length === 0;
      if (value === undefined || isEmpty) continue;
      errors.push(forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container'));
    }
    (c.volumeMounts ?? []).forEach((m, j) => {
      for (const field of ['subPath', 'subPathExpr'] as const) {
        if (!m[field]) continue;
        const where = `${at}.volumeMounts[${j}].${field}`;
        errors.push(forbidden(where, 'cannot be set for an Ephemeral Container'));
      }
    });
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
