/** A master signs its own kubelet's first certificate: it holds the authority, and nobody else may be up yet. */
import { join } from 'node:path';
import { readPairFile, writePairFile } from '@kubets/kubelet';
import { certificateFacts } from '@kubets/platform';
import { issueLeaf } from '@kubets/platform/pki';
import { readIfThere } from '../files.ts';
import { limits } from '../limits.ts';
import type { ClusterPaths } from '../paths.ts';
import { kubeletCertDir } from './plan.ts';
import type { HostSettings } from './settings.ts';
import { nowMs } from './store.ts';

export async function ensureOwnKubelet(paths: ClusterPaths, host: HostSettings): Promise<void> {
  if (!host.roles.includes('master') || !host.roles.includes('node')) return;
  const file = join(kubeletCertDir(paths), 'kubelet-client-current.pem');
  const there = readPairFile(file);
  if (there !== undefined && certificateFacts(there.cert).notAfterMs > nowMs()) return;
  const read = (name: string): string => readIfThere(join(paths.pki, name)) ?? '';
  const authority = { cert: read('ca.crt'), key: read('ca.key') };
  const request = {
    commonName: `system:node:${host.name}`,
    organizations: ['system:nodes'],
    days: limits.certificateDays,
  };
  writePairFile(file, await issueLeaf(authority, request, nowMs()));
}
