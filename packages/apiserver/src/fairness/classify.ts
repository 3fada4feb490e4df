/** Which flow schema a request belongs to, and which of its flows. */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  SubjectFlowcontrol,
} from '@kubets/api';
import { serviceAccountUsername } from '../auth/identity.ts';
import type { RequestInfo, UserInfo } from '../ports.ts';

/** Schemas without a precedence of their own come at this one. */
const DEFAULT_PRECEDENCE = 1_000;

/** A flow schema made ready for many questions. */
export interface CompiledSchema {
  readonly name: string;
  readonly uid: string;
  readonly levelName: string;
  readonly precedence: number;
  matches(user: UserInfo, info: RequestInfo): boolean;
  /** What tells the flows of the schema apart. */
  flowOf(user: UserInfo, info: RequestInfo): string;
}

export function compileSchema(object: FlowSchema): CompiledSchema {
  const { spec } = object;
  const rules = (spec?.rules ?? []).map(compileRule);
  const by = spec?.distinguisherMethod?.type;
  return {
    name: object.metadata.name ?? '',
    uid: object.metadata.uid ?? '',
    levelName: spec?.priorityLevelConfiguration.name ?? '',
    precedence: spec?.matchingPrecedence ?? DEFAULT_PRECEDENCE,
    matches: (user, info) => rules.some((rule) => rule(user, info)),
    flowOf(user, info) {
      if (by === 'ByUser') return user.name;
      return by === 'ByNamespace' ? info.namespace : '';
    },
  };
}

/** Lower precedence goes first; among equals the name decides, so that every apiserver decides alike. */
export function inOrder(schemas: readonly CompiledSchema[]): CompiledSchema[] {
  return [...schemas].sort(
    (a, b) => a.precedence - b.precedence || (a.name < b.name ? -1 : Number(a.name > b.name)),
  );
}

type Matcher = (user: UserInfo, info: RequestInfo) => boolean;

function compileRule({
  subjects,
  resourceRules,
  nonResourceRules,
}: PolicyRulesWithSubjects): Matcher {
  const who = subjects.map(compileSubject);
  return (user, info) => {
    if (!who.some((subject) => subject(user))) return false;
    return info.isResourceRequest
      ? (resourceRules ?? []).some((rule) => onResource(rule, info))
      : (nonResourceRules ?? []).some((rule) => onPath(rule, info));
  };
}

function compileSubject(subject: SubjectFlowcontrol): (user: UserInfo) => boolean {
  const { user, group, serviceAccount: account } = subject;
  if (user) return ({ name }) => user.name === '*' || name === user.name;
  if (group) return ({ groups }) => group.name === '*' || groups.includes(group.name);
  if (!account) return () => false;
  if (account.name !== '*') {
    const full = serviceAccountUsername(account.namespace, account.name);
    return ({ name }) => name === full;
  }
  const prefix = serviceAccountUsername(account.namespace, '');
  return ({ name }) => name.startsWith(prefix);
}

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes('*') || list.includes(value));

function onResource(rule: ResourcePolicyRule, info: RequestInfo): boolean {
  if (!has(rule.verbs, info.verb) || !has(rule.apiGroups, info.apiGroup)) return false;
  const { resource, subresource } = info;
  if (!has(rule.resources, subresource === '' ? resource : `${resource}/${subresource}`))
    return false;
  // The namespaces resource is cluster-scoped although its requests carry a namespace.
  const namespace = resource === 'namespaces' && info.apiGroup === '' ? '' : info.namespace;
  return namespace === '' ? rule.clusterScope === true : has(rule.namespaces, namespace);
}

function onPath({ verbs, nonResourceURLs }: NonResourcePolicyRule, info: RequestInfo): boolean {
  if (!has(verbs, info.verb)) return false;
  return nonResourceURLs.some((url) => {
    if (url === '*' || url === info.path) return true;
    return url.endsWith('/*') && info.path.startsWith(url.slice(0, -1));
  });
}
