/** `host.json` and the identities on disk: what every host command reads. */
import { join } from 'node:path';
import { ApiClient } from '@kubets/client';
import { readPairFile } from '@kubets/kubelet';
import {
  type ClientTls,
  ConfigError,
  loadCa,
  loadTls,
  silentLogger,
  systemClock,
} from '@kubets/platform';
import { makePrivateDir, readIfThere, writeAtomic } from '../files.ts';
import type { ClusterPaths } from '../paths.ts';
import { kubeconfigText } from '../pki/kubeconfig.ts';
import { kubeletCertDir } from './plan.ts';
import { type HostSettings, hostPorts, parseHost } from './settings.ts';

export function savedHost(paths: ClusterPaths): HostSettings | undefined {
  const text = readIfThere(paths.host);
  return text === undefined ? undefined : parseHost(text, paths.host);
}

/** @throws ConfigError when this host is part of no cluster */
export function requireHost(paths: ClusterPaths): HostSettings {
  const host = savedHost(paths);
  if (host !== undefined) return host;
  throw new ConfigError(
    `this host is part of no cluster (no ${paths.host}); "kubets init" makes one, "kubets join" joins one`,
  );
}

export function requireMaster(paths: ClusterPaths): HostSettings {
  const host = requireHost(paths);
  if (host.roles.includes('master')) return host;
  throw new ConfigError('this host is a node; run this on a master');
}

export function saveHost(paths: ClusterPaths, host: HostSettings): void {
  makePrivateDir(paths.dataDir);
  writeAtomic(paths.host, `${JSON.stringify(host, null, 2)}\n`);
}

/** The administrator's kubeconfig and etcdctl's settings; masters only. */
export function writeHostClientFiles(paths: ClusterPaths, host: HostSettings): void {
  const read = (file: string): string => readIfThere(join(paths.pki, file)) ?? '';
  const identity = { cert: read('admin.crt'), key: read('admin.key'), ca: read('ca.crt') };
  const server = `https://${host.cluster.endpoint}`;
  writeAtomic(paths.kubeconfig, kubeconfigText({ server, ...identity }));
  const lines = [
    'export ETCDCTL_API=3',
    `export ETCDCTL_ENDPOINTS=https://127.0.0.1:${hostPorts.etcdClient}`,
    `export ETCDCTL_CACERT='${join(paths.pki, 'etcd-ca.crt')}'`,
    `export ETCDCTL_CERT='${join(paths.pki, 'etcdctl.crt')}'`,
    `export ETCDCTL_KEY='${join(paths.pki, 'etcdctl.key')}'`,
  ];
  writeAtomic(paths.etcdctlEnv, `${lines.join('\n')}\n`);
}

/** Who this host is towards the API: the administrator on a master, the kubelet on a node. Undefined: nobody yet. */
export function hostIdentity(paths: ClusterPaths, host: HostSettings): ClientTls | undefined {
  const caFile = join(paths.pki, 'ca.crt');
  if (host.roles.includes('master')) {
    const pem = (end: string): string => join(paths.pki, `admin.${end}`);
    return loadTls({ certFile: pem('crt'), keyFile: pem('key'), caFile });
  }
  const pair = readPairFile(join(kubeletCertDir(paths), 'kubelet-client-current.pem'));
  if (pair === undefined) return undefined;
  return { ca: loadCa(caFile), cert: Buffer.from(pair.cert), key: Buffer.from(pair.key) };
}

/** An API client of this host. Close it. */
export function hostApi(
  paths: ClusterPaths,
  host: HostSettings,
  endpoint = `127.0.0.1:${hostPorts.grpcDoor}`,
): ApiClient {
  const tls = hostIdentity(paths, host);
  if (tls === undefined) throw new ConfigError('this host has no certificate yet');
  return new ApiClient({ endpoints: [endpoint], tls, userAgent: 'kubets', log: silentLogger });
}

export const nowMs = (): number => systemClock.now();
