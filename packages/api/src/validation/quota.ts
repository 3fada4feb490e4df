/** Limit ranges and resource quotas. */
import { forbidden, GoText, invalid, required } from '../field-error.ts';
import type { LimitRange, LimitRangeItem, ResourceQuota } from '../generated/types.ts';
import { parseQuantity } from '../quantity.ts';
import { type Errors, UniqueNames } from './common.ts';
import { goQuantity, goStrings } from './go-dump.ts';
import { validateAmount, validateResourceName } from './resources.ts';

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
  ['defaultRequest', 'defaultRequest', ['defaultRequest', 'default', 'default request', 'default']],
  ['default', 'min', ['min', 'default', 'min', 'default']],
  ['default', 'default', ['default', 'max', 'default', 'max']],
];

function amountOf(item: LimitRangeItem, field: keyof LimitRangeItem, name: string) {
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
  }
}

export function validateLimitRange(errors: Errors, range: LimitRange): void {
  const types = new UniqueNames();
  (range.spec?.limits ?? []).forEach((item, i) => {
    const at = `spec.limits[${i}]`;
    if (!LIMIT_TYPES.includes(item.type) && !item.type.includes('/')) {
      const why = 'must be a standard limit type or fully qualified';
      errors.push(invalid(`${at}.type`, item.type, why));
    }
    types.add(errors, `${at}.type`, item.type);
    if (item.type === 'Pod') {
      for (const field of ['default', 'defaultRequest'] as const) {
        if (Object.keys(item[field] ?? {}).length === 0) continue;
        errors.push(forbidden(`${at}.${field}`, "may not be specified when `type` is 'Pod'"));
      }
    }
    if (item.type === 'PersistentVolumeClaim' && !item.min?.storage && !item.max?.storage) {
      const why = 'either minimum or maximum storage value is required, but neither was provided';
      errors.push(required(`${at}.limits`, why));
    }
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
  const fits = (name: string, scope: string) =>
    name === 'pods' || (scope !== 'BestEffort' && POD_COUNTED.has(name));
  const names = Object.keys(quota.spec?.hard ?? {}).filter((n) => STANDARD_QUOTA.test(n));
  for (const scope of scopes) {
    if (!QUOTA_SCOPES.has(scope)) {
      errors.push(invalid('spec.scopes', shown, 'unsupported scope'));
      continue;
    }
    for (const _ of names.filter((n) => !fits(n, scope))) {
      errors.push(invalid('spec.scopes', shown, 'unsupported scope applied to resource'));
    }
  }
  const set = new Set(scopes);
  const clash = [
    ['BestEffort', 'NotBestEffort'],
    ['Terminating', 'NotTerminating'],
  ].some(([a = '', b = '']) => set.has(a) && set.has(b));
  if (clash) errors.push(invalid('spec.scopes', shown, 'conflicting scopes'));
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

export function validateResourceQuota(errors: Errors, quota: ResourceQuota): void {
  for (const section of ['spec', 'status'] as const) {
    for (const [name, amount] of Object.entries(quota[section]?.hard ?? {})) {
      const at = `${section}.hard[${name}]`;
      validateResourceName(errors, at, name);
      if (!isQuotaResource(name)) {
        errors.push(invalid(at, new GoText(name), 'must be a standard resource for quota'));
      }
      validateAmount(errors, at, name, amount);
    }
  }
  validateScopes(errors, quota);
}
