/** Certificates of the members' peer doors: good ones, and ones whose time is over. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@kubets/platform';
import { createAuthority, issueLeaf, type KeyPairPem } from '@kubets/platform/pki';
import type { MemberCertificates } from '../ports.ts';

const DAY_MS = 86_400_000;

/** One authority, and a good and an expired certificate a member, as files below `dir`. */
export async function makeCertificates(
  dir: string,
  members: readonly { readonly name: string; readonly host: string }[],
): Promise<Map<string, MemberCertificates>> {
  const nowMs = systemClock.now();
  const authority = await createAuthority('kubets-chaos', nowMs - 3 * DAY_MS, 10);
  const made = new Map<string, MemberCertificates>();
  const home = join(dir, 'pki');
  mkdirSync(home, { mode: 0o700 });
  const ca = join(home, 'ca.crt');
  writeFileSync(ca, authority.cert);
  for (const { name, host } of members) {
    const request = { commonName: name, hosts: [host, '127.0.0.1'], days: 1 };
    const good = await issueLeaf(authority, request, nowMs);
    const expired = await issueLeaf(authority, request, nowMs - 2 * DAY_MS);
    const files = {
      ...{ ca, cert: join(home, `${name}.crt`), key: join(home, `${name}.key`) },
      expiredCert: join(home, `${name}-expired.crt`),
      expiredKey: join(home, `${name}-expired.key`),
    };
    save(good, files.cert, files.key);
    save(expired, files.expiredCert, files.expiredKey);
    made.set(name, files);
  }
  return made;
}

function save(pair: KeyPairPem, cert: string, key: string): void {
  writeFileSync(cert, pair.cert);
  writeFileSync(key, pair.key, { mode: 0o600 });
}
