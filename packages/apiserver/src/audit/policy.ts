/** The audit policy: which requests are written down, and how much of them. The first rule that matches decides. */
import { isJsonObject } from '@kubets/api';
import { ConfigError } from '@kubets/platform';
import { readYamlFile } from '../outbound/kubeconfig.ts';
import type { RequestInfo, UserInfo } from '../ports.ts';

export const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof LEVELS)[number];
export const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof STAGES)[number];

interface GroupResources {
  readonly group: string;
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

interface Rule {
  readonly level: Level;
  readonly users: readonly string[];
  readonly userGroups: readonly string[];
  readonly verbs: readonly string[];
  readonly namespaces: readonly string[];
  readonly resources: readonly GroupResources[];
  readonly nonResourceURLs: readonly string[];
  readonly omitStages: ReadonlySet<Stage>;
  readonly omitManagedFields: boolean;
}

/** What a request is worth. */
export interface Verdict {
  readonly level: Level;
  readonly omitStages: ReadonlySet<Stage>;
  readonly omitManagedFields: boolean;
}

const NOTHING: Verdict = { level: 'None', omitStages: new Set(), omitManagedFields: false };

export class AuditPolicy {
  readonly #rules: readonly Rule[];

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /** @param user undefined when nobody could be authenticated */
  verdict(user: UserInfo | undefined, info: RequestInfo): Verdict {
    return this.#rules.find((rule) => matches(rule, user, info)) ?? NOTHING;
  }
}

function matches(rule: Rule, user: UserInfo | undefined, info: RequestInfo): boolean {
  const { users, userGroups, verbs, namespaces, resources, nonResourceURLs } = rule;
  if (users.length > 0 && !(user && users.includes(user.name))) return false;
  if (userGroups.length > 0 && !user?.groups.some((one) => userGroups.includes(one))) return false;
  if (verbs.length > 0 && !verbs.includes(info.verb)) return false;
  if (namespaces.length > 0 || resources.length > 0) return matchesResource(rule, info);
  if (nonResourceURLs.length === 0) return true;
  return !info.isResourceRequest && nonResourceURLs.some((one) => pathMatches(one, info.path));
}

function matchesResource({ namespaces, resources }: Rule, info: RequestInfo): boolean {
  if (!info.isResourceRequest) return false;
  if (namespaces.length > 0 && !namespaces.includes(info.namespace)) return false;
  if (resources.length === 0) return true;
  return resources.some((one) => {
    if (one.group !== info.apiGroup) return false;
    if (one.resources.length === 0) return true;
    const isNamed = one.resourceNames.length === 0 || one.resourceNames.includes(info.name);
    return isNamed && one.resources.some((pattern) => resourceMatches(pattern, info));
  });
}

/** `pods` is the resource alone, `pods/log` one of its parts, `pods/*` both; `*\/status` a part of any; `*` all. */
function resourceMatches(pattern: string, { resource, subresource }: RequestInfo): boolean {
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  if (pattern === '*' || pattern === whole) return true;
  if (pattern.startsWith('*/')) return subresource !== '' && pattern.slice(2) === subresource;
  return pattern.endsWith('/*') && pattern.slice(0, -2) === resource;
}

function pathMatches(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1));
}

const FLAG = '--audit-policy-file';

/** Reads a policy file. @throws ConfigError naming what is wrong with it */
export function loadAuditPolicy(file: string): AuditPolicy {
  return parseAuditPolicy(readYamlFile(FLAG, file), file);
}

type Part = Readonly<Record<string, unknown>>;

/** @throws ConfigError */
export function parseAuditPolicy(policy: Part, file: string): AuditPolicy {
  const fail = (what: string): never => {
    throw new ConfigError(`${FLAG}: ${file}: ${what}`);
  };
  if (policy.kind !== 'Policy' || policy.apiVersion !== 'audit.k8s.io/v1') {
    fail('want kind Policy of audit.k8s.io/v1');
  }
  const { rules } = policy;
  if (!Array.isArray(rules) || rules.length === 0) return fail('the policy has no rules');
  const omitted = stagesOf(policy.omitStages, 'omitStages', fail);
  const common = { omitted, omitManagedFields: policy.omitManagedFields === true };
  return new AuditPolicy(
    rules.map((rule: unknown, at) => {
      if (!isJsonObject(rule)) return fail(`rules[${at}] is no object`);
      return parseRule(rule, common, (what) => fail(`rules[${at}]: ${what}`));
    }),
  );
}

function parseRule(
  rule: Part,
  common: { omitted: readonly Stage[]; omitManagedFields: boolean },
  fail: (what: string) => never,
): Rule {
  const level = LEVELS.find((one) => one === rule.level);
  if (level === undefined) return fail(`level must be one of ${LEVELS.join(', ')}`);
  const list = (name: string): readonly string[] => {
    const value = rule[name] ?? [];
    return Array.isArray(value) ? value.map(String) : fail(`${name} must be a list`);
  };
  const resources = (Array.isArray(rule.resources) ? rule.resources : []).filter(isJsonObject);
  const nonResourceURLs = list('nonResourceURLs');
  if (nonResourceURLs.length > 0 && (resources.length > 0 || list('namespaces').length > 0)) {
    fail('rules cannot apply to both regular resources and non-resource URLs');
  }
  for (const url of nonResourceURLs) {
    const fits = url === '*' || (url.startsWith('/') && !url.slice(0, -1).includes('*'));
    if (!fits) fail(`nonResourceURLs: "${url}" must begin with a slash, with a * at the end only`);
  }
  const stages = [...common.omitted, ...stagesOf(rule.omitStages, 'omitStages', fail)];
  const own = rule.omitManagedFields;
  return {
    level,
    users: list('users'),
    userGroups: list('userGroups'),
    verbs: list('verbs'),
    namespaces: list('namespaces'),
    resources: resources.map(groupOf),
    nonResourceURLs,
    omitStages: new Set(stages),
    omitManagedFields: typeof own === 'boolean' ? own : common.omitManagedFields,
  };
}

function groupOf(part: Part): GroupResources {
  const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
  const group = typeof part.group === 'string' ? part.group : '';
  return { group, resources: list(part.resources), resourceNames: list(part.resourceNames) };
}

function stagesOf(value: unknown, name: string, fail: (what: string) => never): Stage[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return fail(`${name} must be a list`);
  return value.map((text) => {
    return STAGES.find((one) => one === text) ?? fail(`${name}: "${String(text)}" is no stage`);
  });
}
