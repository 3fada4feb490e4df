import {
  type ChannelCredentials,
  credentials,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ConfigError, errorMessage } from './errors.ts';
import type { Logger } from './log.ts';
import { delay } from './runtime/clock.ts';
import type { ClientTls, TlsMaterial } from './tls.ts';

export interface GrpcHostOptions {
  /** Without it the host serves plain text: for tests and for members configured with http URLs. */
  readonly tls?: TlsMaterial & { readonly requireClientCert: boolean };
  readonly log: Logger;
  /** Largest message taken or sent; 4 MiB by default. */
  readonly maxMessageBytes?: number;
}

const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
// Connections that die without a FIN (a pulled cable, a stopped process) are noticed within about 15 s.
const KEEPALIVE = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.http2.min_ping_interval_without_data_ms': 1_000,
  'grpc.keepalive_permit_without_calls': 1,
};

/** A gRPC server with the project's limits, TLS and drain. */
export class GrpcHost {
  readonly #server: Server;
  readonly #options: GrpcHostOptions;

  constructor(options: GrpcHostOptions) {
    const maxBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    this.#options = options;
    this.#server = new Server({
      'grpc.max_receive_message_length': maxBytes,
      'grpc.max_send_message_length': maxBytes,
      'grpc.max_concurrent_streams': 100_000,
      ...KEEPALIVE,
    });
  }

  addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#server.addService(definition, implementation);
  }

  /**
   * @param address `host:port`; port 0 takes a free one
   * @returns the port
   * @throws ConfigError when the address cannot be taken
   */
  listen(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, this.#credentials(), (error, port) => {
        if (error === null) return resolve(port);
        const why = errorMessage(error);
        return reject(new ConfigError(`cannot listen on ${address}: ${why}`, { cause: error }));
      });
    });
  }

  /** Refuses new calls, waits for those under way, then closes whatever is left. */
  async drain(graceMs: number): Promise<void> {
    const done = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    const gaveUp = new AbortController();
    await Promise.race([done, delay(graceMs, { signal: gaveUp.signal }).catch(() => undefined)]);
    gaveUp.abort();
    this.#server.forceShutdown();
  }

  #credentials(): ServerCredentials {
    const { tls } = this.#options;
    if (tls === undefined) return ServerCredentials.createInsecure();
    const pair = { cert_chain: tls.cert, private_key: tls.key };
    return ServerCredentials.createSsl(tls.ca, [pair], tls.requireClientCert);
  }
}

/** Channel options every client of the project uses: dead peers are noticed, reconnects are quick. */
export const clientChannelOptions: Readonly<Record<string, number>> = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.enable_retries': 0,
};

/** mTLS with our certificate; TLS alone for those who bring a token instead; plain text without an authority. */
export function channelCredentials(tls?: ClientTls): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  if (tls.cert === undefined || tls.key === undefined) return credentials.createSsl(tls.ca);
  return credentials.createSsl(tls.ca, tls.key, tls.cert);
}

/** Who a peer is, by its client certificate. */
export interface PeerIdentity {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** SHA-256 of the certificate, in hexadecimal. */
  readonly fingerprint?: string;
  /** When the certificate ends, in milliseconds since the epoch. */
  readonly expiresMs?: number;
}

interface CallWithAuth {
  getAuthContext(): { sslPeerCertificate?: PeerCertificate } | null;
}

/** The parts of a certificate, as `node:tls` shows it, that count here. */
interface PeerCertificate {
  readonly subject?: unknown;
  /** `AB:CD:…` */
  readonly fingerprint256?: string;
  /** `Nov 30 08:00:00 2026 GMT` */
  readonly valid_to?: string;
}

const listOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.map(String) : value === undefined ? [] : [String(value)];

/** Whom a certificate names; undefined when there is no common name. */
export function identityOfCertificate(
  certificate: PeerCertificate | undefined,
): PeerIdentity | undefined {
  const { subject, fingerprint256, valid_to: validTo = '' } = certificate ?? {};
  if (typeof subject !== 'object' || subject === null) return undefined;
  const commonName = listOf(Reflect.get(subject, 'CN'))[0];
  if (commonName === undefined) return undefined;
  const fingerprint = fingerprint256?.replaceAll(':', '').toLowerCase();
  const organizations = listOf(Reflect.get(subject, 'O'));
  const expiresMs = Date.parse(validTo);
  return {
    ...{ commonName, organizations },
    ...(fingerprint !== undefined && { fingerprint }),
    ...(Number.isFinite(expiresMs) && { expiresMs }),
  };
}

/** The members of gRPC's calls that lead to the connection: the calls themselves have no name for it. */
const TOWARDS_STREAM = ['call', 'nextCall'];
const identities = new WeakMap<object, { readonly identity: PeerIdentity | undefined }>();

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** The HTTP/2 session of a call; undefined when gRPC keeps it elsewhere, and then nothing is remembered. */
function sessionOf(call: CallWithAuth): object | undefined {
  let layer: unknown = call;
  while (layer !== undefined) {
    const session = member(member(layer, 'stream'), 'session');
    if (typeof session === 'object' && session !== null) return session;
    layer = TOWARDS_STREAM.map((name) => member(layer, name)).find((one) => one !== undefined);
  }
  return undefined;
}

function askIdentity(call: CallWithAuth): PeerIdentity | undefined {
  return identityOfCertificate(call.getAuthContext()?.sslPeerCertificate);
}

/**
 * The client certificate's identity; undefined on plain text or without a certificate. Read once a connection: taking a
 * certificate apart costs more than a small call does.
 */
export function peerIdentity(call: CallWithAuth): PeerIdentity | undefined {
  const session = sessionOf(call);
  if (session === undefined) return askIdentity(call);
  const known = identities.get(session);
  if (known !== undefined) return known.identity;
  const identity = askIdentity(call);
  identities.set(session, { identity });
  return identity;
}
