/** Resource names and amounts: containers, quotas, limit ranges, nodes, claims. */
import { forbidden, GoText, invalid, required } from '../field-error.ts';
import type { ResourceRequirements } from '../generated/types.ts';
import { parseQuantity } from '../quantity.ts';
import { addMessages, type Errors, NOT_NEGATIVE } from './common.ts';
import { goQuantity } from './go-dump.ts';
import { qualifiedName } from './names.ts';

const STANDARD: ReadonlySet<string> = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'storage',
  'requests.storage',
  'services.nodeports',
  'services.loadbalancers',
]);
const CONTAINER: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);
const INTEGERS: ReadonlySet<string> = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

export function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-');
}

export function isStandardResource(name: string): boolean {
  return STANDARD.has(name) || isHugePages(name) || name.startsWith('requests.hugepages-');
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

function isExtended(name: string): boolean {
  if (isNative(name) || name.startsWith('requests.')) return false;
  return qualifiedName(`requests.${name}`).length === 0;
}

/** May more be promised of it than there is? */
export function overcommits(name: string): boolean {
  return isNative(name) && !isHugePages(name);
}

/** A resource name anywhere: qualified, and standard when it has no prefix; `shown` as it is said. */
export function validateResourceName(
  errors: Errors,
  path: string,
  name: string,
  shown: string | GoText = new GoText(name),
): void {
  if (STANDARD.has(name)) return;
  const before = errors.length;
  addMessages(errors, path, shown, qualifiedName(name));
  if (errors.length > before) return;
  if (!name.includes('/') && !isStandardResource(name)) {
    errors.push(invalid(path, shown, 'must be a standard resource type or fully qualified'));
  }
}

/** A resource a container, a pod or a limit on them may name. */
export function validateContainerResourceName(
  errors: Errors,
  path: string,
  name: string,
  shown: string | GoText = new GoText(name),
): void {
  if (CONTAINER.has(name)) return;
  validateResourceName(errors, path, name, shown);
  if (!name.includes('/')) {
    if (!CONTAINER.has(name) && !isHugePages(name)) {
      errors.push(invalid(path, shown, 'must be a standard resource for containers'));
    }
  } else if (!isNative(name) && !isExtended(name)) {
    errors.push(invalid(path, shown, "doesn't follow extended resource name standard"));
  }
}

/** An amount: not negative, whole where the resource is counted. */
export function validateAmount(errors: Errors, path: string, name: string, text: string): void {
  const q = parseQuantity(text);
  if (q.nanos < 0n) errors.push(invalid(path, q.toString(), NOT_NEGATIVE));
  if ((INTEGERS.has(name) || isExtended(name)) && !q.isInteger()) {
    const shown = goQuantity(asDecimal(text), false);
    errors.push(invalid(path, shown, 'must be an integer'));
  }
}

/** `1500m` as it was probably written: `1.5`. */
function asDecimal(text: string): string {
  const milli = /^(\d+)m$/.exec(text);
  return milli ? String(Number(milli[1]) / 1000) : text;
}

type List = Record<string, string> | undefined;

function entries(errors: Errors, path: string, list: List): void {
  for (const [name, text] of Object.entries(list ?? {})) {
    const at = `${path}[${name}]`;
    validateContainerResourceName(errors, at, name);
    validateAmount(errors, at, name, text);
    if (isHugePages(name)) validateHugePages(errors, at, name, text);
  }
}

/** Whole pages only. */
function validateHugePages(errors: Errors, path: string, name: string, text: string): void {
  const size = name.slice('hugepages-'.length);
  const amount = parseQuantity(text);
  if (/^[+-]?(\d+\.?\d*|\.\d+)([a-zA-Z0-9+-]*)$/.test(size)) {
    const page = parseQuantity(size).nanos;
    if (page > 0n && amount.nanos % page === 0n) return;
  }
  const shown = amount.toString();
  errors.push(invalid(path, shown, `${shown} is not positive integer multiple of ${name}`));
}

function compare(errors: Errors, path: string, name: string, r: ResourceRequirements): void {
  const request = r.requests?.[name] ?? '0';
  const limit = r.limits?.[name];
  if (limit === undefined) {
    if (!overcommits(name)) {
      const why = 'Limit must be set for non overcommitable resources';
      errors.push(required(`${path}.limits`, why));
    }
    return;
  }
  const order = parseQuantity(request).cmp(parseQuantity(limit));
  if (order !== 0 && !overcommits(name)) {
    const why = `must be equal to ${name} limit of ${limit}`;
    errors.push(invalid(`${path}.requests`, request, why));
  } else if (order > 0) {
    const why = `must be less than or equal to ${name} limit of ${limit}`;
    errors.push(invalid(`${path}.requests`, request, why));
  }
}

/** The requests and limits of a container. */
export function validateRequirements(
  errors: Errors,
  path: string,
  r: ResourceRequirements | undefined,
): void {
  entries(errors, `${path}.limits`, r?.limits);
  for (const [name, text] of Object.entries(r?.requests ?? {})) {
    const at = `${path}.requests[${name}]`;
    validateContainerResourceName(errors, at, name);
    validateAmount(errors, at, name, text);
    if (r) compare(errors, path, name, r);
    if (isHugePages(name)) validateHugePages(errors, at, name, text);
  }
  const names = [...Object.keys(r?.limits ?? {}), ...Object.keys(r?.requests ?? {})];
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory')) {
    errors.push(forbidden(path, 'HugePages require cpu or memory'));
  }
}
