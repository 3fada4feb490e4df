/** Which writes policies are about, those that judge and those that change. */
import type { KindDef, KindRegistry, MatchResources, Namespace } from '@kubets/api';
import type { AdmissionAttributes } from '../../ports.ts';
import { isSelected, ruleMatches, versionMatching } from '../webhooks/match.ts';

interface Policy {
  readonly spec?: { readonly matchConstraints?: MatchResources | undefined } | undefined;
}
interface Binding {
  readonly spec?: { readonly matchResources?: MatchResources | undefined } | undefined;
}

const POLICIES = [
  ...['validatingadmissionpolicies', 'validatingadmissionpolicybindings'],
  ...['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'],
];

/** Policies do not decide about policies: else nobody could take a bad one away. */
export const isPolicyItself = ({ resource }: AdmissionAttributes): boolean =>
  resource.group === 'admissionregistration.k8s.io' && POLICIES.includes(resource.resource);

/** The version of its kind in which a write concerns a policy; undefined when it does not, or not by this binding. */
export function kindConcerned(
  policy: Policy,
  binding: Binding,
  a: AdmissionAttributes,
  o: { namespace: Namespace | undefined; kinds: KindRegistry },
): KindDef | undefined {
  const labels = o.namespace?.metadata.labels ?? {};
  const among = (match: MatchResources, openRules: boolean): KindDef | undefined =>
    versionMatching(a, { matchPolicy: match.matchPolicy, kinds: o.kinds }, (one) =>
      concerned(match, one, labels, openRules),
    );
  const { matchConstraints } = policy.spec ?? {};
  const { matchResources } = binding.spec ?? {};
  const isBound = matchResources === undefined || among(matchResources, true) !== undefined;
  return isBound && matchConstraints !== undefined ? among(matchConstraints, false) : undefined;
}

/** @param openRules whether no rules mean every write */
function concerned(
  match: MatchResources,
  a: AdmissionAttributes,
  labels: Record<string, string>,
  openRules: boolean,
): boolean {
  const names = (rule: { resourceNames?: string[] | undefined }): boolean =>
    !rule.resourceNames?.length || rule.resourceNames.includes(a.name);
  const rules = match.resourceRules ?? [];
  const excluded = match.excludeResourceRules ?? [];
  const hit = rules.some((rule) => names(rule) && ruleMatches(rule, a));
  if (!hit && !(openRules && rules.length === 0)) return false;
  if (excluded.some((rule) => names(rule) && ruleMatches(rule, a))) return false;
  return isSelected(match, a, labels);
}
