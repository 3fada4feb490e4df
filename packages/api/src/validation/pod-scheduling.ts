/** Where a pod may run: affinity, tolerations, spreading, gates. */
import { duplicate, forbidden, GoText, invalid, notSupported, required } from '../field-error.ts';
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodSpec,
  Toleration,
  TopologySpreadConstraint,
} from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { addMessages, type Errors, validateSelector } from './common.ts';
import { dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from './names.ts';

export const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

function nodeRequirement(
  errors: Errors,
  path: string,
  r: NodeSelectorRequirement,
  anyValue: boolean,
): void {
  const count = r.values?.length ?? 0;
  switch (r.operator) {
    case 'In':
    case 'NotIn':
      if (count === 0) {
        const why = "must be specified when `operator` is 'In' or 'NotIn'";
        errors.push(required(`${path}.values`, why));
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (count > 0) {
        const why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
        errors.push(forbidden(`${path}.values`, why));
      }
      break;
    case 'Gt':
    case 'Lt':
      if (count !== 1) {
        const why = "must be specified single value when `operator` is 'Lt' or 'Gt'";
        errors.push(required(`${path}.values`, why));
      }
      break;
    default:
      errors.push(invalid(`${path}.operator`, r.operator, 'not a valid selector operator'));
  }
  addMessages(errors, `${path}.key`, r.key, qualifiedName(r.key));
  if (anyValue) return;
  (r.values ?? []).forEach((v, i) => {
    addMessages(errors, `${path}.values[${i}]`, v, labelValue(v));
  });
}

function nodeField(errors: Errors, path: string, r: NodeSelectorRequirement): void {
  if (r.operator !== 'In' && r.operator !== 'NotIn') {
    errors.push(invalid(`${path}.operator`, r.operator, 'not a valid selector operator'));
  } else if ((r.values ?? []).length !== 1) {
    const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(required(`${path}.values`, why));
  }
  if (r.key !== 'metadata.name') {
    errors.push(invalid(`${path}.key`, r.key, 'not a valid field selector key'));
    return;
  }
  (r.values ?? []).forEach((v, i) => {
    addMessages(errors, `${path}.values[${i}]`, v, dns1123Subdomain(v));
  });
}

/** Terms that are only preferred may look for values no label can have. */
function nodeTerm(errors: Errors, path: string, term: NodeSelectorTerm, anyValue: boolean): void {
  (term.matchExpressions ?? []).forEach((r, i) => {
    nodeRequirement(errors, `${path}.matchExpressions[${i}]`, r, anyValue);
  });
  (term.matchFields ?? []).forEach((r, i) => {
    nodeField(errors, `${path}.matchFields[${i}]`, r);
  });
}

/** A node selector, as node affinity and volumes have it. */
export function validateNodeSelector(errors: Errors, path: string, s: NodeSelector): void {
  const terms = s.nodeSelectorTerms ?? [];
  if (terms.length === 0) {
    errors.push(required(`${path}.nodeSelectorTerms`, 'must have at least one node selector term'));
  }
  terms.forEach((t, i) => {
    nodeTerm(errors, `${path}.nodeSelectorTerms[${i}]`, t, false);
  });
}

function checkWeight(errors: Errors, path: string, weight: number): void {
  if (weight <= 0 || weight > 100) {
    errors.push(invalid(`${path}.weight`, weight, 'must be in the range 1-100'));
  }
}

function podTerm(errors: Errors, path: string, term: PodAffinityTerm): void {
  validateSelector(errors, `${path}.labelSelector`, term.labelSelector);
  validateSelector(errors, `${path}.namespaceSelector`, term.namespaceSelector);
  for (const ns of term.namespaces ?? []) {
    addMessages(errors, `${path}.namespace`, ns, dns1123Label(ns));
  }
  validateLabelKeys(errors, path, term);
  if (!term.topologyKey) errors.push(required(`${path}.topologyKey`, 'can not be empty'));
  addMessages(errors, `${path}.topologyKey`, term.topologyKey, qualifiedName(term.topologyKey));
}

/** Keys whose values come from the pod itself; its creation has added them to the selector. */
function validateLabelKeys(errors: Errors, path: string, term: PodAffinityTerm): void {
  const { matchLabelKeys: match = [], mismatchLabelKeys: mismatch = [], labelSelector } = term;
  for (const [field, keys] of [
    ['matchLabelKeys', match],
    ['mismatchLabelKeys', mismatch],
  ] as const) {
    if (keys.length === 0) continue;
    if (!labelSelector) {
      const why = 'must not be specified when labelSelector is not set';
      errors.push(forbidden(`${path}.${field}`, why));
      continue;
    }
    keys.forEach((key, i) => {
      addMessages(errors, `${path}.${field}[${i}]`, key, qualifiedName(key));
    });
  }
  const seen = new Set(Object.keys(labelSelector?.matchLabels ?? {}));
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    const at = match.lastIndexOf(key);
    if (at >= 0 && seen.has(key)) {
      const why = 'exists in both matchLabelKeys and labelSelector';
      errors.push(invalid(`${path}[${at}]`, key, why));
    }
    seen.add(key);
  }
  match.forEach((key, i) => {
    if (!mismatch.includes(key)) return;
    const why = 'exists in both matchLabelKeys and mismatchLabelKeys';
    errors.push(invalid(`${path}.matchLabelKeys[${i}]`, key, why));
  });
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

/** The affinity of a pod's spec. */
export function validateAffinity(errors: Errors, path: string, a: Affinity): void {
  const node = a.nodeAffinity;
  if (node?.[REQUIRED]) {
    validateNodeSelector(errors, `${path}.nodeAffinity.${REQUIRED}`, node[REQUIRED]);
  }
  (node?.[PREFERRED] ?? []).forEach((p, i) => {
    const at = `${path}.nodeAffinity.${PREFERRED}[${i}]`;
    checkWeight(errors, at, p.weight);
    nodeTerm(errors, `${at}.preference`, p.preference, true);
  });
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    (a[kind]?.[REQUIRED] ?? []).forEach((t, i) => {
      podTerm(errors, `${path}.${kind}.${REQUIRED}[${i}]`, t);
    });
    (a[kind]?.[PREFERRED] ?? []).forEach((p, i) => {
      const at = `${path}.${kind}.${PREFERRED}[${i}]`;
      checkWeight(errors, at, p.weight);
      podTerm(errors, `${at}.podAffinityTerm`, p.podAffinityTerm);
    });
  }
}

function tolerationDump(t: Toleration): GoText {
  const seconds = t.tolerationSeconds === undefined ? '(nil)' : '(0xc000000000)';
  const names = `Key:${goQuote(t.key ?? '')}, Operator:${goQuote(t.operator ?? '')}`;
  const rest = `Value:${goQuote(t.value ?? '')}, Effect:${goQuote(t.effect ?? '')}`;
  return new GoText(`core.Toleration{${names}, ${rest}, TolerationSeconds:(*int64)${seconds}}`);
}

function validateToleration(errors: Errors, path: string, t: Toleration): void {
  if (t.key) addMessages(errors, `${path}.key`, t.key, qualifiedName(t.key));
  const operator = t.operator ?? '';
  if (!t.key && operator !== 'Exists') {
    const why =
      'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(invalid(`${path}.operator`, operator, why));
  }
  if (t.tolerationSeconds !== undefined && t.effect !== 'NoExecute') {
    const why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    errors.push(invalid(`${path}.effect`, t.effect ?? '', why));
  }
  if (operator === 'Equal' || operator === '') {
    const messages = labelValue(t.value ?? '');
    if (messages.length > 0) {
      errors.push(invalid(`${path}.operator`, t.value ?? '', messages.join(';')));
    }
  } else if (operator === 'Exists') {
    const why = "value must be empty when `operator` is 'Exists'";
    if (t.value) errors.push(invalid(`${path}.operator`, tolerationDump(t), why));
  } else {
    errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  }
  if (t.effect && !TAINT_EFFECTS.includes(t.effect)) {
    errors.push(notSupported(`${path}.effect`, t.effect, TAINT_EFFECTS));
  }
}

export function validateTolerations(errors: Errors, path: string, list: Toleration[] | undefined) {
  (list ?? []).forEach((t, i) => {
    validateToleration(errors, `${path}[${i}]`, t);
  });
}

const SPREAD_ACTIONS = ['DoNotSchedule', 'ScheduleAnyway'];
const SPREAD_POLICIES = ['Honor', 'Ignore'];

function validateSpread(
  errors: Errors,
  path: string,
  c: TopologySpreadConstraint,
  later: readonly TopologySpreadConstraint[],
): void {
  if (c.maxSkew <= 0)
    errors.push(invalid(`${path}.maxSkew`, c.maxSkew, 'must be greater than zero'));
  if (!c.topologyKey) errors.push(required(`${path}.topologyKey`, 'can not be empty'));
  if (!SPREAD_ACTIONS.includes(c.whenUnsatisfiable)) {
    errors.push(notSupported(`${path}.whenUnsatisfiable`, c.whenUnsatisfiable, SPREAD_ACTIONS));
  }
  const same = (o: TopologySpreadConstraint) =>
    o.topologyKey === c.topologyKey && o.whenUnsatisfiable === c.whenUnsatisfiable;
  if (later.some(same)) {
    const pair = `{${c.topologyKey}, ${c.whenUnsatisfiable}}`;
    errors.push(duplicate(`${path}.{topologyKey, whenUnsatisfiable}`, pair));
  }
  if (c.minDomains !== undefined) {
    if (c.minDomains <= 0) {
      errors.push(invalid(`${path}.minDomains`, c.minDomains, 'must be greater than zero'));
    }
    if (c.whenUnsatisfiable !== 'DoNotSchedule') {
      const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${c.whenUnsatisfiable}`;
      errors.push(invalid(`${path}.minDomains`, c.minDomains, why));
    }
  }
  for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
    const value = c[field];
    if (value !== undefined && !SPREAD_POLICIES.includes(value)) {
      errors.push(notSupported(`${path}.${field}`, value, SPREAD_POLICIES));
    }
  }
  validateSpreadKeys(errors, `${path}.matchLabelKeys`, c);
  validateSelector(errors, `${path}.labelSelector`, c.labelSelector);
}

function validateSpreadKeys(errors: Errors, path: string, c: TopologySpreadConstraint): void {
  const keys = c.matchLabelKeys ?? [];
  if (keys.length === 0) return;
  if (!c.labelSelector) {
    errors.push(forbidden(path, 'must not be specified when labelSelector is not set'));
  }
  const selected = new Set([
    ...Object.keys(c.labelSelector?.matchLabels ?? {}),
    ...(c.labelSelector?.matchExpressions ?? []).map((e) => e.key),
  ]);
  keys.forEach((key, i) => {
    addMessages(errors, `${path}[${i}]`, key, qualifiedName(key));
    if (!selected.has(key)) return;
    const why = 'exists in both matchLabelKeys and labelSelector';
    errors.push(invalid(`${path}[${i}]`, key, why));
  });
}

function validateSpreads(errors: Errors, path: string, spec: PodSpec): void {
  const all = spec.topologySpreadConstraints ?? [];
  all.forEach((c, i) => {
    validateSpread(errors, `${path}[${i}]`, c, all.slice(i + 1));
  });
}

/** Gates and spreading; tolerations come later in the order of the messages. */
export function validatePlacement(errors: Errors, path: string, spec: PodSpec): void {
  (spec.readinessGates ?? []).forEach((g, i) => {
    const at = `${path}.readinessGates[${i}].conditionType`;
    addMessages(errors, at, g.conditionType, qualifiedName(g.conditionType));
  });
  const gates = new Set<string>();
  (spec.schedulingGates ?? []).forEach((g, i) => {
    const at = `${path}.schedulingGates[${i}]`;
    addMessages(errors, at, g.name, qualifiedName(g.name));
    if (gates.has(g.name)) errors.push(duplicate(at, g.name));
    gates.add(g.name);
  });
  validateSpreads(errors, `${path}.topologySpreadConstraints`, spec);
}
