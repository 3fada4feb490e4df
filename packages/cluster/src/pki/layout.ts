/** Which certificates a cluster needs. Pure. */
import type { LeafRequest } from '@kubets/platform/pki';

export type AuthorityName = 'ca' | 'etcd-ca';

export interface WantedLeaf extends LeafRequest {
  /** File name without extension, below `pki/`. */
  readonly file: string;
  readonly authority: AuthorityName;
}

export interface PkiInput {
  readonly masters: number;
  readonly nodeNames: readonly string[];
  readonly hollowNodes: boolean;
  /** This machine's address as pods and other machines see it. */
  readonly hostIp: string;
  readonly hostName: string;
  /** First address of the service range: `kubernetes`. */
  readonly apiServiceIp: string;
  readonly clusterDomain: string;
  readonly days: number;
}

const LOOPBACK = ['localhost', '127.0.0.1'];

const numbers = (count: number): number[] => Array.from({ length: count }, (_unused, i) => i + 1);

function apiHosts(input: PkiInput): string[] {
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const full = `kubernetes.default.svc.${input.clusterDomain}`;
  return unique([...LOOPBACK, ...service, full, input.hostName, input.hostIp, input.apiServiceIp]);
}

const unique = (items: readonly string[]): string[] => [...new Set(items)];

/** Every leaf, in the order it is made. */
export function wantedLeaves(input: PkiInput): WantedLeaf[] {
  const { days } = input;
  const own = unique([...LOOPBACK, input.hostIp, input.hostName]);
  const component = (file: string, commonName: string): WantedLeaf => {
    return { file, authority: 'ca', commonName, days };
  };
  const perMaster = numbers(input.masters).flatMap((n): WantedLeaf[] => [
    { file: `etcd-${n}`, authority: 'etcd-ca', commonName: `etcd-${n}`, hosts: own, days },
    {
      file: `apiserver-${n}`,
      authority: 'ca',
      commonName: 'kube-apiserver',
      hosts: apiHosts(input),
      days,
    },
  ]);
  const perNode = input.nodeNames.flatMap((name): WantedLeaf[] => [
    {
      file: `kubelet-${name}`,
      authority: 'ca',
      commonName: `system:node:${name}`,
      organizations: ['system:nodes'],
      hosts: unique([name, ...own]),
      days,
    },
    component(`proxy-${name}`, 'system:kube-proxy'),
  ]);
  const admin = { organizations: ['system:masters'] };
  return [
    ...perMaster,
    ...perNode,
    { ...component('apiserver-etcd-client', 'kube-apiserver'), authority: 'etcd-ca' },
    { ...component('etcdctl', 'etcdctl'), authority: 'etcd-ca' },
    { ...component('apiserver-kubelet-client', 'kube-apiserver-kubelet-client'), ...admin },
    { ...component('admin', 'kubernetes-admin'), ...admin },
    component('scheduler', 'system:kube-scheduler'),
    component('controller-manager', 'system:kube-controller-manager'),
    component('cloud-controller-manager', 'system:cloud-controller-manager'),
    component('dns', 'system:kube-dns'),
    ...(input.hollowNodes ? [hollowLeaf(own, days)] : []),
  ];
}

const hollowLeaf = (hosts: readonly string[], days: number): WantedLeaf => ({
  file: 'kubelet-hollow',
  authority: 'ca',
  commonName: 'system:node:hollow',
  organizations: ['system:nodes'],
  hosts,
  days,
});
