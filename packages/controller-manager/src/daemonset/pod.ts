import type { DaemonSet, Pod } from '@kubets/api';
import { REVISION_HASH_LABEL } from '../history/revisions.ts';
import { podFromTemplate } from '../objects/pods.ts';
import { daemonTolerations } from './nodes.ts';

export const DAEMON_SET_KIND = { apiVersion: 'apps/v1', kind: 'DaemonSet' } as const;

/** The set's pod for one node: only the scheduler binds, so the node is asked for by its name. */
export function daemonPod(ds: DaemonSet, node: string, hash: string): Pod {
  const pod = podFromTemplate(ds.spec?.template ?? {}, ds, DAEMON_SET_KIND);
  pod.metadata.labels = { ...pod.metadata.labels, [REVISION_HASH_LABEL]: hash };
  if (!pod.spec) return pod;
  const { affinity } = pod.spec;
  const field = { key: 'metadata.name', operator: 'In', values: [node] };
  pod.spec.tolerations = daemonTolerations(ds);
  pod.spec.affinity = {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [field] }],
      },
    },
  };
  return pod;
}
