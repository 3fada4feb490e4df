/** When a certificate is replaced. Pure. */
import type { CertificateFacts } from '@kubets/platform';

/** A certificate is replaced after this share of its life, and somewhere up to the second: nodes made together spread out. */
const RENEW_FROM = 0.7;
const RENEW_SPREAD = 0.2;

/** What a certificate must say. */
export interface WantedIdentity {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly hosts: readonly string[];
}

/** @param spread from 0 to 1, the node's own */
export function renewAtMs({ notBeforeMs, notAfterMs }: CertificateFacts, spread: number): number {
  const lifeMs = notAfterMs - notBeforeMs;
  return notBeforeMs + lifeMs * (RENEW_FROM + RENEW_SPREAD * spread);
}

/** Whether a certificate says who and where we are; one that does not is replaced at once. */
export function fits(facts: CertificateFacts, wanted: WantedIdentity): boolean {
  if (facts.commonName !== wanted.commonName) return false;
  return wanted.hosts.every((host) => facts.hosts.includes(host));
}

/** Whether it can be shown now. */
export const isValid = ({ notBeforeMs, notAfterMs }: CertificateFacts, nowMs: number): boolean =>
  notBeforeMs <= nowMs && nowMs < notAfterMs;
