import type { PolicyRule } from '@kubets/api';
import type { AuthorizationAttributes } from '../ports.ts';

const has = (list: string[] | undefined, value: string): boolean =>
  list?.some((item) => item === '*' || item === value) ?? false;

/** Whether a rule grants what is asked. */
export function ruleAllows(rule: PolicyRule, asked: AuthorizationAttributes): boolean {
  if (!has(rule.verbs, asked.verb)) return false;
  if (!asked.isResourceRequest) return urlMatches(rule.nonResourceURLs, asked.path);
  return (
    has(rule.apiGroups, asked.apiGroup) &&
    resourceMatches(rule.resources, asked.resource, asked.subresource) &&
    nameMatches(rule.resourceNames, asked.name)
  );
}

function resourceMatches(rules: string[] | undefined, resource: string, sub: string): boolean {
  const wanted = sub ? `${resource}/${sub}` : resource;
  return (
    rules?.some((rule) => rule === '*' || rule === wanted || (sub !== '' && rule === `*/${sub}`)) ??
    false
  );
}

function nameMatches(names: string[] | undefined, name: string): boolean {
  return !names?.length || names.includes(name);
}

function urlMatches(urls: string[] | undefined, path: string): boolean {
  return (
    urls?.some(
      (url) =>
        url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
    ) ?? false
  );
}

/** A rule as error texts show it: set fields only, lists in Go's %q form. */
export function describeRule(rule: PolicyRule): string {
  const fields: [string, string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const set = fields.filter(([, list]) => list?.length);
  return `{${set.map(([name, list]) => `${name}:${quoteList(list ?? [])}`).join(', ')}}`;
}

/** `["a" "b"]`: a list of strings the way Go's %q prints it. */
export function quoteList(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}

/**
 * The parts of `wanted` that `held` does not grant, merged again per resource.
 * Each wanted rule is split to single grants (one group, resource, verb, name); a grant is held when
 * one held rule covers all of it.
 */
export function uncoveredRules(held: PolicyRule[], wanted: PolicyRule[]): PolicyRule[] {
  const missing = wanted
    .flatMap(splitRule)
    .filter((one) => !held.some((rule) => covers(rule, one)));
  return mergeRules(missing);
}

function splitRule(rule: PolicyRule): PolicyRule[] {
  const single: PolicyRule[] = [];
  for (const group of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const verb of rule.verbs) {
        const base = { verbs: [verb], apiGroups: [group], resources: [resource] };
        const names = rule.resourceNames ?? [];
        if (names.length === 0) single.push(base);
        for (const name of names) single.push({ ...base, resourceNames: [name] });
      }
    }
  }
  for (const url of rule.nonResourceURLs ?? []) {
    for (const verb of rule.verbs) single.push({ verbs: [verb], nonResourceURLs: [url] });
  }
  return single;
}

function covers(held: PolicyRule, one: PolicyRule): boolean {
  const verb = one.verbs[0] ?? '';
  if (!has(held.verbs, verb)) return false;
  const url = one.nonResourceURLs?.[0];
  if (url !== undefined) return urlCovered(held.nonResourceURLs, url);
  const [resource = '', sub = ''] = (one.resources?.[0] ?? '').split('/', 2);
  const name = one.resourceNames?.[0];
  const heldNames = held.resourceNames ?? [];
  return (
    has(held.apiGroups, one.apiGroups?.[0] ?? '') &&
    resourceMatches(held.resources, resource, sub) &&
    (heldNames.length === 0 || (name !== undefined && heldNames.includes(name)))
  );
}

/** A held pattern covers a wanted one only as a plain prefix: `/a/*` covers `/a/b*`, not the other way. */
function urlCovered(held: string[] | undefined, wanted: string): boolean {
  return (
    held?.some((url) => {
      if (url === '*' || url === wanted) return true;
      return url.endsWith('*') && wanted.startsWith(url.slice(0, -1));
    }) ?? false
  );
}

function mergeRules(rules: PolicyRule[]): PolicyRule[] {
  const merged = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const { verbs, ...rest } = rule;
    const key = JSON.stringify(rest);
    const known = merged.get(key);
    if (known) known.verbs = [...new Set([...known.verbs, ...verbs])];
    else merged.set(key, { ...rest, verbs: [...verbs] });
  }
  return [...merged.values()];
}
