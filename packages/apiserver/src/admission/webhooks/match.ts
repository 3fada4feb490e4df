import {
  type KindDef,
  type KindRegistry,
  type LabelSelector,
  labelSelectorOf,
  type MutatingWebhook,
  matchesLabels,
  type RuleWithOperations,
  type ValidatingWebhook,
} from '@kubets/api';
import type { AdmissionAttributes } from '../../ports.ts';
import { equivalentsOf, inVersion } from '../equivalents.ts';

/** A webhook of either kind. */
export type Webhook = MutatingWebhook | ValidatingWebhook;

/** Writes to these never go to webhooks: a broken one could not be repaired otherwise. */
const EXEMPT_GROUP = 'admissionregistration.k8s.io';

/** In which version of its kind a webhook wants to hear of a write; undefined when it does not. */
export function webhookMatches(
  hook: Webhook,
  a: AdmissionAttributes,
  o: { readonly labels: Record<string, string>; readonly kinds: KindRegistry },
): KindDef | undefined {
  if (a.resource.group === EXEMPT_GROUP || !isSelected(hook, a, o.labels)) return undefined;
  const { rules = [], matchPolicy } = hook;
  return versionMatching(a, { matchPolicy, kinds: o.kinds }, (one) =>
    rules.some((rule) => ruleMatches(rule, one)),
  );
}

/** The version of the write in which it is matched: its own if that is, or else another unless that is ruled out. */
export function versionMatching(
  a: AdmissionAttributes,
  o: { readonly matchPolicy: string | undefined; readonly kinds: KindRegistry },
  matches: (a: AdmissionAttributes) => boolean,
): KindDef | undefined {
  if (matches(a)) return a.kind;
  if (o.matchPolicy === 'Exact') return undefined;
  return equivalentsOf(a, o.kinds).find((kind) => matches(inVersion(a, kind)));
}

/** Whether the selectors of a webhook or policy choose the write's namespace and object. */
export function isSelected(
  selectors: Selectors,
  a: AdmissionAttributes,
  namespaceLabels: Record<string, string>,
): boolean {
  return namespaceSelected(selectors, a, namespaceLabels) && objectSelected(selectors, a);
}

interface Selectors {
  readonly namespaceSelector?: LabelSelector | undefined;
  readonly objectSelector?: LabelSelector | undefined;
}

/** Whether a rule names the operation, group, version, scope and resource of a write. */
export function ruleMatches(rule: RuleWithOperations, a: AdmissionAttributes): boolean {
  const scope = rule.scope ?? '*';
  const isNamespaced = a.namespace !== '' && a.resource.resource !== 'namespaces';
  return (
    has(rule.operations, a.operation) &&
    has(rule.apiGroups, a.resource.group) &&
    has(rule.apiVersions, a.resource.version) &&
    (scope === '*' || (scope === 'Namespaced') === isNamespaced) &&
    (rule.resources ?? []).some((one) => resourceMatches(one, a))
  );
}

const has = (list: string[] | undefined, value: string): boolean =>
  list?.some((one) => one === '*' || one === value) ?? false;

/** `pods`, `pods/status`, `pods/*`, `*` (without subresources), `*\/scale`, `*\/*`. */
function resourceMatches(pattern: string, a: AdmissionAttributes): boolean {
  const [resource = '', subresource = ''] = pattern.split('/', 2);
  const sameResource = resource === '*' || resource === a.resource.resource;
  return sameResource && (subresource === '*' || subresource === a.subresource);
}

const selects = (selector: LabelSelector | undefined, labels: Record<string, string>): boolean =>
  selector === undefined || matchesLabels(labelSelectorOf(selector), labels);

function namespaceSelected(
  hook: Selectors,
  a: AdmissionAttributes,
  namespaceLabels: Record<string, string>,
): boolean {
  if (a.resource.group === '' && a.resource.resource === 'namespaces') {
    return selects(hook.namespaceSelector, (a.object ?? a.oldObject)?.metadata.labels ?? {});
  }
  // Objects of the cluster have no namespace to select by.
  return a.namespace === '' || selects(hook.namespaceSelector, namespaceLabels);
}

function objectSelected(hook: Selectors, a: AdmissionAttributes): boolean {
  const objects = [a.object, a.oldObject].filter((object) => object !== undefined);
  return objects.some((object) => selects(hook.objectSelector, object.metadata.labels ?? {}));
}
