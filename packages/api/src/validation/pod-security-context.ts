/** What a pod and its containers may do on their node: identities, profiles, privileges. */
import {
  duplicate,
  forbidden,
  GoText,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../field-error.ts';
import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SecurityContext,
  WindowsSecurityContextOptions,
} from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { addMessages, type Errors } from './common.ts';
import { goPointer } from './go-dump.ts';
import { dns1123Subdomain } from './names.ts';
import { localPath } from './pod-volumes.ts';

const MAX_ID = 2 ** 31 - 1;
const ID_TEXT = `must be between 0 and ${MAX_ID}, inclusive`;

/** A numeric user or group. */
function validateId(errors: Errors, path: string, id: number | undefined): void {
  if (id !== undefined && (id < 0 || id > MAX_ID)) errors.push(invalid(path, id, ID_TEXT));
}

const PROC_MOUNTS = ['Default', 'Unmasked'];

function validateProcMount(errors: Errors, path: string, mount: string | undefined): void {
  if (mount === undefined || PROC_MOUNTS.includes(mount)) return;
  errors.push(notSupported(path, mount, PROC_MOUNTS));
}

const APP_ARMOR_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const MAX_PROFILE = 4095;

function validateAppArmor(
  errors: Errors,
  path: string,
  profile: AppArmorProfile | undefined,
): void {
  if (!profile) return;
  const at = `${path}.localhostProfile`;
  const name = profile.localhostProfile;
  if (profile.type === 'Localhost') {
    const needed = 'must be set when AppArmor type is Localhost';
    if (name === undefined || name === '') errors.push(required(at, needed));
    else if (name.trim() !== name) {
      errors.push(invalid(at, name, 'must not be padded with whitespace'));
    }
    if (Buffer.byteLength(name ?? '') > MAX_PROFILE) errors.push(tooLong(at, '', MAX_PROFILE));
  } else if (!profile.type) {
    errors.push(required(`${path}.type`, 'type is required when appArmorProfile is set'));
  } else if (!APP_ARMOR_TYPES.includes(profile.type)) {
    errors.push(notSupported(`${path}.type`, profile.type, APP_ARMOR_TYPES));
  } else if (name !== undefined) {
    errors.push(invalid(at, name, 'can only be set when AppArmor type is Localhost'));
  }
}

const MAX_CREDENTIAL_KIB = 64;
const MAX_DOMAIN = 256;
const MAX_USER = 104;
const NET_BIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const DNS_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const DNS_DOMAIN = new RegExp(`^${DNS_LABEL}(?:\\.${DNS_LABEL})*$`);

function* userProblems(name: string): Generator<string> {
  const what = 'runAsUserName';
  const parts = name.split('\\');
  if (name === '') yield `${what} cannot be an empty string`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  else if (/[\x00-\x1f\x7f]/.test(name)) yield `${what} cannot contain control characters`;
  else if (parts.length > 2) yield `${what} cannot contain more than one backslash`;
  else {
    const user = parts.at(-1) ?? '';
    const domain = parts.length > 1 ? (parts[0] ?? '') : undefined;
    if ((domain ?? '').length >= MAX_DOMAIN) {
      yield `${what}'s Domain length must be under ${MAX_DOMAIN} characters`;
    }
    if (domain !== undefined && !NET_BIOS.test(domain) && !DNS_DOMAIN.test(domain)) {
      yield `${what}'s Domain doesn't match the NetBios nor the DNS format`;
    }
    if (user === '') yield `${what}'s User cannot be empty`;
    else if (user.length > MAX_USER) {
      yield `${what}'s User length must not be longer than ${MAX_USER} characters`;
    }
    if (/^[. ]+$/.test(user)) yield `${what}'s User cannot contain only periods or spaces`;
    if (/["/\\:;|=,+*?<>@[\]]/.test(user)) {
      yield `${what}'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]`;
    }
  }
}

function validateWindowsOptions(
  errors: Errors,
  path: string,
  o: WindowsSecurityContextOptions | undefined,
): void {
  if (!o) return;
  const name = o.gmsaCredentialSpecName;
  if (name !== undefined) {
    addMessages(errors, `${path}.gmsaCredentialSpecName`, name, dns1123Subdomain(name));
  }
  const spec = o.gmsaCredentialSpec;
  const at = `${path}.gmsaCredentialSpec`;
  if (spec === '') {
    errors.push(invalid(at, spec, 'gmsaCredentialSpec cannot be an empty string'));
  } else if (spec !== undefined && Buffer.byteLength(spec) > MAX_CREDENTIAL_KIB * 1024) {
    const why = `gmsaCredentialSpec size must be under ${MAX_CREDENTIAL_KIB} KiB`;
    errors.push(invalid(at, spec, why));
  }
  const user = o.runAsUserName;
  if (user !== undefined) {
    addMessages(errors, `${path}.runAsUserName`, user, [...userProblems(user)]);
  }
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
    const pointer = goPointer('string', profile.localhostProfile);
    const text = `core.SeccompProfile{Type:${goQuote(profile.type)}, LocalhostProfile:${pointer}}`;
    errors.push(invalid(`${path}.localhostProfile`, new GoText(text), why));
  }
}

