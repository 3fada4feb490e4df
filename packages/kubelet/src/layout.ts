/** Names and folders of one node, so that whoever cleans up after it knows them too. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

export interface NodeLayout {
  /** One folder per pod, by uid. */
  readonly podsDir: string;
  /** One folder per pod, `NAMESPACE_NAME_UID`, with `CONTAINER/ATTEMPT.log` below. */
  readonly logsDir: string;
  /** Address reservations of the pod network. */
  readonly ipamDir: string;
  readonly seccompDir: string;
  /** Network bridge of the node's pods. */
  readonly bridge: string;
  /** Parent of the pods' cgroups. */
  readonly cgroupParent: string;
}

const HASH_CHARS = 8;

/** @param rootDir the kubelet's `--root-dir` */
export function nodeLayout(rootDir: string, nodeName: string): NodeLayout {
  const hash = createHash('sha256').update(`${rootDir}\0${nodeName}`).digest('hex');
  const id = hash.slice(0, HASH_CHARS);
  return {
    podsDir: join(rootDir, 'pods'),
    logsDir: join(rootDir, 'pod-logs'),
    ipamDir: join(rootDir, 'ipam'),
    seccompDir: join(rootDir, 'seccomp'),
    bridge: `kb-${id}`,
    cgroupParent: `/kubets/${nodeName}-${id}`,
  };
}
