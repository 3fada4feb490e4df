import type { CertificateSigningRequest } from '@kubets/api';
import type { UserInfo, WriteHook } from '../ports.ts';

/** Writes who asks into a new CertificateSigningRequest; whatever the client claims there does not count. */
export const csrRequester: WriteHook = {
  group: 'certificates.k8s.io',
  resource: 'certificatesigningrequests',
  beginCreate(object, { user }) {
    const csr = object as CertificateSigningRequest;
    const { username: _n, uid: _u, groups: _g, extra: _e, ...spec } = csr.spec;
    csr.spec = { ...spec, ...requesterOf(user) };
    return Promise.resolve(undefined);
  },
};

function requesterOf({ name, uid, groups, extra }: UserInfo): object {
  const pairs = Object.entries(extra).map(([key, values]) => [key, [...values]]);
  return {
    username: name,
    ...(uid && { uid }),
    groups: [...groups],
    ...(pairs.length > 0 && { extra: Object.fromEntries(pairs) }),
  };
}
