/** Which certificates a host makes for itself. Pure. */
import type { WantedLeaf } from '../pki/layout.ts';
import { apiServiceIp, type HostSettings, parseEndpoint } from './settings.ts';

const LOOPBACK = ['localhost', '127.0.0.1'];
const unique = (items: readonly string[]): string[] => [...new Set(items)];

/** Only masters hold the authorities; nodes ask for what they need. */
export function hostLeaves(host: HostSettings, days: number): WantedLeaf[] {
  if (!host.roles.includes('master')) return [];
  const own = unique([...LOOPBACK, host.address, host.name]);
  const domain = `kubernetes.default.svc.${host.cluster.clusterDomain}`;
  const api = unique([
    ...own,
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    domain,
    apiServiceIp(host.cluster),
    parseEndpoint(host.cluster.endpoint).host,
    ...host.extraNames,
  ]);
  const leaf = (file: string, commonName: string): WantedLeaf => {
    return { file, authority: 'ca', commonName, days };
  };
  const admins = { organizations: ['system:masters'] };
  return [
    { file: 'etcd', authority: 'etcd-ca', commonName: host.name, hosts: own, days },
    { ...leaf('apiserver', 'kube-apiserver'), hosts: api },
    { ...leaf('apiserver-etcd-client', 'kube-apiserver'), authority: 'etcd-ca' },
    { ...leaf('etcdctl', 'etcdctl'), authority: 'etcd-ca' },
    { ...leaf('apiserver-kubelet-client', 'kube-apiserver-kubelet-client'), ...admins },
    { ...leaf('admin', 'kubernetes-admin'), ...admins },
    leaf('scheduler', 'system:kube-scheduler'),
    leaf('controller-manager', 'system:kube-controller-manager'),
    leaf('cloud-controller-manager', 'system:cloud-controller-manager'),
    ...(host.roles.includes('node')
      ? [leaf('proxy', 'system:kube-proxy'), leaf('dns', 'system:kube-dns')]
      : []),
  ];
}
