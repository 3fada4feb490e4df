import { aggregateText, type Namespace, type Pod } from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { SECCOMP_POD, SECCOMP_PREFIX } from './pod-security-baseline.ts';
import { complaints, type Policy } from './pod-security-checks.ts';
import {
  type Exemptions,
  NO_POD_SECURITY_CONFIG,
  type PodSecurityConfig,
} from './pod-security-config.ts';
import type { PodSecurityFigures } from './pod-security-figures.ts';
import { checkNamespace } from './pod-security-namespace.ts';
import type { CheckedPod } from './pod-security-pod.ts';
import { type NamespacePolicies, PREFIX, policiesOf, policyText } from './pod-security-policy.ts';
import { podSpecOf } from './pod-templates.ts';
import { onceFilled, refuse } from './support.ts';

/** Subresources of pods that change nothing of what a pod may do. */
const HARMLESS = new Set([
  'exec',
  'attach',
  'binding',
  'eviction',
  'log',
  'portforward',
  'proxy',
  'status',
]);

/**
 * Holds pods to the level their namespace's labels set: `enforce` refuses pods, `warn` warns about pods and
 * about whatever makes pods, `audit` notes them. The labels themselves are looked at as well.
 */
export function podSecurity(
  store: ResourceStore,
  config: PodSecurityConfig = NO_POD_SECURITY_CONFIG,
  figures?: PodSecurityFigures,
): AdmissionPlugin {
  const namespaces = store.cache<Namespace>(GVR.namespaces);
  const pods = store.cache<Pod>(GVR.pods);
  return {
    name: 'PodSecurity',
    validate(a) {
      const core = a.resource.group === '';
      if (core && a.resource.resource === 'namespaces') return checkNamespace(a, pods, config);
      const checked = checkedPod(a);
      if (!checked) return;
      const exempt = exemptionOf(a, checked, config.exemptions);
      if (exempt === '') return look(a, checked);
      figures?.exempt(a);
      return a.addAuditAnnotation?.(`${PREFIX}exempt`, exempt);
    },
  };

  function look(a: AdmissionAttributes, checked: CheckedPod): Promise<void> | void {
    return onceFilled(namespaces, (view) => {
      const isPod = a.resource.group === '' && a.resource.resource === 'pods';
      const policies = policiesOf(view.get('', a.namespace)?.metadata.labels, config.defaults);
      judge(a, checked, { policies, isPod, figures });
    });
  }
}

/** By what the administrator has left this pod out; empty: it is looked at. */
function exemptionOf(a: AdmissionAttributes, { spec }: CheckedPod, o: Exemptions): string {
  if (o.namespaces.includes(a.namespace)) return 'namespace';
  if (o.usernames.includes(a.user.name)) return 'user';
  return o.runtimeClasses.includes(spec.runtimeClassName ?? '') ? 'runtimeClass' : '';
}

function judge(
  a: AdmissionAttributes,
  pod: CheckedPod,
  o: { policies: NamespacePolicies; isPod: boolean; figures: PodSecurityFigures | undefined },
): void {
  const { enforce, audit, warn, errors } = o.policies;
  const { isPod, figures } = o;
  const note = (key: string, text: string): void => a.addAuditAnnotation?.(PREFIX + key, text);
  if (errors.length > 0) {
    figures?.failed(a);
    note('error', `Failed to parse policy: ${aggregateText(errors)}`);
  }
  if (isPod) note('enforce-policy', policyText(enforce));
  const refused = isPod ? violations(enforce, pod) : '';
  if (isPod) figures?.evaluated(a, 'enforce', enforce, refused === '' ? 'allow' : 'deny');
  const noted = violations(audit, pod);
  if (noted) {
    figures?.evaluated(a, 'audit', audit, 'deny');
    note('audit-violations', `would ${noted}`);
  }
  if (refused) throw refuse(a, refused.replace('violate', 'violates'));
  const warned = violations(warn, pod);
  if (!warned) return;
  figures?.evaluated(a, 'warn', warn, 'deny');
  a.addWarning(`would ${warned}`);
}

/** `violate PodSecurity "baseline:latest": …`; empty if the pod keeps to the level. */
function violations(policy: Policy, pod: CheckedPod): string {
  const found = complaints(policy, pod);
  if (found.length === 0) return '';
  const text = found.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
  return `violate PodSecurity "${policyText(policy)}": ${text}`;
}

/** What to look at: a new pod, one that changed in what matters here, or a template. */
function checkedPod(a: AdmissionAttributes): CheckedPod | undefined {
  if (a.operation !== 'CREATE' && a.operation !== 'UPDATE') return undefined;
  if (a.resource.group !== '' || a.resource.resource !== 'pods' || a.operation === 'CREATE') {
    return podSpecOf(a);
  }
  if (HARMLESS.has(a.subresource)) return undefined;
  const { spec, metadata } = a.object as Pod;
  const before = a.oldObject as Pod | undefined;
  // Other changes of a pod cannot make it worse.
  const worse = spec && (!before?.spec || mayBeWorse({ spec, metadata }, before as CheckedPod));
  return worse ? { spec, metadata } : undefined;
}

/** Whether a container is new, runs another image, or an annotation says something else of its system calls. */
function mayBeWorse(now: CheckedPod, before: CheckedPod): boolean {
  const facts = ({ spec, metadata }: CheckedPod): string[] => {
    const { containers, initContainers = [], ephemeralContainers = [] } = spec;
    const annotations = metadata?.annotations ?? {};
    const ofContainers = [...containers, ...initContainers, ...ephemeralContainers].map(
      ({ name, image = '' }) => `${name} ${image} ${annotations[SECCOMP_PREFIX + name] ?? ''}`,
    );
    return [...ofContainers, annotations[SECCOMP_POD] ?? ''];
  };
  const known = new Set(facts(before));
  return facts(now).some((fact) => !known.has(fact));
}
