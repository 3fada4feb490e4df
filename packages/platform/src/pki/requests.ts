/** Certificate requests (PKCS#10, RFC 2986): making, reading and granting them. ECDSA P-256 for keys of our own. */
import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { ConfigError, errorMessage } from '../errors.ts';
import {
  alternativeNames,
  importSigner,
  type KeyPairPem,
  newKeys,
  privatePem,
  SIGNING,
  serial,
  subjectOf,
} from './authority.ts';

/** What a request asks to be certified. */
export interface RequestedIdentity {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
}

/** A request that was read, its signature checked: whoever sent it holds the key. */
export interface ReadRequest {
  readonly identity: RequestedIdentity;
  readonly parsed: Pkcs10CertificateRequest;
}

/** Usages by the names the certificates API has for them. Others are not granted here. */
const KEY_USAGES: Readonly<Record<string, KeyUsageFlags>> = {
  'digital signature': KeyUsageFlags.digitalSignature,
  'key encipherment': KeyUsageFlags.keyEncipherment,
};
const EXTENDED_USAGES: Readonly<Record<string, ExtendedKeyUsage>> = {
  'client auth': ExtendedKeyUsage.clientAuth,
  'server auth': ExtendedKeyUsage.serverAuth,
};

/** A new key and a request for it. @returns PEM texts */
export async function createRequest(wanted: {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly hosts?: readonly string[];
}): Promise<{ readonly request: string; readonly key: string }> {
  const keys = await newKeys();
  const names = alternativeNames(wanted.hosts ?? []);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: subjectOf(wanted.commonName, wanted.organizations),
    keys,
    signingAlgorithm: SIGNING,
    extensions: names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : [],
  });
  return { request: `${request.toString('pem')}\n`, key: await privatePem(keys.privateKey) };
}

function alternativesOf(
  request: Pkcs10CertificateRequest,
): SubjectAlternativeNameExtension | undefined {
  return request.extensions.find((one) => one instanceof SubjectAlternativeNameExtension);
}

/** @throws ConfigError for text that is no request, or one its key has not signed */
export async function readRequest(pem: string): Promise<ReadRequest> {
  let parsed: Pkcs10CertificateRequest;
  try {
    parsed = new Pkcs10CertificateRequest(pem);
    if (!(await parsed.verify())) throw new ConfigError('its signature does not fit its key');
  } catch (error) {
    throw new ConfigError(`not a certificate request: ${errorMessage(error)}`);
  }
  const names = alternativesOf(parsed)?.names.toJSON() ?? [];
  const of = (...types: string[]): string[] =>
    names.filter((name) => types.includes(name.type)).map((name) => String(name.value));
  const identity = {
    commonName: parsed.subjectName.getField('CN')[0] ?? '',
    organizations: parsed.subjectName.getField('O'),
    dnsNames: of('dns'),
    ipAddresses: of('ip'),
    emailAddresses: of('email'),
    // What has no name of its own here counts as something nobody grants.
    uris: of('url', 'dn', 'guid', 'upn', 'id'),
  };
  return { identity, parsed };
}

/** How long, and what for. */
export interface GrantTerms {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly usages: readonly string[];
}

/** Signs what a request asks for; the certificate never outlives the authority. @returns PEM text */
export async function grantRequest(
  authority: KeyPairPem,
  { parsed }: ReadRequest,
  terms: GrantTerms,
): Promise<string> {
  const issuer = new X509Certificate(authority.cert);
  const notAfterMs = Math.min(terms.notAfterMs, issuer.notAfter.getTime());
  let flags = 0;
  const extended: ExtendedKeyUsage[] = [];
  for (const usage of terms.usages) {
    flags |= KEY_USAGES[usage] ?? 0;
    const one = EXTENDED_USAGES[usage];
    if (one !== undefined) extended.push(one);
  }
  const names = alternativesOf(parsed);
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    // An extension without a use in it would make the certificate invalid (RFC 5280, 4.2.1.3).
    ...(flags === 0 ? [] : [new KeyUsagesExtension(flags, true)]),
    ...(extended.length === 0 ? [] : [new ExtendedKeyUsageExtension(extended)]),
    await AuthorityKeyIdentifierExtension.create(issuer),
    ...(names === undefined ? [] : [new SubjectAlternativeNameExtension(names.names.toJSON())]),
  ];
  const cert = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: parsed.subject,
    issuer: issuer.subject,
    notBefore: new Date(terms.notBeforeMs),
    notAfter: new Date(notAfterMs),
    signingAlgorithm: SIGNING,
    publicKey: await parsed.publicKey.export(),
    signingKey: await importSigner(authority.key),
    extensions,
  });
  return `${cert.toString('pem')}\n`;
}
