/**
 * Rights by a list of policies in a file, one JSON object a line (the mode ABAC of the stock server, api
 * abac.authorization.kubernetes.io/v1beta1; lines without a version are of the older form, in which what is not said means all).
 */
import { readFileSync } from 'node:fs';
import { isJsonObject } from '@kubets/api';
import { ConfigError, errorMessage } from '@kubets/platform';
import type { AuthorizationAttributes, UserInfo } from '../ports.ts';
import type { Step } from './authorizer.ts';
import { WELL_KNOWN } from './identity.ts';

/** Empty: it says nothing of that. `*`: any. */
interface Policy {
  readonly user: string;
  readonly group: string;
  readonly readonly: boolean;
  readonly apiGroup: string;
  readonly resource: string;
  readonly namespace: string;
  readonly nonResourcePath: string;
}

const FLAG = '--authorization-policy-file';
const VERSION = 'abac.authorization.kubernetes.io/v1beta1';
const ANY = '*';
const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

/** The step of a policy file. @throws ConfigError that names the line */
export function abacStep(file: string): Step {
  const policies = readPolicies(file);
  return (asked) => {
    const allowed = policies.some((policy) => matches(policy, asked));
    return { allowed, reason: allowed ? '' : 'No policy matched.' };
  };
}

function readPolicies(file: string): Policy[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${FLAG}: cannot read ${file}: ${errorMessage(error)}`);
  }
  const policies: Policy[] = [];
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const fail = (why: string): never => {
      throw new ConfigError(`error reading policy file ${file}, line ${at + 1}: ${line}: ${why}`);
    };
    policies.push(policyOf(line, fail));
  }
  return policies;
}

function policyOf(line: string, fail: (why: string) => never): Policy {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return fail(errorMessage(error));
  }
  if (!isJsonObject(value)) return fail('this is no object');
  const { apiVersion = '', kind = '' } = value;
  if (apiVersion === '' && kind === '') return older(fieldsOf(value, fail));
  if (apiVersion !== VERSION || kind !== 'Policy') {
    return fail(`no kind "${String(kind)}" is registered for version "${String(apiVersion)}"`);
  }
  const policy = fieldsOf(isJsonObject(value.spec) ? value.spec : {}, fail);
  return policy.user === ANY || policy.group === ANY ? ofEverybody(policy) : policy;
}

function fieldsOf(spec: Readonly<Record<string, unknown>>, fail: (why: string) => never): Policy {
  const text = (name: string): string => {
    const value = spec[name] ?? '';
    return typeof value === 'string' ? value : fail(`${name} is no text`);
  };
  const { readonly = false } = spec;
  return {
    ...{ user: text('user'), group: text('group'), apiGroup: text('apiGroup') },
    ...{ resource: text('resource'), namespace: text('namespace') },
    nonResourcePath: text('nonResourcePath'),
    readonly: typeof readonly === 'boolean' ? readonly : fail('readonly is neither true nor false'),
  };
}

/** Everybody who is somebody: `*` lets no anonymous in. */
const ofEverybody = (policy: Policy): Policy => ({ ...policy, group: WELL_KNOWN.authenticated });

function older(policy: Policy): Policy {
  const { user, group, namespace, resource } = policy;
  const ofAll = user === ANY || group === ANY || (user === '' && group === '');
  return {
    ...(ofAll ? ofEverybody(policy) : policy),
    namespace: namespace || ANY,
    resource: resource || ANY,
    apiGroup: ANY,
    nonResourcePath: namespace === '' && resource === '' ? ANY : '',
  };
}

function matches(policy: Policy, asked: AuthorizationAttributes): boolean {
  if (!isSubject(policy, asked.user)) return false;
  if (policy.readonly && !READS.has(asked.verb)) return false;
  return asked.isResourceRequest ? isResource(policy, asked) : isPath(policy, asked.path);
}

/** A policy that names neither user nor group is nobody's. */
function isSubject({ user, group }: Policy, asking: UserInfo): boolean {
  if (user === '' && group === '') return false;
  if (user !== '' && user !== ANY && user !== asking.name) return false;
  return group === '' || group === ANY || asking.groups.includes(group);
}

function isResource(policy: Policy, asked: AuthorizationAttributes): boolean {
  const fits = (wanted: string, value: string): boolean => wanted === ANY || wanted === value;
  return (
    fits(policy.namespace, asked.namespace) &&
    fits(policy.resource, asked.resource) &&
    fits(policy.apiGroup, asked.apiGroup)
  );
}

function isPath({ nonResourcePath: wanted }: Policy, path: string): boolean {
  if (wanted === ANY || wanted === path) return true;
  return wanted.endsWith(ANY) && path.startsWith(wanted.replace(/\*+$/, ''));
}
