/** Pods and pod templates. */
import { duplicate, forbidden, invalid, notSupported, required } from '../field-error.ts';
import type { Pod, PodSecurityContext, PodSpec, PodTemplateSpec } from '../generated/types.ts';
import { addMessages, type Errors, requireText, validateIp, validateLabels } from './common.ts';
import { goStrings } from './go-dump.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';
import {
  type PodRules,
  validateContainers,
  validateId,
  validateSeccomp,
} from './pod-containers.ts';
import { validatePlacement, validateTolerations } from './pod-scheduling.ts';
import { validateVolumes } from './pod-volumes.ts';
import { validateAmount } from './resources.ts';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const MAX_INT32 = 2 ** 31 - 1;

function validateHostNetwork(errors: Errors, path: string, spec: PodSpec): void {
  if (!spec.hostNetwork) return;
  for (const kind of ['containers', 'initContainers'] as const) {
    (spec[kind] ?? []).forEach((c, i) => {
      (c.ports ?? []).forEach((p, j) => {
        if ((p.hostPort ?? 0) === p.containerPort) return;
        const why = 'must match `containerPort` when `hostNetwork` is true';
        errors.push(invalid(`${path}.${kind}[${i}].ports[${j}].hostPort`, p.hostPort ?? 0, why));
      });
    });
  }
}

function validatePodSecurity(
  errors: Errors,
  path: string,
  s: PodSecurityContext | undefined,
): void {
  if (!s) return;
  validateId(errors, `${path}.fsGroup`, s.fsGroup);
  validateId(errors, `${path}.runAsUser`, s.runAsUser);
  validateId(errors, `${path}.runAsGroup`, s.runAsGroup);
  (s.supplementalGroups ?? []).forEach((g, i) => {
    validateId(errors, `${path}.supplementalGroups[${i}]`, g);
  });
  const seen = new Set<string>();
  (s.sysctls ?? []).forEach((c, i) => {
    const at = `${path}.sysctls[${i}].name`;
    if (!c.name) errors.push(required(at));
    else if (
      !/^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*([a-z0-9]([-_a-z0-9]*[a-z0-9])?)$/.test(c.name)
    ) {
      const text =
        'must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
      errors.push(invalid(at, c.name, text));
    }
    if (seen.has(c.name)) errors.push(duplicate(at, c.name));
    seen.add(c.name);
  });
  const policies = ['Always', 'OnRootMismatch'];
  if (s.fsGroupChangePolicy !== undefined && !policies.includes(s.fsGroupChangePolicy)) {
    errors.push(notSupported(`${path}.fsGroupChangePolicy`, s.fsGroupChangePolicy, policies));
  }
  validateSeccomp(errors, `${path}.seccompProfile`, s.seccompProfile);
}

const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;

function validateDns(errors: Errors, path: string, spec: PodSpec): void {
  const config = spec.dnsConfig;
  const servers = config?.nameservers ?? [];
  if (spec.dnsPolicy === 'None' && !config) {
    errors.push(required(path, 'must provide `dnsConfig` when `dnsPolicy` is None'));
    return;
  }
  if (spec.dnsPolicy === 'None' && servers.length === 0) {
    const why = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
    errors.push(required(`${path}.nameservers`, why));
    return;
  }
  if (servers.length > MAX_NAMESERVERS) {
    const why = `must not have more than ${MAX_NAMESERVERS} nameservers`;
    errors.push(invalid(`${path}.nameservers`, goStrings(servers), why));
  }
  servers.forEach((ns, i) => {
    validateIp(errors, `${path}.nameservers[${i}]`, ns);
  });
  const searches = config?.searches ?? [];
  if (searches.length > MAX_SEARCHES) {
    const why = `must not have more than ${MAX_SEARCHES} search paths`;
    errors.push(invalid(`${path}.searches`, goStrings(searches), why));
  }
  searches.forEach((search, i) => {
    const name = search.replace(/\.$/, '');
    addMessages(errors, `${path}.searches[${i}]`, name, dns1123Subdomain(name));
  });
  (config?.options ?? []).forEach((o, i) => {
    if (!o.name) errors.push(required(`${path}.options[${i}]`, 'must not be empty'));
  });
}

function validateNamesInSpec(errors: Errors, path: string, spec: PodSpec): void {
  const subdomain = (field: 'serviceAccountName' | 'nodeName' | 'priorityClassName') => {
    const value = spec[field];
    if (value) addMessages(errors, `${path}.${field}`, value, dns1123Subdomain(value));
  };
  subdomain('serviceAccountName');
  subdomain('nodeName');
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > MAX_INT32)) {
    const why = `must be between 1 and ${MAX_INT32}, inclusive`;
    errors.push(invalid(`${path}.activeDeadlineSeconds`, deadline, why));
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const value = spec[field];
    if (value) addMessages(errors, `${path}.${field}`, value, dns1123Label(value));
  }
  validateTolerations(errors, `${path}.tolerations`, spec.tolerations);
  (spec.hostAliases ?? []).forEach((a, i) => {
    validateIp(errors, `${path}.hostAliases[${i}].ip`, a.ip);
    (a.hostnames ?? []).forEach((h) => {
      addMessages(errors, `${path}.hostAliases[${i}].hostnames`, h, dns1123Subdomain(h));
    });
  });
  subdomain('priorityClassName');
  const runtime = spec.runtimeClassName;
  if (runtime !== undefined) {
    addMessages(errors, `${path}.runtimeClassName`, runtime, dns1123Subdomain(runtime));
  }
  const preemption = spec.preemptionPolicy;
  const policies = ['Never', 'PreemptLowerPriority'];
  if (preemption !== undefined && !policies.includes(preemption)) {
    errors.push(notSupported(`${path}.preemptionPolicy`, preemption, policies));
  }
}

