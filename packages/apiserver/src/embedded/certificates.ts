/** Certificates of an embedded server: an authority made for it alone, and what that signs. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import type { TlsMaterial } from '@kubets/platform';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

cryptoProvider.set(webcrypto);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** A clock that is a little behind must not find them from the future. */
const SKEW_MS = 3_600_000;
const LIFETIME_MS = 365 * 86_400_000;

type Keys = webcrypto.CryptoKeyPair;

/** Signs certificates for one server and its users; its key never leaves the process. */
export class EmbeddedAuthority {
  readonly #certificate: X509Certificate;
  readonly #keys: Keys;
  readonly #nowMs: number;
  #serial = 1;

  private constructor(certificate: X509Certificate, keys: Keys, nowMs: number) {
    this.#certificate = certificate;
    this.#keys = keys;
    this.#nowMs = nowMs;
  }

  /** @param nowMs what the certificates' year begins at @param name the authority's own subject */
  static async create(nowMs: number, name = 'CN=kubets-embedded'): Promise<EmbeddedAuthority> {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name,
      keys,
      signingAlgorithm: ALGORITHM,
      ...validity(nowMs),
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    });
    return new EmbeddedAuthority(certificate, keys, nowMs);
  }

  /** A certificate for a subject such as `CN=a,O=b`, good for loopback and the host names given; PEM. */
  async issue(subject: string, ...hosts: readonly string[]): Promise<TlsMaterial> {
    const keys = await newKeys();
    this.#serial += 1;
    const certificate = await X509CertificateGenerator.create({
      serialNumber: this.#serial.toString(16).padStart(2, '0'),
      subject,
      issuer: this.#certificate.subject,
      signingKey: this.#keys.privateKey,
      publicKey: keys.publicKey,
      signingAlgorithm: ALGORITHM,
      ...validity(this.#nowMs),
      extensions: [
        new SubjectAlternativeNameExtension([
          { type: 'ip', value: '127.0.0.1' },
          ...['localhost', ...hosts].map((value) => ({ type: 'dns', value }) as const),
        ]),
      ],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    const lines = key.toString('base64').match(/.{1,64}/g) ?? [];
    return {
      cert: Buffer.from(certificate.toString('pem')),
      key: Buffer.from(
        `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`,
      ),
      ca: Buffer.from(this.#certificate.toString('pem')),
    };
  }
}

function newKeys(): Promise<Keys> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function validity(nowMs: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - SKEW_MS), notAfter: new Date(nowMs + LIFETIME_MS) };
}
