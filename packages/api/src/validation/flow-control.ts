/** Flow schemas and priority levels. */
import { isDeepStrictEqual } from 'node:util';
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../field-error.ts';
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  ResourcePolicyRule,
  SubjectFlowcontrol,
} from '../generated/types.ts';
import { MANDATORY_FLOW_SCHEMAS, MANDATORY_PRIORITY_LEVELS } from '../mandatory-flow-control.ts';
import { addMessages, type Errors, requireText } from './common.ts';
import { goDump, goStrings } from './go-dump.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';

const VERBS = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'proxy',
  'update',
  'watch',
];
const SUBJECT_FIELDS = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;
type SubjectKind = keyof typeof SUBJECT_FIELDS;
const SUBJECT_KINDS = ['Group', 'ServiceAccount', 'User'];

function validateSubject(errors: Errors, path: string, s: SubjectFlowcontrol): void {
  if (!SUBJECT_KINDS.includes(s.kind)) {
    errors.push(notSupported(`${path}.kind`, s.kind, SUBJECT_KINDS));
    return;
  }
  const kind = s.kind as SubjectKind;
  const field = SUBJECT_FIELDS[kind];
  const at = `${path}.${field}`;
  const own = s[field];
  if (!own) errors.push(required(at, `${field} is required when subject kind is '${kind}'`));
  else {
    const named = requireText(errors, `${at}.name`, own.name);
    if (kind === 'ServiceAccount') {
      const { name = '', namespace = '' } = s.serviceAccount ?? {};
      if (named && name !== '*') addMessages(errors, `${at}.name`, name, dns1123Subdomain(name));
      if (namespace === '') {
        errors.push(required(`${at}.namespace`, 'must specify namespace for service account'));
      } else addMessages(errors, `${at}.namespace`, namespace, dns1123Label(namespace));
    }
  }
  for (const [other, name] of Object.entries(SUBJECT_FIELDS)) {
    if (other === kind || !s[name]) continue;
    const why = `${name} is forbidden when subject kind is not '${other}'`;
    errors.push(forbidden(`${path}.${name}`, why));
  }
}

/** A list where `*` stands alone. False when it is empty or holds the star. */
function starOrMany(
  errors: Errors,
  path: string,
  list: readonly string[] | undefined,
  o: { none: string; others: string },
): boolean {
  const values = list ?? [];
  if (values.length === 0) errors.push(required(path, o.none));
  const star = values.includes('*');
  if (star && values.length > 1) {
    const why = `if '*' is present, must not specify other ${o.others}`;
    errors.push(invalid(path, goStrings(values), why));
  }
  return values.length > 0 && !star;
}

function validateVerbs(errors: Errors, path: string, verbs: readonly string[] | undefined): void {
  const words = { none: 'verbs must contain at least one value', others: 'verbs' };
  if (!starOrMany(errors, path, verbs, words)) return;
  if ((verbs ?? []).every((v) => VERBS.includes(v))) return;
  errors.push(notSupported(path, goStrings(verbs), VERBS));
}

function urlProblem(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (url === '/') return undefined;
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const stars = url.split('*').length - 1;
  const suffix = stars === 0 || (stars === 1 && url.endsWith('/*'));
  return suffix ? undefined : 'wildcard can only do suffix matching';
}

function validateUrls(errors: Errors, path: string, rule: NonResourcePolicyRule): void {
  validateVerbs(errors, `${path}.verbs`, rule.verbs);
  const at = `${path}.nonResourceURLs`;
  const none = 'nonResourceURLs must contain at least one value';
  const words = { none, others: 'non-resource URLs' };
  if (!starOrMany(errors, at, rule.nonResourceURLs, words)) return;
  rule.nonResourceURLs.forEach((url, i) => {
    const problem = urlProblem(url);
    if (problem) errors.push(invalid(`${at}[${i}]`, url, problem));
  });
}

function validateResources(errors: Errors, path: string, rule: ResourcePolicyRule): void {
  validateVerbs(errors, `${path}.verbs`, rule.verbs);
  starOrMany(errors, `${path}.apiGroups`, rule.apiGroups, {
    none: 'resource rules must supply at least one api group',
    others: 'api groups',
  });
  starOrMany(errors, `${path}.resources`, rule.resources, {
    none: 'resource rules must supply at least one resource',
    others: 'resources',
  });
  const at = `${path}.namespaces`;
  const namespaces = rule.namespaces ?? [];
  if (namespaces.length === 0 && rule.clusterScope) return;
  const words = {
    none: 'resource rules that are not cluster scoped must supply at least one namespace',
    others: 'namespaces',
  };
  if (!starOrMany(errors, at, namespaces, words)) return;
  namespaces.forEach((ns, i) => {
    const intro = "each member of this list must be '*' or a DNS-1123 label; ";
    const messages = dns1123Label(ns).map((m) => intro + m);
    addMessages(errors, `${at}[${i}]`, ns, messages);
  });
}

