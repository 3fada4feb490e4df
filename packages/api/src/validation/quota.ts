/** Limit ranges and resource quotas. */
import { forbidden, GoText, invalid, required } from '../field-error.ts';
import type {
  LimitRange,
  LimitRangeItem,
  ResourceQuota,
  ScopeSelector,
} from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { parseQuantity } from '../quantity.ts';
import { addMessages, type Errors, IMMUTABLE, UniqueNames } from './common.ts';
import { goList, goQuantity, goStrings } from './go-dump.ts';
import { qualifiedName } from './names.ts';
import {
  overcommits,
  validateAmount,
  validateContainerResourceName,
  validateResourceName,
} from './resources.ts';

const LIMIT_TYPES = ['Container', 'Pod', 'PersistentVolumeClaim'];

/** `[lower field, upper field, lower words, upper words]`: lower must not exceed upper. */
type Bound = readonly [keyof LimitRangeItem, keyof LimitRangeItem, string, string];

/** Which field is blamed, whose value is shown, and what is compared; in the order of the messages. */
const LIMIT_ORDER: readonly [
  blame: keyof LimitRangeItem,
  shown: keyof LimitRangeItem,
  bound: Bound,
][] = [
  ['min', 'min', ['min', 'max', 'min', 'max']],
  ['defaultRequest', 'defaultRequest', ['min', 'defaultRequest', 'min', 'default request']],
  ['defaultRequest', 'defaultRequest', ['defaultRequest', 'max', 'default request', 'max']],
  [
    'defaultRequest',
    'defaultRequest',
    ['defaultRequest', 'default', 'default request', 'default limit'],
  ],
  ['default', 'min', ['min', 'default', 'min', 'default']],
  ['default', 'max', ['default', 'max', 'default', 'max']],
];

/** Defaults of pods are refused as a whole: their amounts are not looked at. */
const LIMIT_DEFAULTS: ReadonlySet<string> = new Set(['default', 'defaultRequest']);

function amountOf(item: LimitRangeItem, field: keyof LimitRangeItem, name: string) {
  if (item.type === 'Pod' && LIMIT_DEFAULTS.has(field)) return undefined;
  const list = item[field];
  return typeof list === 'object' ? list[name] : undefined;
}

function validateLimitAmounts(errors: Errors, path: string, item: LimitRangeItem): void {
  const names = new Set(
    (['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const).flatMap((f) =>
      Object.keys(item[f] ?? {}),
    ),
  );
  for (const name of names) {
    for (const [blame, shownField, [low, high, lowWord, highWord]] of LIMIT_ORDER) {
      const a = amountOf(item, low, name);
      const b = amountOf(item, high, name);
      if (a === undefined || b === undefined) continue;
      if (parseQuantity(a).cmp(parseQuantity(b)) <= 0) continue;
      const shown = goQuantity(amountOf(item, shownField, name) ?? '0', true);
      const why = `${lowWord} value ${a} is greater than ${highWord} value ${b}`;
      errors.push(invalid(`${path}.${blame}[${name}]`, shown, why));
    }
    validateRatio(errors, path, item, name);
    const whole = amountOf(item, 'default', name);
    const request = amountOf(item, 'defaultRequest', name);
    if (whole === undefined || request === undefined || overcommits(name)) continue;
    if (parseQuantity(whole).cmp(parseQuantity(request)) === 0) continue;
    const why = `default value ${whole} must equal to defaultRequest value ${request} in ${name}`;
    errors.push(invalid(`${path}.defaultRequest[${name}]`, goQuantity(request, true), why));
  }
}

const MAX_MILLI = (2n ** 63n - 1n) / 1000n;

/** How far a limit may be above its request: at least one, at most what minimum and maximum leave. */
function validateRatio(errors: Errors, path: string, item: LimitRangeItem, name: string): void {
  const text = amountOf(item, 'maxLimitRequestRatio', name);
  if (text === undefined) return;
  const at = `${path}.maxLimitRequestRatio[${name}]`;
  const ratio = parseQuantity(text);
  if (ratio.cmp(parseQuantity('1')) < 0) {
    errors.push(invalid(at, goQuantity(text, true), `ratio ${text} is less than 1`));
  }
  const [min, max] = [amountOf(item, 'min', name), amountOf(item, 'max', name)];
  if (min === undefined || max === undefined) return;
  const up = (nanos: bigint, unit: bigint) => (nanos + unit - 1n) / unit;
  const all = [ratio, parseQuantity(min), parseQuantity(max)].map((q) => q.nanos);
  const small = all.every((n) => up(n, 1_000_000_000n) < MAX_MILLI);
  const unit = small ? 1_000_000n : 1_000_000_000n;
  const [r = 0, low = 0, high = 0] = all.map((n) => Number(up(n, unit)));
  const most = high / low;
  if ((small ? r / 1000 : r) <= most) return;
  const why = `ratio ${text} is greater than max/min = ${most.toFixed(6)}`;
  errors.push(invalid(at, goQuantity(text, true), why));
}

/** Names in the order they are looked at; those of a pod's defaults are refused as a whole. */
function validateLimitNames(errors: Errors, path: string, item: LimitRangeItem): void {
  const own = item.type === 'Pod' || item.type === 'Container';
  const check = (field: keyof LimitRangeItem): void => {
    for (const name of Object.keys((item[field] as Record<string, string> | undefined) ?? {})) {
      const at = `${path}.${field}[${name}]`;
      if (own) validateContainerResourceName(errors, at, name);
      else validateResourceName(errors, at, name);
    }
  };
  check('max');
  check('min');
  if (item.type === 'Pod') {
    for (const field of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[field] ?? {}).length === 0) continue;
      errors.push(forbidden(`${path}.${field}`, "may not be specified when `type` is 'Pod'"));
    }
  } else {
    check('default');
    check('defaultRequest');
  }
  if (item.type === 'PersistentVolumeClaim' && !item.min?.storage && !item.max?.storage) {
    const why = 'either minimum or maximum storage value is required, but neither was provided';
    errors.push(required(`${path}.limits`, why));
  }
  check('maxLimitRequestRatio');
}

