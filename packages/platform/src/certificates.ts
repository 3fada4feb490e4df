/** Reading certificates: the light half of what `@kubets/platform/pki` does. */
import { hash, X509Certificate } from 'node:crypto';

/** What a certificate says of itself. */
export interface CertificateFacts {
  readonly commonName: string;
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly hosts: readonly string[];
}

/** Reads a certificate (PEM; the first one of several). */
export function certificateFacts(pem: string): CertificateFacts {
  const cert = new X509Certificate(pem);
  const nameIn = (text: string): string => /(?:^|\n)CN=(.*)/.exec(text)?.[1] ?? '';
  const alternatives = (cert.subjectAltName ?? '').split(', ').filter((one) => one !== '');
  return {
    commonName: nameIn(cert.subject),
    issuer: nameIn(cert.issuer),
    notBeforeMs: Date.parse(cert.validFrom),
    notAfterMs: Date.parse(cert.validTo),
    hosts: alternatives.map((one) => one.replace(/^(DNS|IP Address):/, '')),
  };
}

/** `sha256:` and the hash of the certificate's public key (RFC 7469 §2.4): what joiners pin. */
export function publicKeyPin(certPem: string): string {
  const spki = new X509Certificate(certPem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${hash('sha256', spki, 'hex')}`;
}
