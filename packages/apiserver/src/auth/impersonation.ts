import type { IncomingHttpHeaders } from 'node:http';
import { getOwn, nameRules, setOwn } from '@kubets/api';
import type { AuthorizationAttributes, Authorizer, Impersonator, UserInfo } from '../ports.ts';
import { forbiddenAccess } from './forbidden.ts';
import {
  parseServiceAccountUsername,
  serviceAccountGroups,
  WELL_KNOWN,
  withAuthenticated,
} from './identity.ts';

/**
 * A failure upstream answers with plain text instead of a Status. The edge writes
 * `Internal Server Error: "PATH": MESSAGE` and a newline with this status.
 */
export class PlainTextError extends Error {
  override readonly name = 'PlainTextError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

interface Ask {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name: string;
}

interface Wanted {
  readonly name: string;
  readonly groups: string[];
  readonly uid: string;
  readonly extra: Record<string, string[]>;
}

const AUTHENTICATION = 'authentication.k8s.io';
const PREFIX = 'impersonate-';
const EXTRA_PREFIX = 'impersonate-extra-';

/** Nearly nobody does, and everybody is asked. */
function impersonates(headers: IncomingHttpHeaders): boolean {
  for (const header in headers) if (header.startsWith(PREFIX)) return true;
  return false;
}

/** Reads the impersonation headers; undefined when there are none. */
export function readImpersonation(headers: IncomingHttpHeaders): Wanted | undefined {
  if (!impersonates(headers)) return undefined;
  const name = list(headers['impersonate-user'])[0] ?? '';
  const groups = list(headers['impersonate-group']);
  const uid = list(headers['impersonate-uid'])[0] ?? '';
  const extra: Record<string, string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith(EXTRA_PREFIX)) continue;
    const key = unescapeKey(header.slice(EXTRA_PREFIX.length).toLowerCase());
    setOwn(extra, key, [...(getOwn(extra, key) ?? []), ...list(value)]);
  }
  if (name) return { name, groups, uid, extra };
  const orphans = [
    ...groups.map((group) => `{Group  ${group}    }`),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => `{UserExtra  ${value}  ${AUTHENTICATION}/v1  ${key}}`),
    ),
    ...(uid ? [`{UID  ${uid}  ${AUTHENTICATION}/v1  }`] : []),
  ];
  if (orphans.length === 0) return undefined;
  throw new PlainTextError(500, `requested [${orphans.join(' ')}] without impersonating a user`);
}

const list = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    // A key that is no percent-encoding stands for itself, as upstream has it.
    return key;
  }
}

function questions(wanted: Wanted): Ask[] {
  const account = accountOf(wanted.name);
  const asks: Ask[] = [
    account
      ? { group: '', resource: 'serviceaccounts', ...account }
      : { group: '', resource: 'users', name: wanted.name },
    ...wanted.groups.map((name) => ({ group: '', resource: 'groups', name })),
  ];
  for (const [key, values] of Object.entries(wanted.extra)) {
    const one = { group: AUTHENTICATION, resource: 'userextras', subresource: key };
    asks.push(...values.map((name) => ({ ...one, name })));
  }
  if (wanted.uid) asks.push({ group: AUTHENTICATION, resource: 'uids', name: wanted.uid });
  return asks;
}

function attributesOf(user: UserInfo, ask: Ask): AuthorizationAttributes {
  return {
    user,
    verb: 'impersonate',
    isResourceRequest: true,
    apiGroup: ask.group,
    apiVersion: 'v1',
    resource: ask.resource,
    subresource: ask.subresource ?? '',
    namespace: ask.namespace ?? '',
    name: ask.name,
    path: '',
  };
}

function become(wanted: Wanted): UserInfo {
  const account = accountOf(wanted.name);
  const implied =
    account && wanted.groups.length === 0 ? serviceAccountGroups(account.namespace) : [];
  const groups = [...wanted.groups, ...implied];
  if (wanted.name === WELL_KNOWN.anonymous && !groups.includes(WELL_KNOWN.unauthenticated)) {
    groups.push(WELL_KNOWN.unauthenticated);
  }
  return withAuthenticated({ name: wanted.name, uid: wanted.uid, groups, extra: wanted.extra });
}

/** Lets a user act as another, if the authoriser allows each part of it. */
export function createImpersonator(authorizer: Authorizer): Impersonator {
  return {
    async impersonate(user, headers) {
      const wanted = readImpersonation(headers);
      if (!wanted) return user;
      for (const ask of questions(wanted)) {
        const attributes = attributesOf(user, ask);
        const decision = await authorizer.authorize(attributes);
        if (!decision.allowed) throw forbiddenAccess(attributes, decision.reason);
      }
      return become(wanted);
    },
  };
}

/** The account a user is by name; names that no account can have are those of plain users. */
function accountOf(userName: string): ReturnType<typeof parseServiceAccountUsername> {
  const account = parseServiceAccountUsername(userName);
  if (account === undefined) return undefined;
  const { namespace, name } = account;
  const isFine =
    nameRules.dns1123Label(namespace).length === 0 && nameRules.dns1123Subdomain(name).length === 0;
  return isFine ? account : undefined;
}