function validateRule(errors: Errors, path: string, rule: PolicyRulesWithSubjects): void {
  const subjects = rule.subjects ?? [];
  if (subjects.length === 0) {
    errors.push(required(`${path}.subjects`, 'subjects must contain at least one value'));
  }
  subjects.forEach((s, i) => {
    validateSubject(errors, `${path}.subjects[${i}]`, s);
  });
  const resources = rule.resourceRules ?? [];
  const urls = rule.nonResourceRules ?? [];
  if (resources.length + urls.length === 0) {
    const why = 'at least one of resourceRules and nonResourceRules has to be non-empty';
    errors.push(required(path, why));
  }
  resources.forEach((r, i) => {
    validateResources(errors, `${path}.resourceRules[${i}]`, r);
  });
  urls.forEach((r, i) => {
    validateUrls(errors, `${path}.nonResourceRules[${i}]`, r);
  });
}

const MAX_PRECEDENCE = 10_000;
const DISTINGUISHERS = ['ByNamespace', 'ByUser'];

export function validateFlowSchema(errors: Errors, fs: FlowSchema): void {
  const spec = fs.spec;
  if (!spec) return;
  const precedence = spec.matchingPrecedence ?? 0;
  const at = 'spec.matchingPrecedence';
  if (precedence <= 0) errors.push(invalid(at, precedence, 'must be a positive value'));
  if (precedence > MAX_PRECEDENCE) {
    errors.push(invalid(at, precedence, `must not be greater than ${MAX_PRECEDENCE}`));
  }
  if (precedence === 1 && fs.metadata.name !== 'exempt') {
    const why = "only the schema named 'exempt' may have matchingPrecedence 1";
    errors.push(invalid(at, precedence, why));
  }
  const method = spec.distinguisherMethod?.type;
  if (spec.distinguisherMethod && !DISTINGUISHERS.includes(method ?? '')) {
    errors.push(notSupported('spec.distinguisherMethod.type', method ?? '', DISTINGUISHERS));
  }
  const level = spec.priorityLevelConfiguration?.name ?? '';
  const levelPath = 'spec.priorityLevelConfiguration.name';
  if (level === '') errors.push(required(levelPath, 'must reference a priority level'));
  else addMessages(errors, levelPath, level, dns1123Subdomain(level));
  (spec.rules ?? []).forEach((rule, i) => {
    validateRule(errors, `spec.rules[${i}]`, rule);
  });
  const { name = '' } = fs.metadata;
  const fixed = MANDATORY_FLOW_SCHEMAS.get(name);
  if (fixed === undefined || isDeepStrictEqual(plain(spec), plain(fixed))) return;
  const dump = goDump('flowcontrol.FlowSchemaSpec', spec);
  errors.push(invalid('spec', dump, `spec of '${name}' must equal the fixed value`));
}

/** Without what is not said. */
const plain = (value: object): unknown => JSON.parse(JSON.stringify(value));

const MAX_QUEUES = 10_000_000;
const MAX_HASH_BITS = 60;

/** Bits of a hash it takes to deal a hand of this size. */
function entropyBits(queues: number, hand: number): number {
  let bits = 0;
  for (let i = 0; i < hand; i += 1) bits += Math.log2(queues - i);
  return Math.ceil(bits);
}

type Limited = NonNullable<NonNullable<PriorityLevelConfiguration['spec']>['limited']>;
type Queuing = NonNullable<NonNullable<Limited['limitResponse']>['queuing']>;

