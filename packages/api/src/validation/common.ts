/** Small checks shared by the kinds' validators. All append to a list of errors. */
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../field-error.ts';
import { dns1123Subdomain, labelValue, portName, portNumber, qualifiedName } from './names.ts';

export type Errors = FieldError[];

export const NOT_NEGATIVE = 'must be greater than or equal to 0';
export const IMMUTABLE = 'field is immutable';

/** Appends every message of a name rule as an Invalid error. */
export function addMessages(
  errors: Errors,
  path: string,
  value: unknown,
  messages: string[],
): void {
  for (const message of messages) errors.push(invalid(path, value, message));
}

export function notNegative(errors: Errors, path: string, value: number | undefined): void {
  if (value !== undefined && value !== null && value < 0) {
    errors.push(invalid(path, value, NOT_NEGATIVE));
  }
}

const HTTP_PATH = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;
const BAD_HTTP_PATH = `Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')`;

/** `acme.io/foo`: a subdomain, then a path. */
export function validateDomainPath(errors: Errors, path: string, value: string): void {
  if (value === '') {
    errors.push(required(path));
    return;
  }
  const at = value.indexOf('/');
  if (at <= 0 || at === value.length - 1) {
    errors.push(invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")'));
    return;
  }
  const [domain, rest] = [value.slice(0, at), value.slice(at + 1)];
  addMessages(errors, path, domain, dns1123Subdomain(domain));
  if (!HTTP_PATH.test(rest)) errors.push(invalid(path, rest, BAD_HTTP_PATH));
}

/** Is the value one of a set? `supported` is listed in the message as given. */
export function oneOf(
  errors: Errors,
  path: string,
  value: string | undefined,
  supported: readonly string[],
): void {
  if (!supported.includes(value ?? '')) errors.push(notSupported(path, value ?? '', supported));
}

export function requireText(errors: Errors, path: string, value: string | undefined): boolean {
  if (value) return true;
  errors.push(required(path));
  return false;
}

/** Reports each repetition of a name at `path[i].field`. */
export class UniqueNames {
  private readonly seen = new Set<string>();

  /** True when the name is new. */
  add(errors: Errors, path: string, name: string): boolean {
    if (this.seen.has(name)) {
      errors.push(duplicate(path, name));
      return false;
    }
    this.seen.add(name);
    return true;
  }

  has(name: string): boolean {
    return this.seen.has(name);
  }
}

export function validateLabels(
  errors: Errors,
  path: string,
  labels: Record<string, string> | undefined,
): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    addMessages(errors, path, key, qualifiedName(key));
    addMessages(errors, path, value, labelValue(value));
  }
}

interface SelectorLike {
  matchLabels?: Record<string, string> | undefined;
  matchExpressions?: { key: string; operator: string; values?: string[] | undefined }[] | undefined;
}

/** A label selector inside a spec. */
export function validateSelector(errors: Errors, path: string, s: SelectorLike | undefined): void {
  if (!s) return;
  validateLabels(errors, `${path}.matchLabels`, s.matchLabels);
  (s.matchExpressions ?? []).forEach((e, i) => {
    const at = `${path}.matchExpressions[${i}]`;
    const count = e.values?.length ?? 0;
    if (e.operator === 'In' || e.operator === 'NotIn') {
      if (count === 0) {
        const why = "must be specified when `operator` is 'In' or 'NotIn'";
        errors.push(required(`${at}.values`, why));
      }
    } else if (e.operator === 'Exists' || e.operator === 'DoesNotExist') {
      const why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      if (count > 0) errors.push(forbidden(`${at}.values`, why));
    } else {
      errors.push(invalid(`${at}.operator`, e.operator, 'not a valid selector operator'));
    }
    addMessages(errors, `${at}.key`, e.key, qualifiedName(e.key));
    (e.values ?? []).forEach((v, j) => {
      addMessages(errors, `${at}.values[${j}]`, v, labelValue(v));
    });
  });
}

export function isEmptySelector(s: SelectorLike | undefined): boolean {
  return Object.keys(s?.matchLabels ?? {}).length + (s?.matchExpressions ?? []).length === 0;
}

/** A port given by number or by name. */
export function validatePortReference(
  errors: Errors,
  path: string,
  port: number | string | undefined,
): void {
  if (typeof port === 'string') addMessages(errors, path, port, portName(port));
  else addMessages(errors, path, port ?? 0, portNumber(port ?? 0));
}

/** Zeros in front are taken, as they were before they came to mean octal numbers elsewhere. */
const IPV4 = /^0*(25[0-5]|2[0-4]\d|1?\d?\d)(\.0*(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;

export function isIpv4(text: string): boolean {
  return IPV4.test(text);
}

/** An IPv6 address in any of its written forms. */
export function isIpv6(text: string): boolean {
  if (!text.includes(':') || !/^[0-9a-fA-F:.]+$/.test(text)) return false;
  try {
    return new URL(`http://[${text}]/`).hostname.length > 0;
  } catch {
    return false;
  }
}

export function isIp(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

export function validateIp(errors: Errors, path: string, text: string): void {
  if (isIp(text)) return;
  errors.push(invalid(path, text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'));
}

export function isCidr(text: string): boolean {
  const [ip = '', bits = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  return isIpv4(ip) ? Number(bits) <= 32 : isIpv6(ip) && Number(bits) <= 128;
}

export function validateCidr(errors: Errors, path: string, text: string): void {
  if (isCidr(text)) return;
  const why = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
  errors.push(invalid(path, text, why));
}

const PERCENT_TEXT =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** The percentage of `25%`, or undefined. */
export function percentOf(value: number | string | undefined): number | undefined {
  const parts = typeof value === 'string' ? /^(\d+)%$/.exec(value) : null;
  return parts ? Number(parts[1]) : undefined;
}

export const PERCENT_MESSAGE = PERCENT_TEXT;
