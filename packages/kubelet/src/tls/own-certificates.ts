/** The kubelet's two certificates, as client and as server: found, asked for, kept fresh. */
import { join } from 'node:path';
import type { ApiClient } from '@kubets/client';
import {
  type ClientTls,
  type Clock,
  ConfigError,
  errorMessage,
  type FamilyRegistry,
  type Logger,
  loadCa,
  type Random,
} from '@kubets/platform';
import type { KeyPairPem } from '@kubets/platform/pki';
import { readBootstrapConfig } from './bootstrap-config.ts';
import { bootstrapRequests } from './bootstrap-requests.ts';
import { showCertificates } from './certificate-figures.ts';
import { CertificateKeeper } from './keeper.ts';
import { readPairFile, writePairFile } from './pair-file.ts';
import {
  apiRequests,
  type CertificateRequests,
  CLIENT_SIGNER,
  requestCertificate,
  SERVING_SIGNER,
} from './request.ts';
import type { WantedIdentity } from './schedule.ts';

export interface OwnCertificatesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly certDir: string;
  /** Empty: there is none. */
  readonly bootstrapFile: string;
  readonly caFile: string;
  /** 0: the signer's own. */
  readonly durationMs: number;
  readonly nodeName: string;
  readonly addresses: readonly string[];
}

/** Those who show a certificate, told of a new one. */
export interface CertificateUsers {
  readonly client: (tls: ClientTls) => void;
  readonly server: (pair: { readonly cert: Buffer; readonly key: Buffer }) => void;
}

const CLIENT_USAGES = ['digital signature', 'client auth'];
const SERVING_USAGES = ['digital signature', 'server auth'];
const MS_PER_SECOND = 1_000;

const buffers = ({ cert, key }: KeyPairPem): { cert: Buffer; key: Buffer } => ({
  cert: Buffer.from(cert),
  key: Buffer.from(key),
});

export class OwnCertificates {
  readonly #options: OwnCertificatesOptions;
  readonly #clientFile: string;
  readonly #serverFile: string;
  readonly #client: CertificateKeeper;
  readonly #server: CertificateKeeper;
  #api: ApiClient | undefined;
  #users: CertificateUsers | undefined;

  constructor(options: OwnCertificatesOptions) {
    this.#options = options;
    this.#clientFile = join(options.certDir, 'kubelet-client-current.pem');
    this.#serverFile = join(options.certDir, 'kubelet-server-current.pem');
    this.#client = this.#keeper('client', this.#clientFile, (pair) =>
      this.#users?.client({ ...buffers(pair), ca: loadCa(options.caFile) }),
    );
    this.#server = this.#keeper('server', this.#serverFile, (pair) =>
      this.#users?.server(buffers(pair)),
    );
  }

  /**
   * Makes sure that there is a client certificate, with the bootstrap token if need be.
   * @throws ConfigError when there is neither, with what to do next
   */
  async ensureClient(): Promise<void> {
    if (this.#client.current() !== undefined) return;
    const { bootstrapFile, certDir, log } = this.#options;
    if (bootstrapFile === '') {
      throw new ConfigError(
        `no valid client certificate in ${certDir}, and no --bootstrap-kubeconfig to ask with; join this node again with a new token`,
      );
    }
    const requests = bootstrapRequests(readBootstrapConfig(bootstrapFile));
    try {
      writePairFile(this.#clientFile, await this.#ask(requests, 'client'));
    } catch (error) {
      throw new ConfigError(
        `cannot get a certificate with the token in ${bootstrapFile}: ${errorMessage(error)}; a token is short-lived: ` +
          'make another with "kubets token create" on a master and join this node again',
      );
    }
    log.info({ file: this.#clientFile }, 'this node has its certificate');
  }

  clientTls(): ClientTls {
    const pair = this.#client.current();
    return { ca: loadCa(this.#options.caFile), ...(pair === undefined ? {} : buffers(pair)) };
  }

  /** What the door shows: nothing yet on a node that is new, and then nobody comes in. */
  doorTls(ca: Buffer): ClientTls {
    const pair = this.#server.current();
    return { ca, ...(pair === undefined ? {} : buffers(pair)) };
  }

  /** From now on both are renewed in time. */
  keepFresh(api: ApiClient, users: CertificateUsers): void {
    this.#api = api;
    this.#users = users;
    this.#client.start();
    this.#server.start();
  }

  /** Makes it known how long they last. */
  show(registry: FamilyRegistry): void {
    const { clock } = this.#options;
    showCertificates({ registry, clock, client: this.#client, server: this.#server });
  }

  stop(): void {
    this.#client.stop();
    this.#server.stop();
  }

  #wanted(kind: 'client' | 'server'): WantedIdentity {
    const { nodeName, addresses } = this.#options;
    return {
      commonName: `system:node:${nodeName}`,
      organizations: ['system:nodes'],
      hosts: kind === 'client' ? [] : [nodeName, ...addresses],
    };
  }

  #ask(requests: CertificateRequests, kind: 'client' | 'server'): Promise<KeyPairPem> {
    const { clock, signal, durationMs } = this.#options;
    const seconds = Math.round(durationMs / MS_PER_SECOND);
    return requestCertificate({
      ...{ requests, clock, signal, wanted: this.#wanted(kind) },
      signer: kind === 'client' ? CLIENT_SIGNER : SERVING_SIGNER,
      usages: kind === 'client' ? CLIENT_USAGES : SERVING_USAGES,
      expirationSeconds: seconds > 0 ? seconds : undefined,
    });
  }

  #keeper(
    kind: 'client' | 'server',
    file: string,
    onChange: (pair: KeyPairPem) => void,
  ): CertificateKeeper {
    const { clock, random, log } = this.#options;
    return new CertificateKeeper({
      name: `kubelet ${kind}`,
      ...{ clock, random, log, onChange },
      wanted: this.#wanted(kind),
      read: () => readPairFile(file),
      write: (pair) => writePairFile(file, pair),
      request: () => {
        if (this.#api === undefined) throw new ConfigError('no connection yet');
        return this.#ask(apiRequests(this.#api), kind);
      },
    });
  }
}
