/** Certificates: two authorities, one leaf a process. ECDSA P-256 throughout. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

type CryptoKey = webcrypto.CryptoKey;
type CryptoKeyPair = webcrypto.CryptoKeyPair;

cryptoProvider.set(webcrypto);

const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const;
/** ECDSA with SHA-256. */
export const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** Clocks of other machines may be a little behind. */
const BACKDATE_MS = 3_600_000;

/** What a leaf certificate says. */
export interface LeafRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** DNS names and IP addresses; a certificate with any also serves. */
  readonly hosts?: readonly string[];
  readonly days: number;
}

/** PEM texts. */
export interface KeyPairPem {
  readonly cert: string;
  readonly key: string;
}

/** A new P-256 pair. */
export async function newKeys(): Promise<CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify'])) as CryptoKeyPair;
}

/** PKCS#8. */
export async function privatePem(key: CryptoKey): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`;
}

async function publicPem(key: CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('spki', key), 'PUBLIC KEY')}\n`;
}

/** A new random serial number, in hexadecimal. */
export function serial(): string {
  // Positive and 16 bytes: a leading bit set would make the integer negative (RFC 5280 §4.1.2.2).
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  return `4${Buffer.from(bytes).toString('hex').slice(1)}`;
}

/** A subject as X.509 has it. */
export const subjectOf = (commonName: string, organizations: readonly string[] = []) => [
  ...organizations.map((name) => ({ O: [name] })),
  { CN: [commonName] },
];

function validity(nowMs: number, days: number): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + days * DAY_MS),
  };
}

/** A new self-signed authority. */
export async function createAuthority(
  commonName: string,
  nowMs: number,
  days: number,
): Promise<KeyPairPem> {
  const keys = await newKeys();
  const cert = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: subjectOf(commonName),
    ...validity(nowMs, days),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 1, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${cert.toString('pem')}\n`, key: await privatePem(keys.privateKey) };
}

/** A private key for signing only. */
export async function importSigner(pem: string): Promise<CryptoKey> {
  const bytes = PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey('pkcs8', bytes, KEY, false, ['sign']);
}

/** DNS names and addresses as alternative names. */
export const alternativeNames = (hosts: readonly string[]): JsonGeneralName[] =>
  hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }));

/** A leaf signed by an authority: always a client certificate, a server's too when it names hosts. */
export async function issueLeaf(
  authority: KeyPairPem,
  request: LeafRequest,
  nowMs: number,
): Promise<KeyPairPem> {
  const keys = await newKeys();
  const issuer = new X509Certificate(authority.cert);
  const hosts = request.hosts ?? [];
  const usages = [ExtendedKeyUsage.clientAuth];
  if (hosts.length > 0) usages.push(ExtendedKeyUsage.serverAuth);
  const names = alternativeNames(hosts);
  const cert = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: subjectOf(request.commonName, request.organizations),
    issuer: issuer.subject,
    ...validity(nowMs, request.days),
    signingAlgorithm: SIGNING,
    publicKey: keys.publicKey,
    signingKey: await importSigner(authority.key),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(usages),
      ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return { cert: `${cert.toString('pem')}\n`, key: await privatePem(keys.privateKey) };
}

/** The pair that signs service account tokens (ES256). */
export async function createSigningPair(): Promise<{ publicKey: string; privateKey: string }> {
  const keys = await newKeys();
  return {
    publicKey: await publicPem(keys.publicKey),
    privateKey: await privatePem(keys.privateKey),
  };
}

/** Whether a certificate still says what is wanted and is good for a while. */
export function leafIsCurrent(
  certPem: string,
  caPem: string,
  request: LeafRequest,
  limits: { nowMs: number; renewBeforeDays: number },
): boolean {
  const cert = new X509Certificate(certPem);
  if (cert.issuer !== new X509Certificate(caPem).subject) return false;
  if (cert.notAfter.getTime() - limits.nowMs < limits.renewBeforeDays * DAY_MS) return false;
  const names = cert.getExtension(SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const have = new Set(names.map((name) => String(name.value)));
  return (request.hosts ?? []).every((host) => have.has(host));
}
