import { isNotFound, type Node, type Pod } from '@kubets/api';
import { type Controller, type ControllerDeps, periodicController } from '../host/controller.ts';
import { forEachLimit } from '../host/slow-start.ts';
import {
  DEFAULT_CONCURRENCY,
  POD_GC_PERIOD_MS,
  POD_GC_QUARANTINE_MS,
  TERMINATED_POD_THRESHOLD,
} from '../limits.ts';
import { formatTime, keyOf, nameOf, namespaceOf, uidOf } from '../objects/meta.ts';
import { isFinished } from '../objects/pods.ts';
import { decidePodGc, type PodGcVictim, quarantine } from './decide.ts';

/** Removes pods that nothing else will. */
export function podGcController(
  deps: ControllerDeps,
  options: { terminatedThreshold?: number } = {},
): Controller {
  const { pods, nodes } = deps.informers;
  const terminatedThreshold = options.terminatedThreshold ?? TERMINATED_POD_THRESHOLD;
  const missingSince = new Map<string, number>();
  const api = deps.api.resource<Pod>('v1', 'pods');
  const log = deps.log.child({ controller: 'pod-garbage-collector-controller' });

  const remove = async ({ pod, reason }: PodGcVictim): Promise<void> => {
    log.info({ pod: keyOf(pod), reason }, 'removing pod');
    try {
      if (!isFinished(pod) && reason !== 'terminated') await markFailed(deps, pod, reason);
      await api.delete(namespaceOf(pod), nameOf(pod), {
        gracePeriodSeconds: 0,
        preconditions: { uid: uidOf(pod) },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  return periodicController({
    name: 'pod-garbage-collector-controller',
    deps,
    periodMs: POD_GC_PERIOD_MS,
    needs: [pods, nodes],
    async tick() {
      const all = pods.list();
      const missing = new Set<string>();
      for (const pod of all) {
        const name = pod.spec?.nodeName;
        if (name && !nodes.get(name)) missing.add(name);
      }
      const nowMs = deps.clock.now();
      const due = quarantine(missingSince, missing, { nowMs, quarantineMs: POD_GC_QUARANTINE_MS });
      const victims = decidePodGc({
        pods: all,
        node: (name) => nodes.get(name),
        goneNodes: await confirmGone(deps, due),
        terminatedThreshold,
      });
      const failures = await forEachLimit(victims, DEFAULT_CONCURRENCY, remove);
      for (const error of failures) log.warn({ err: error }, 'pod not removed');
    },
  });
}

/** Asks the API itself before pods are taken for orphans: a cache may be behind. */
async function confirmGone(deps: ControllerDeps, names: Set<string>): Promise<Set<string>> {
  const gone = new Set<string>();
  const api = deps.api.resource<Node>('v1', 'nodes');
  for (const name of names) {
    try {
      await api.get('', name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      gone.add(name);
    }
  }
  return gone;
}

/**
 * The pod's last state says why it ended, for whoever watches it go. Only pods that lost their node are
 * told to have been disrupted: the others were leaving before.
 */
async function markFailed(deps: ControllerDeps, pod: Pod, reason: string): Promise<void> {
  const disrupted = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByPodGC',
    message: 'PodGC: node no longer exists',
    lastTransitionTime: formatTime(deps.clock.now()),
  };
  const status = {
    phase: 'Failed',
    ...(reason === 'orphaned' ? { conditions: [disrupted] } : {}),
  };
  const api = deps.api.resource<Pod>('v1', 'pods');
  const body = { metadata: { uid: uidOf(pod) }, status };
  await api.patch(namespaceOf(pod), nameOf(pod), 'strategic', body, { subresource: 'status' });
}