export function validateLimitRange(errors: Errors, range: LimitRange): void {
  const types = new UniqueNames();
  (range.spec?.limits ?? []).forEach((item, i) => {
    const at = `spec.limits[${i}]`;
    const messages = qualifiedName(item.type);
    addMessages(errors, `${at}.type`, item.type, messages);
    if (messages.length === 0 && !LIMIT_TYPES.includes(item.type) && !item.type.includes('/')) {
      const why = 'must be a standard limit type or fully qualified';
      errors.push(invalid(`${at}.type`, item.type, why));
    }
    types.add(errors, `${at}.type`, item.type);
    validateLimitNames(errors, at, item);
    validateLimitAmounts(errors, at, item);
  });
}

const QUOTA_SCOPES: ReadonlySet<string> = new Set([
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
]);
const POD_COUNTED: ReadonlySet<string> = new Set([
  'pods',
  'cpu',
  'memory',
  'requests.cpu',
  'requests.memory',
  'limits.cpu',
  'limits.memory',
]);

function validateScopes(errors: Errors, quota: ResourceQuota): void {
  const scopes = quota.spec?.scopes ?? [];
  if (scopes.length === 0) return;
  const shown = goStrings(scopes, '[]core.ResourceQuotaScope');
  const names = countedNames(quota);
  for (const scope of scopes) {
    if (!QUOTA_SCOPES.has(scope)) errors.push(invalid('spec.scopes', shown, 'unsupported scope'));
    for (const _ of names.filter((n) => !fits(n, scope))) {
      errors.push(invalid('spec.scopes', shown, 'unsupported scope applied to resource'));
    }
  }
  reportClashes(errors, new Set(scopes), shown);
}

/** Does a scope make sense for what is counted? */
function fits(name: string, scope: string): boolean {
  if (scope === 'BestEffort') return name === 'pods';
  return !QUOTA_SCOPES.has(scope) || name === 'pods' || POD_COUNTED.has(name);
}

function countedNames(quota: ResourceQuota): string[] {
  return Object.keys(quota.spec?.hard ?? {})
    .filter((n) => STANDARD_QUOTA.test(n))
    .sort();
}

