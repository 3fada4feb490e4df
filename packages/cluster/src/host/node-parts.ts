/** Certificates of what runs beside a kubelet on a host without the authority: asked for as the node, kept in files. */
import { join } from 'node:path';
import type { ApiClient } from '@kubets/client';
import { apiRequests, CertificateKeeper, requestCertificate } from '@kubets/kubelet';
import { delay, type Logger, systemClock, systemRandom } from '@kubets/platform';
import { readIfThere, writeAtomic } from '../files.ts';
import type { ClusterPaths } from '../paths.ts';

const PARTS = { proxy: 'system:kube-proxy', dns: 'system:kube-dns' } as const;
const SIGNER = 'kubernetes.io/kube-apiserver-client';
const USAGES = ['digital signature', 'client auth'];
const POLL_MS = 100;

export type NodePart = keyof typeof PARTS;

export interface NodePartsOptions {
  readonly paths: ClusterPaths;
  readonly log: Logger;
  /** Called for each request: the node's own certificate changes, too. Closed after use. */
  readonly api: () => ApiClient;
  /** A part must be started again to show its new certificate. */
  readonly onRenewed: (part: NodePart) => void;
}

/** The proxy's and the name server's certificates. */
export class NodeParts {
  readonly #keepers: readonly CertificateKeeper[];

  constructor(options: NodePartsOptions) {
    const { paths, log, api, onRenewed } = options;
    this.#keepers = (Object.keys(PARTS) as NodePart[]).map((part) => {
      const file = (end: string): string => join(paths.pki, `${part}.${end}`);
      const wanted = { commonName: PARTS[part], organizations: [], hosts: [] };
      return new CertificateKeeper({
        name: part,
        ...{ clock: systemClock, random: systemRandom, log, wanted },
        read: () => {
          const [cert, key] = [readIfThere(file('crt')), readIfThere(file('key'))];
          return cert === undefined || key === undefined ? undefined : { cert, key };
        },
        write: (pair) => {
          writeAtomic(file('key'), pair.key);
          writeAtomic(file('crt'), pair.cert);
        },
        request: async () => {
          const client = api();
          try {
            return await requestCertificate({
              ...{
                requests: apiRequests(client),
                clock: systemClock,
                signer: SIGNER,
                usages: USAGES,
                wanted,
              },
            });
          } finally {
            client.close();
          }
        },
        onChange: () => onRenewed(part),
      });
    });
  }

  /** Resolves once both are there; from then on they are kept fresh. */
  async ensure(signal: AbortSignal): Promise<void> {
    for (const keeper of this.#keepers) keeper.start();
    while (this.#keepers.some((keeper) => keeper.current() === undefined)) {
      await delay(POLL_MS, { signal });
    }
  }

  stop(): void {
    for (const keeper of this.#keepers) keeper.stop();
  }
}
