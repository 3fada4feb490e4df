/** An apiserver inside another program: the whole server, on a port of loopback, over a store in memory. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  commonFlags,
  type Logger,
  parseFlags,
  processMetrics,
  silentLogger,
  systemClock,
  systemRandom,
} from '@kubets/platform';
import { type ApiServerConfig, flags } from '../config.ts';
import type { ResourceStore } from '../ports.ts';
import { ApiServer } from '../server.ts';
import { MemoryStore } from '../storage/memory-store.ts';
import type { Store } from '../storage/store.ts';
import { kubeconfigOf } from './kubeconfig.ts';

/** What {@link startApiServer} may be told. */
export interface StartApiServerOptions {
  /** The HTTPS port; 0 (default) takes a free one. */
  readonly port?: number;
  /** Where objects lie; default: in memory, gone with the server. The server closes it. */
  readonly store?: Store;
  /**
   * Flags of the apiserver under their stock names, such as `--service-cluster-ip-range=10.0.0.0/16`. What serves is set
   * here already: addresses, certificates, tokens, and that pods need no service account, since no controller makes one.
   */
  readonly flags?: readonly string[];
  /** Bearer tokens beside the administrator's: users and their groups by token. */
  readonly tokens?: Readonly<Record<string, { user: string; groups?: readonly string[] }>>;
  /** Default: silent. */
  readonly log?: Logger;
}

/** A server that serves. */
export interface EmbeddedApiServer {
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** The port of the component door (gRPC, mutual TLS). */
  readonly grpcPort: number;
  /** PEM of the authority that signed the serving certificate, made for this server alone. */
  readonly ca: string;
  /** A bearer token of `kubernetes-admin`, group `system:masters`. */
  readonly token: string;
  /** A kubeconfig with that token, as text. */
  readonly kubeconfig: string;
  /** The objects without the detour over HTTPS: same admission, validation and defaulting. */
  readonly objects: ResourceStore;
  /** Ends watches, lets requests finish, closes everything. */
  stop(): Promise<void>;
}

/**
 * Starts a real apiserver in this process: authentication, RBAC, admission, validation, watches, server-side apply, custom
 * resources. No controller runs: what is created stays as it is until somebody changes it.
 *
 * ```ts
 * const api = await startApiServer();
 * await api.objects.create({ group: '', version: 'v1', resource: 'configmaps' }, {
 *   apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' },
 * });
 * writeFileSync('kubeconfig', api.kubeconfig); // kubectl --kubeconfig kubeconfig get configmaps
 * await api.stop();
 * ```
 * @throws ConfigError for flags it does not understand, or a port that is taken
 */
export async function startApiServer(o: StartApiServerOptions = {}): Promise<EmbeddedApiServer> {
  const { EmbeddedAuthority } = await import('./certificates.ts');
  const authority = await EmbeddedAuthority.create(systemClock.now());
  const tls = await authority.issue('CN=kube-apiserver');
  const folder = mkdtempSync(join(tmpdir(), 'kubets-apiserver-'));
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const token = randomBytes(16).toString('hex');
    const config = configOf(folder, token, o);
    const server = new ApiServer({
      config,
      tls,
      store: o.store ?? new MemoryStore(),
      runtime: {
        version: `node${process.version}`,
        platform: `${process.platform}/${process.arch}`,
      },
      metrics: processMetrics(),
      clock: systemClock,
      random: systemRandom,
      log: o.log ?? silentLogger,
    });
    const { securePort, grpcPort } = await server.start();
    await server.whenBootstrapped();
    const url = `https://127.0.0.1:${securePort}`;
    const ca = tls.ca.toString('utf8');
    return {
      ...{ url, grpcPort, ca, token, objects: server.objects },
      kubeconfig: kubeconfigOf({ url, ca, token }),
      async stop() {
        await server.drain();
        removeFolder();
      },
    };
  } catch (error) {
    removeFolder();
    throw error;
  }
}

/** Secrets lie in files of the owner's, because that is how the server reads them. */
function configOf(folder: string, token: string, o: StartApiServerOptions): ApiServerConfig {
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signingKey = file('sa.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  const lines = [`${token},kubernetes-admin,kubernetes-admin,"system:masters"`];
  for (const [each, { user, groups = [] }] of Object.entries(o.tokens ?? {})) {
    lines.push(`${each},${user},${user},"${groups.join(',')}"`);
  }
  const args = [
    '--etcd-servers=memory',
    '--bind-address=127.0.0.1',
    `--secure-port=${o.port ?? 0}`,
    '--grpc-port=0',
    '--tls-cert-file=memory',
    '--tls-private-key-file=memory',
    '--client-ca-file=memory',
    `--service-account-signing-key-file=${signingKey}`,
    `--token-auth-file=${file('tokens.csv', `${lines.join('\n')}\n`)}`,
    '--disable-admission-plugins=ServiceAccount',
    ...(o.flags ?? []),
  ];
  return parseFlags({ ...flags, ...commonFlags }, args);
}
