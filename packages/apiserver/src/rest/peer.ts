/** Whom the certificate of a connection names, and for what: a client by the client CA, a proxy by the proxies' CA. */
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { identityOfCertificate } from '@kubets/platform';
import type { AnyRequest, Credentials } from '../ports.ts';

export type Peers = Pick<Credentials, 'peer' | 'proxy'>;

const NOBODY: Peers = { peer: undefined };
const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
/** Certificates between a client's and an authority's. */
const MAX_CHAIN = 8;

const certificatesOf = (pem: Buffer): X509Certificate[] =>
  (pem.toString('utf8').match(PEM_BLOCK) ?? []).map((block) => new X509Certificate(block));

export class PeerReader {
  readonly #clientAuthorities: readonly X509Certificate[];
  readonly #proxyAuthorities: readonly X509Certificate[];
  /** Read once a connection: taking a certificate apart costs more than a small request does. */
  readonly #known = new WeakMap<TLSSocket, Peers>();

  constructor(clientCa: Buffer, proxyCa?: Buffer) {
    this.#proxyAuthorities = proxyCa ? certificatesOf(proxyCa) : [];
    this.#clientAuthorities = proxyCa ? certificatesOf(clientCa) : [];
  }

  of(request: AnyRequest): Peers {
    const socket = request.socket as TLSSocket;
    if (!socket.authorized) return NOBODY;
    const known = this.#known.get(socket);
    if (known) return known;
    const peers = this.#read(socket);
    this.#known.set(socket, peers);
    return peers;
  }

  #read(socket: TLSSocket): Peers {
    const identity = identityOfCertificate(socket.getPeerCertificate());
    if (identity === undefined || this.#proxyAuthorities.length === 0) return { peer: identity };
    // The TLS layer trusts both authorities alike: a proxy's certificate is no client's because of that.
    const certificate = socket.getPeerX509Certificate();
    const isClient = isSignedBy(certificate, this.#clientAuthorities);
    const isProxy = isSignedBy(certificate, this.#proxyAuthorities);
    return { peer: isClient ? identity : undefined, proxy: isProxy ? identity : undefined };
  }
}

/** Whether a verified certificate's chain ends in one of the authorities. */
function isSignedBy(
  certificate: X509Certificate | undefined,
  authorities: readonly X509Certificate[],
): boolean {
  let link = certificate;
  for (let depth = 0; link !== undefined && depth < MAX_CHAIN; depth += 1) {
    const current = link;
    const issued = (ca: X509Certificate): boolean =>
      current.checkIssued(ca) && current.verify(ca.publicKey);
    if (authorities.some(issued)) return true;
    link = current.issuerCertificate;
  }
  return false;
}
