/** Names and folders of one node, so that whoever cleans up after it knows them too. */
import { join } from 'node:path';
import { nodeBridge } from './containerd/bridge.ts';

export interface NodeLayout {
  /** One folder per pod, by uid. */
  readonly podsDir: string;
  /** Memory of the node's own; in it one folder per pod, by uid, with what may not lie on a disk. */
  readonly memoryDir: string;
  /** One folder per pod, `NAMESPACE_NAME_UID`, with `CONTAINER/ATTEMPT.log` below. */
  readonly logsDir: string;
  /** Address reservations of the pod network. */
  readonly ipamDir: string;
  readonly seccompDir: string;
  /** Network bridge of the node's pods. */
  readonly bridge: string;
  /** Tunnel to the pods of other nodes, with `--pod-network vxlan`. */
  readonly tunnel: string;
  /** Parent of the pods' cgroups. */
  readonly cgroupParent: string;
}

/** @param rootDir the kubelet's `--root-dir` */
export function nodeLayout(rootDir: string): NodeLayout {
  const bridge = nodeBridge(rootDir);
  return {
    podsDir: join(rootDir, 'pods'),
    memoryDir: join(rootDir, 'memory'),
    logsDir: join(rootDir, 'pod-logs'),
    ipamDir: join(rootDir, 'ipam'),
    seccompDir: join(rootDir, 'seccomp'),
    bridge,
    tunnel: bridge.replace('kb-', 'kx-'),
    // The bridge's name is as good as any to tell one node of this machine from another.
    cgroupParent: `/kubets/${bridge}`,
  };
}