function validateQueuing(errors: Errors, path: string, q: Queuing): void {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = q;
  const complain = (field: string, value: number, why: string): void => {
    errors.push(invalid(`${path}.${field}`, value, why));
  };
  if (queueLengthLimit <= 0) complain('queueLengthLimit', queueLengthLimit, 'must be positive');
  if (queues <= 0) complain('queues', queues, 'must be positive');
  else if (queues > MAX_QUEUES) {
    complain('queues', queues, `must not be greater than ${MAX_QUEUES}`);
  }
  if (handSize <= 0) complain('handSize', handSize, 'must be positive');
  else if (handSize > queues) {
    complain('handSize', handSize, `should not be greater than queues (${queues})`);
  } else if (entropyBits(queues, Math.min(handSize, MAX_HASH_BITS + 1)) > MAX_HASH_BITS) {
    const why = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${MAX_HASH_BITS}`;
    complain('handSize', handSize, why);
  }
}

function validateShares(
  errors: Errors,
  path: string,
  level: { nominalConcurrencyShares?: number | undefined; lendablePercent?: number | undefined },
): FieldError[] {
  const shares = level.nominalConcurrencyShares ?? 0;
  if (shares < 0) {
    const why = 'must be a non-negative integer';
    errors.push(invalid(`${path}.nominalConcurrencyShares`, shares, why));
  }
  const lend = level.lendablePercent ?? 0;
  if (lend >= 0 && lend <= 100) return [];
  return [invalid(`${path}.lendablePercent`, lend, 'must be between 0 and 100, inclusive')];
}

function validateLimited(errors: Errors, path: string, limited: Limited): void {
  const lendable = validateShares(errors, path, limited);
  const { type = '', queuing } = limited.limitResponse ?? {};
  const at = `${path}.limitResponse`;
  if (type === 'Reject') {
    const why = 'must be nil if limited.limitResponse.type is not Limited';
    if (queuing) errors.push(forbidden(`${at}.queuing`, why));
  } else if (type === 'Queue') {
    const why = 'must not be empty if limited.limitResponse.type is Limited';
    if (!queuing) errors.push(required(`${at}.queuing`, why));
    else validateQueuing(errors, `${at}.queuing`, queuing);
  } else errors.push(notSupported(`${at}.type`, type, ['Queue', 'Reject']));
  errors.push(...lendable);
  const borrow = limited.borrowingLimitPercent;
  if (borrow !== undefined && borrow < 0) {
    const why = 'if specified, must be a non-negative integer';
    errors.push(invalid(`${path}.borrowingLimitPercent`, borrow, why));
  }
}

export function validatePriorityLevel(errors: Errors, level: PriorityLevelConfiguration): void {
  const spec = level.spec;
  if (!spec) return;
  if ((level.metadata.name === 'exempt') !== (spec.type === 'Exempt')) {
    const why = "type must be 'Exempt' if and only if name is 'exempt'";
    errors.push(invalid('spec.type', spec.type, why));
  }
  if (spec.type === 'Limited') {
    const why = 'must not be empty when type is Limited';
    if (spec.exempt) errors.push(forbidden('spec.exempt', 'must be nil if the type is Limited'));
    if (!spec.limited) errors.push(required('spec.limited', why));
    else validateLimited(errors, 'spec.limited', spec.limited);
  } else if (spec.type === 'Exempt') {
    const why = 'must be nil if the type is not Limited';
    if (spec.limited) errors.push(forbidden('spec.limited', why));
    if (spec.exempt) errors.push(...validateShares(errors, 'spec.exempt', spec.exempt));
  } else errors.push(notSupported('spec.type', spec.type, ['Exempt', 'Limited']));
  validateMandatoryLevel(errors, level);
}

function validateMandatoryLevel(errors: Errors, level: PriorityLevelConfiguration): void {
  const { metadata, spec } = level;
  const { name = '' } = metadata;
  const fixed = MANDATORY_PRIORITY_LEVELS.get(name);
  if (fixed === undefined || spec === undefined) return;
  const isExempt = name === 'exempt';
  const wanted = isExempt ? { ...fixed, exempt: spec.exempt } : fixed;
  if (isDeepStrictEqual(plain(spec), plain(wanted))) return;
  const but = isExempt ? " except the 'spec.exempt' field" : '';
  const dump = goDump('flowcontrol.PriorityLevelConfigurationSpec', spec);
  errors.push(invalid('spec', dump, `spec of '${name}'${but} must equal the fixed value`));
}

interface Conditioned {
  readonly status?: { readonly conditions?: { type?: string }[] } | undefined;
}

export function validateFlowStatus(errors: Errors, object: Conditioned): void {
  const seen = new Set<string>();
  (object.status?.conditions ?? []).forEach(({ type = '' }, i) => {
    const at = `status.conditions[${i}].type`;
    if (seen.has(type)) errors.push(duplicate(at, type));
    seen.add(type);
    if (type === '') errors.push(required(at, 'must not be empty'));
  });
}
