import type { UserInfo } from '../ports.ts';

/** Names with a meaning of their own; the texts are facts of the API. */
export const WELL_KNOWN = {
  anonymous: 'system:anonymous',
  unauthenticated: 'system:unauthenticated',
  authenticated: 'system:authenticated',
  masters: 'system:masters',
  nodes: 'system:nodes',
  nodePrefix: 'system:node:',
  serviceAccounts: 'system:serviceaccounts',
  serviceAccountPrefix: 'system:serviceaccount:',
} as const;

/** Mirror pods reflect a static pod of a kubelet. */
export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** Keys under which a service-account token's facts travel in `UserInfo.extra`. */
export const EXTRA_KEYS = {
  credentialId: 'authentication.kubernetes.io/credential-id',
  podName: 'authentication.kubernetes.io/pod-name',
  podUid: 'authentication.kubernetes.io/pod-uid',
  nodeName: 'authentication.kubernetes.io/node-name',
  nodeUid: 'authentication.kubernetes.io/node-uid',
} as const;

/** User name of a service account. */
export function serviceAccountUsername(namespace: string, name: string): string {
  return `${WELL_KNOWN.serviceAccountPrefix}${namespace}:${name}`;
}

/** Groups every token of a service account carries. */
export function serviceAccountGroups(namespace: string): string[] {
  return [WELL_KNOWN.serviceAccounts, `${WELL_KNOWN.serviceAccounts}:${namespace}`];
}

/** Splits `system:serviceaccount:NS:NAME`; undefined when the user is no service account. */
export function parseServiceAccountUsername(
  username: string,
): { namespace: string; name: string } | undefined {
  if (!username.startsWith(WELL_KNOWN.serviceAccountPrefix)) return undefined;
  const rest = username.slice(WELL_KNOWN.serviceAccountPrefix.length);
  const [namespace, name, ...more] = rest.split(':');
  if (!namespace || !name || more.length > 0) return undefined;
  return { namespace, name };
}

/** Node name of a kubelet's identity, empty when it says none; undefined unless both the name and the group say "node". */
export function nodeOf(user: UserInfo): string | undefined {
  if (!user.groups.includes(WELL_KNOWN.nodes)) return undefined;
  if (!user.name.startsWith(WELL_KNOWN.nodePrefix)) return undefined;
  return user.name.slice(WELL_KNOWN.nodePrefix.length);
}

/** Appends `system:authenticated` unless the user is anonymous or has it. */
export function withAuthenticated(user: UserInfo): UserInfo {
  const { groups } = user;
  if (groups.includes(WELL_KNOWN.authenticated) || groups.includes(WELL_KNOWN.unauthenticated)) {
    return user;
  }
  if (user.name === WELL_KNOWN.anonymous) return user;
  return { ...user, groups: [...groups, WELL_KNOWN.authenticated] };
}

/** The caller without credentials. */
export const ANONYMOUS_USER: UserInfo = {
  name: WELL_KNOWN.anonymous,
  uid: '',
  groups: [WELL_KNOWN.unauthenticated],
  extra: {},
};

/** A user as the API shows it: empty parts left out. */
export function userInfoJson(user: UserInfo): object {
  return {
    username: user.name,
    ...(user.uid ? { uid: user.uid } : {}),
    ...(user.groups.length > 0 ? { groups: user.groups } : {}),
    ...(Object.keys(user.extra).length > 0 ? { extra: user.extra } : {}),
  };
}
