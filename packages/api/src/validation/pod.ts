/** Pods and pod templates. */
import { forbidden, invalid, notSupported, required } from '../field-error.ts';
import type { Pod, PodSpec, PodTemplateSpec } from '../generated/types.ts';
import { addMessages, type Errors, validateIp, validateLabels } from './common.ts';
import { goStrings } from './go-dump.ts';
import { validateAnnotations } from './metadata.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';
import { validatePodAnnotations, validateProfileAnnotations } from './pod-annotations.ts';
import { type PodRules, validateContainers } from './pod-containers.ts';
import { validateHostProcesses, validateOs } from './pod-os.ts';
import { validateAffinity, validatePlacement, validateTolerations } from './pod-scheduling.ts';
import { validatePodSecurity } from './pod-security-context.ts';
import { validateVolumes } from './pod-volumes.ts';
import { validateRequirements } from './resources.ts';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const MAX_INT32 = 2 ** 31 - 1;

/** In a template a host port may still be filled in. */
function validateHostNetwork(errors: Errors, path: string, spec: PodSpec, isPod: boolean): void {
  if (!spec.hostNetwork) return;
  (spec.containers ?? []).forEach((c, i) => {
    (c.ports ?? []).forEach((p, j) => {
      const host = p.hostPort ?? 0;
      if (host === p.containerPort || (host === 0 && !isPod)) return;
      const why = 'must match `containerPort` when `hostNetwork` is true';
      errors.push(invalid(`${path}.containers[${i}].ports[${j}].hostPort`, host, why));
    });
  });
}

const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2048;

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
  if (searches.join(' ').length > MAX_SEARCH_CHARACTERS) {
    const why = `must not have more than ${MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list`;
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
    (a.hostnames ?? []).forEach((h, j) => {
      addMessages(errors, `${path}.hostAliases[${i}].hostnames[${j}]`, h, dns1123Subdomain(h));
    });
  });
  subdomain('priorityClassName');
  const runtime = spec.runtimeClassName;
  if (runtime !== undefined) {
    addMessages(errors, `${path}.runtimeClassName`, runtime, dns1123Subdomain(runtime));
  }
  const preemption = spec.preemptionPolicy;
  const policies = ['PreemptLowerPriority', 'Never'];
  if (preemption === '') errors.push(required(`${path}.preemptionPolicy`));
  else if (preemption !== undefined && !policies.includes(preemption)) {
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
  validateHostNetwork(errors, path, spec, o.meta !== undefined);
  validatePolicies(errors, path, spec);
  validateLabels(errors, `${path}.nodeSelector`, spec.nodeSelector);
  validatePodSecurity(errors, path, spec);
  if (spec.affinity) validateAffinity(errors, `${path}.affinity`, spec.affinity);
  validateDns(errors, `${path}.dnsConfig`, spec);
  validatePlacement(errors, path, spec);
  validateHostProcesses(errors, path, spec, o.rules.allowPrivileged);
  validateNamesInSpec(errors, path, spec);
  validateRequirements(errors, `${path}.overhead`, { limits: spec.overhead });
  validateOs(errors, path, spec);
}

function hasOuterSpace(image: string | undefined): boolean {
  return image !== undefined && image.trim() !== image;
}

/** What is asked of a pod beyond its spec, at creation and at updates. */
export function validatePod(errors: Errors, pod: Pod, rules: PodRules): void {
  const spec = pod.spec ?? { containers: [] };
  validatePodAnnotations(errors, 'metadata.annotations', pod.metadata.annotations, spec);
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
  if (pod.spec) validateProfileAnnotations(errors, 'spec', pod.spec, pod.metadata.annotations);
}

/** A template inside a workload. */
export function validatePodTemplate(
  errors: Errors,
  path: string,
  template: PodTemplateSpec,
  rules: PodRules,
): void {
  const spec = template.spec ?? { containers: [] };
  const { labels, annotations } = template.metadata ?? {};
  validateLabels(errors, `${path}.labels`, labels);
  validateAnnotations(errors, `${path}.annotations`, annotations);
  validatePodAnnotations(errors, `${path}.annotations`, annotations, spec);
  validatePodSpec(errors, `${path}.spec`, spec, { rules });
  validateProfileAnnotations(errors, `${path}.spec`, spec, annotations);
  if ((template.spec?.ephemeralContainers ?? []).length > 0) {
    const why = 'ephemeral containers not allowed in pod template';
    errors.push(forbidden(`${path}.spec.ephemeralContainers`, why));
  }
}