export function validateSecurity(
  errors: Errors,
  path: string,
  s: SecurityContext | undefined,
  allowPrivileged: boolean,
): void {
  if (!s) return;
  if (s.privileged && !allowPrivileged) {
    errors.push(forbidden(`${path}.privileged`, 'disallowed by cluster policy'));
  }
  validateId(errors, `${path}.runAsUser`, s.runAsUser);
  validateId(errors, `${path}.runAsGroup`, s.runAsGroup);
  validateProcMount(errors, `${path}.procMount`, s.procMount);
  validateSeccomp(errors, `${path}.seccompProfile`, s.seccompProfile);
  if (s.allowPrivilegeEscalation === false) {
    const text = 'cannot set `allowPrivilegeEscalation` to false and';
    if (s.privileged) errors.push(invalid(path, s, `${text} \`privileged\` to true`));
    if (s.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      errors.push(invalid(path, s, `${text} \`capabilities.Add\` CAP_SYS_ADMIN`));
    }
  }
  validateWindowsOptions(errors, `${path}.windowsOptions`, s.windowsOptions);
  validateAppArmor(errors, `${path}.appArmorProfile`, s.appArmorProfile);
}

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const SYSCTL_TEXT =
  'must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
const IPC_SYSCTLS = /^(kernel[./](shm|msg|sem)|fs[./]mqueue[./])|^kernel[./]sem$/;

function validateSysctls(errors: Errors, path: string, s: PodSecurityContext, spec: PodSpec): void {
  const seen = new Set<string>();
  (s.sysctls ?? []).forEach((c, i) => {
    const at = `${path}[${i}].name`;
    if (!c.name) errors.push(required(at));
    else if (c.name.length > 253 || !SYSCTL.test(c.name)) {
      errors.push(invalid(at, c.name, SYSCTL_TEXT));
    } else if (seen.has(c.name)) errors.push(duplicate(at, c.name));
    if (spec.hostNetwork && /^net[./]/.test(c.name)) {
      errors.push(invalid(at, c.name, "may not be specified when 'hostNetwork' is true"));
    } else if (spec.hostIPC && IPC_SYSCTLS.test(c.name)) {
      errors.push(invalid(at, c.name, "may not be specified when 'hostIPC' is true"));
    }
    seen.add(c.name);
  });
}

const GROUP_POLICIES = ['Always', 'OnRootMismatch'];

/** The security context of a pod's spec, at `path` of the spec. */
export function validatePodSecurity(errors: Errors, specPath: string, spec: PodSpec): void {
  const s = spec.securityContext;
  const path = `${specPath}.securityContext`;
  const shared = spec.shareProcessNamespace;
  if (!s) return;
  validateId(errors, `${path}.fsGroup`, s.fsGroup);
  validateId(errors, `${path}.runAsUser`, s.runAsUser);
  validateId(errors, `${path}.runAsGroup`, s.runAsGroup);
  (s.supplementalGroups ?? []).forEach((g, i) => {
    validateId(errors, `${path}.supplementalGroups[${i}]`, g);
  });
  if (shared && spec.hostPID) {
    const why = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalid(`${path}.shareProcessNamespace`, shared, why));
  }
  validateSysctls(errors, `${path}.sysctls`, s, spec);
  const policy = s.fsGroupChangePolicy;
  if (policy !== undefined && !GROUP_POLICIES.includes(policy)) {
    errors.push(notSupported(`${path}.fsGroupChangePolicy`, policy, GROUP_POLICIES));
  }
  validateSeccomp(errors, `${path}.seccompProfile`, s.seccompProfile);
  validateWindowsOptions(errors, `${path}.windowsOptions`, s.windowsOptions);
  validateAppArmor(errors, `${path}.appArmorProfile`, s.appArmorProfile);
}