function validatePolicies(errors: Errors, path: string, spec: PodSpec): void {
  const restart = spec.restartPolicy ?? '';
  if (restart === '') errors.push(required(`${path}.restartPolicy`));
  else if (!RESTART_POLICIES.includes(restart)) {
    errors.push(notSupported(`${path}.restartPolicy`, restart, RESTART_POLICIES));
  }
  const dns = spec.dnsPolicy ?? '';
  if (dns === '') errors.push(required(`${path}.dnsPolicy`));
  else if (!DNS_POLICIES.includes(dns)) {
    errors.push(notSupported(`${path}.dnsPolicy`, dns, DNS_POLICIES));
  }
}

/** A pod's spec at `path`; `meta` is the pod's own metadata when there is one. */
export function validatePodSpec(
  errors: Errors,
  path: string,
  spec: PodSpec,
  o: { meta?: Pod['metadata'] | undefined; rules: PodRules },
): void {
  const volumes = validateVolumes(errors, `${path}.volumes`, spec.volumes, o.meta);
  validateContainers(errors, path, spec, { volumes, rules: o.rules });
  validateHostNetwork(errors, path, spec);
  validatePolicies(errors, path, spec);
  validateLabels(errors, `${path}.nodeSelector`, spec.nodeSelector);
  validatePodSecurity(errors, `${path}.securityContext`, spec.securityContext);
  (spec.imagePullSecrets ?? []).forEach((s, i) => {
    requireText(errors, `${path}.imagePullSecrets[${i}].name`, s.name);
  });
  validateDns(errors, `${path}.dnsConfig`, spec);
  validatePlacement(errors, path, spec);
  validateNamesInSpec(errors, path, spec);
  const grace = spec.terminationGracePeriodSeconds;
  if (grace !== undefined && grace < 0) {
    const why = 'must be greater than or equal to 0';
    errors.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, why));
  }
  for (const [name, amount] of Object.entries(spec.overhead ?? {})) {
    validateAmount(errors, `${path}.overhead[${name}]`, name, amount);
  }
  const os = spec.os?.name;
  if (spec.os && os !== 'linux' && os !== 'windows') {
    if (!os) errors.push(required(`${path}.os.name`));
    else errors.push(notSupported(`${path}.os`, os, ['linux', 'windows']));
  }
}

function hasOuterSpace(image: string | undefined): boolean {
  return image !== undefined && image.trim() !== image;
}

/** What is asked of a pod beyond its spec, at creation and at updates. */
export function validatePod(errors: Errors, pod: Pod, rules: PodRules): void {
  const spec = pod.spec ?? { containers: [] };
  validatePodSpec(errors, 'spec', spec, { meta: pod.metadata, rules });
  if (!spec.serviceAccountName) {
    (spec.volumes ?? []).forEach((v, i) => {
      (v.projected?.sources ?? []).forEach((s, j) => {
        if (!s.serviceAccountToken) return;
        const at = `spec.volumes[${i}].projected.sources[${j}].serviceAccountToken`;
        errors.push(forbidden(at, 'must not be specified when serviceAccountName is not set'));
      });
    });
  }
  for (const kind of ['containers', 'initContainers'] as const) {
    (spec[kind] ?? []).forEach((c, i) => {
      if (!hasOuterSpace(c.image)) return;
      const why = 'must not have leading or trailing whitespace';
      errors.push(invalid(`spec.${kind}[${i}].image`, c.image, why));
    });
  }
}

/** The further rules of creating a pod. */
export function validatePodCreate(errors: Errors, pod: Pod): void {
  if ((pod.spec?.ephemeralContainers ?? []).length > 0) {
    errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  }
  if (pod.spec?.nodeName && (pod.spec.schedulingGates ?? []).length > 0) {
    errors.push(
      forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'),
    );
  }
}

/** A template inside a workload. */
export function validatePodTemplate(
  errors: Errors,
  path: string,
  template: PodTemplateSpec,
  rules: PodRules,
): void {
  validateLabels(errors, `${path}.labels`, template.metadata?.labels);
  validatePodSpec(errors, `${path}.spec`, template.spec ?? { containers: [] }, { rules });
  if ((template.spec?.ephemeralContainers ?? []).length > 0) {
    const why = 'ephemeral containers not allowed in pod template';
    errors.push(forbidden(`${path}.spec.ephemeralContainers`, why));
  }
}
