/** Annotations of pods the server itself understands. */
import { forbidden, invalid } from '../field-error.ts';
import type { Container, PodSpec, SeccompProfile } from '../generated/types.ts';
import type { Errors } from './common.ts';
import { localPath } from './pod-volumes.ts';

export const MIRROR = 'kubernetes.io/config.mirror';
export const APP_ARMOR = 'container.apparmor.security.beta.kubernetes.io/';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';

type Annotations = Record<string, string> | undefined;

/** Each container with where it stands: init, regular, ephemeral. */
export function containersOf(spec: PodSpec, path: string): { c: Container; at: string }[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((kind) =>
    (spec[kind] ?? []).map((c, i) => ({ c: c as Container, at: `${path}.${kind}[${i}]` })),
  );
}

function validateSeccompText(errors: Errors, path: string, text: string): void {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(text)) return;
  if (text.startsWith('localhost/')) localPath(errors, path, text.slice('localhost/'.length));
  else errors.push(invalid(path, text, 'must be a valid seccomp profile'));
}

function isInt32(text: string): boolean {
  return /^(-?[1-9]\d*|0)$/.test(text) && Math.abs(Number(text) + 0.5) < 2 ** 31;
}

/** What single annotations must look like; `path` is that of the annotations. */
export function validatePodAnnotations(
  errors: Errors,
  path: string,
  annotations: Annotations,
  spec: PodSpec,
): void {
  const given = annotations ?? {};
  const mirror = given[MIRROR];
  if (mirror !== undefined && !spec.nodeName) {
    const why = 'must set spec.nodeName if mirror pod annotation is set';
    errors.push(invalid(`${path}[${MIRROR}]`, mirror, why));
  }
  const cost = given[DELETION_COST];
  if (cost !== undefined && !isInt32(cost)) {
    errors.push(invalid(`${path}[${DELETION_COST}]`, cost, 'must be a 32bit integer'));
  }
  const seccomp = given[SECCOMP_POD];
  if (seccomp !== undefined) validateSeccompText(errors, `${path}.${SECCOMP_POD}`, seccomp);
  for (const [key, text] of Object.entries(given)) {
    if (key.startsWith(SECCOMP_CONTAINER)) validateSeccompText(errors, `${path}.${key}`, text);
  }
  const names = new Set(containersOf(spec, '').map(({ c }) => c.name));
  for (const [key, text] of Object.entries(given)) {
    if (!key.startsWith(APP_ARMOR)) continue;
    const name = key.slice(APP_ARMOR.length);
    if (!names.has(name)) errors.push(invalid(`${path}[${key}]`, name, 'container not found'));
    const known = ['', 'runtime/default', 'unconfined'].includes(text);
    if (known || text.startsWith('localhost/')) continue;
    const why = `invalid AppArmor profile name: ${JSON.stringify(text)}`;
    errors.push(invalid(`${path}[${key}]`, text, why));
  }
}

interface Profile {
  readonly type?: string | undefined;
  readonly localhostProfile?: string | undefined;
}

/** A profile that is both an annotation and a field must be the same in both. */
function validateSame(
  errors: Errors,
  path: string,
  field: Profile,
  o: { text: string; what: string; runtime: readonly string[] },
): void {
  const mismatch = `${o.what} type in annotation and field must match`;
  if (field.type === 'Unconfined') {
    if (o.text !== 'unconfined') errors.push(forbidden(`${path}.type`, mismatch));
  } else if (field.type === 'RuntimeDefault') {
    if (!o.runtime.includes(o.text)) errors.push(forbidden(`${path}.type`, mismatch));
  } else if (field.type === 'Localhost') {
    if (!o.text.startsWith('localhost/')) errors.push(forbidden(`${path}.type`, mismatch));
    else if (o.text.slice('localhost/'.length) !== field.localhostProfile) {
      const why = `${o.what} profile in annotation and field must match`;
      errors.push(forbidden(`${path}.localhostProfile`, why));
    }
  }
}

export function validateProfileAnnotations(
  errors: Errors,
  path: string,
  spec: PodSpec,
  annotations: Annotations,
): void {
  const given = annotations ?? {};
  const seccomp = (at: string, field: SeccompProfile | undefined, key: string): void => {
    const text = given[key];
    if (!field || text === undefined) return;
    const runtime = ['runtime/default', 'docker/default'];
    validateSame(errors, `${at}.securityContext.seccompProfile`, field, {
      text,
      what: 'seccomp',
      runtime,
    });
  };
  seccomp(path, spec.securityContext?.seccompProfile, SECCOMP_POD);
  const all = containersOf(spec, path);
  for (const { c, at } of all) {
    seccomp(at, c.securityContext?.seccompProfile, SECCOMP_CONTAINER + c.name);
  }
  if (spec.os?.name === 'windows') return;
  for (const { c, at } of all) {
    const field = c.securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile;
    const text = given[APP_ARMOR + c.name];
    if (!field || text === undefined) continue;
    const where = `${at}.securityContext.appArmorProfile`;
    validateSame(errors, where, field, { text, what: 'apparmor', runtime: ['runtime/default'] });
  }
}