function reportClashes(errors: Errors, set: ReadonlySet<string>, shown: GoText): void {
  for (const [a, b] of [
    ['BestEffort', 'NotBestEffort'],
    ['Terminating', 'NotTerminating'],
  ] as const) {
    if (set.has(a) && set.has(b)) errors.push(invalid('spec.scopes', shown, 'conflicting scopes'));
  }
}

const ONLY_EXISTS =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

function selectorText({ matchExpressions }: ScopeSelector): GoText {
  const type = 'core.ScopedResourceSelectorRequirement';
  const all = goList(type, matchExpressions, ({ scopeName, operator, values }) => {
    const listed = goStrings(values).text;
    return `${type}{ScopeName:${goQuote(scopeName)}, Operator:${goQuote(operator)}, Values:${listed}}`;
  });
  return new GoText(`core.ScopeSelector{MatchExpressions:${all}}`);
}

function validateScopeSelector(errors: Errors, quota: ResourceQuota): void {
  const selector = quota.spec?.scopeSelector;
  if (!selector) return;
  const path = 'spec.scopeSelector.matchExpressions';
  const expressions = selector.matchExpressions ?? [];
  for (const { scopeName, operator, values } of expressions) {
    if (!QUOTA_SCOPES.has(scopeName)) {
      errors.push(invalid(`${path}.scopeName`, scopeName, 'unsupported scope'));
    }
    for (const _ of countedNames(quota).filter((n) => !fits(n, scopeName))) {
      const shown = selectorText(selector);
      errors.push(invalid(path, shown, 'unsupported scope applied to resource'));
    }
    const valued = scopeName === 'PriorityClass' || !QUOTA_SCOPES.has(scopeName);
    if (!valued && operator !== 'Exists') {
      errors.push(invalid(`${path}.operator`, operator, ONLY_EXISTS));
    }
    const count = (values ?? []).length;
    if (operator === 'In' || operator === 'NotIn') {
      const why =
        "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
      if (count === 0) errors.push(required(`${path}.values`, why));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      const why =
        "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
      if (count > 0) errors.push(invalid(`${path}.values`, goStrings(values), why));
    } else {
      errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
    }
  }
  const shown = goStrings(quota.spec?.scopes, '[]core.ResourceQuotaScope');
  reportClashes(errors, new Set(expressions.map((e) => e.scopeName)), shown);
}

/** What a quota counts by stays the same. */
export function validateResourceQuotaUpdate(
  errors: Errors,
  quota: ResourceQuota,
  old: ResourceQuota,
): void {
  const set = (q: ResourceQuota) => [...new Set(q.spec?.scopes ?? [])].sort().join();
  if (set(quota) === set(old)) return;
  const shown = goStrings(quota.spec?.scopes, '[]core.ResourceQuotaScope');
  errors.push(invalid('spec.scopes', shown, IMMUTABLE));
}

function isQuotaResource(name: string): boolean {
  return name.includes('/') || STANDARD_QUOTA.test(name);
}

const STANDARD_QUOTA = new RegExp(
  `^(${[
    'cpu|memory|ephemeral-storage',
    '(requests|limits)\\.(cpu|memory|ephemeral-storage)|requests\\.storage',
    'pods|resourcequotas|replicationcontrollers|secrets|configmaps|persistentvolumeclaims',
    'services(\\.(nodeports|loadbalancers))?',
    '(requests\\.)?hugepages-.*',
  ].join('|')})$`,
);

type Amounts = Record<string, string> | undefined;

function validateAmounts(errors: Errors, path: string, amounts: Amounts): void {
  for (const [name, amount] of Object.entries(amounts ?? {})) {
    const at = `${path}[${name}]`;
    validateResourceName(errors, at, name);
    if (!isQuotaResource(name)) {
      errors.push(invalid(at, new GoText(name), 'must be a standard resource for quota'));
    }
    validateAmount(errors, at, name, amount);
  }
}

export function validateResourceQuota(errors: Errors, quota: ResourceQuota): void {
  validateAmounts(errors, 'spec.hard', quota.spec?.hard);
  validateScopes(errors, quota);
  validateScopeSelector(errors, quota);
}

export function validateResourceQuotaStatus(errors: Errors, quota: ResourceQuota): void {
  validateAmounts(errors, 'status.hard', quota.status?.hard);
  validateAmounts(errors, 'status.used', quota.status?.used);
}
