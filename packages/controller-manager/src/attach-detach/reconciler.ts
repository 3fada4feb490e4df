import {
  isAlreadyExists,
  isNotFound,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type VolumeAttachment,
} from '@kubets/api';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { INDEX } from '../host/informers.ts';
import { DETACH_RETRY_MS } from '../limits.ts';
import { nameOf, namespaceOf, uidOf } from '../objects/meta.ts';
import { type AttachPlan, decideAttachments, isManaged, tellingKey } from './decide.ts';

/**
 * Asks drivers to attach volumes to the nodes whose kubelets leave that to this controller, and to detach them. Nodes of kubelets
 * that do not say so are left alone.
 */
export function attachDetachController(deps: ControllerDeps): Controller {
  const loop = new AttachLoop(deps);
  const { nodes, pods, claims, volumes, csiDrivers, volumeAttachments } = deps.informers;
  return queueController({
    name: 'persistentvolume-attach-detach-controller',
    queueName: 'pvcs',
    deps,
    needs: [nodes, pods, claims, volumes, csiDrivers, volumeAttachments],
    subscribe: (queue) => loop.subscribe(queue),
    reconcile: (key, queue) => loop.reconcile(key, queue),
  });
}

class AttachLoop {
  readonly #deps: ControllerDeps;
  readonly #attachments;
  readonly #nodes;
  readonly #events;
  /** Since when attachments are not wanted any more, by name. */
  readonly #unwanted = new Map<string, number>();
  /** What pods of a node were told last, by the node: said once. */
  readonly #told = new Map<string, ReadonlySet<string>>();

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    const gv = 'storage.k8s.io/v1';
    this.#attachments = deps.api.resource<VolumeAttachment>(gv, 'volumeattachments');
    this.#nodes = deps.api.resource<Node>('v1', 'nodes');
    this.#events = deps.recorder('attachdetach-controller');
  }

  subscribe(queue: KeyQueue): (() => void)[] {
    const { nodes, pods, claims, volumes, volumeAttachments } = this.#deps.informers;
    const onPod = (pod: Pod): void => {
      if (pod.spec?.nodeName && pod.spec.volumes) queue.add(pod.spec.nodeName);
    };
    const onNode = (node: Node): void => {
      if (isManaged(node)) queue.add(nameOf(node));
    };
    const onAttachment = ({ spec }: VolumeAttachment): void => {
      queue.add(spec.nodeName);
      // The node it kept a volume from may have it now.
      for (const pod of this.#usersOf(spec.source.persistentVolumeName ?? '')) onPod(pod);
    };
    const onClaim = (claim: PersistentVolumeClaim): void => {
      for (const pod of pods.byIndex(INDEX.namespace, namespaceOf(claim))) onPod(pod);
    };
    const onVolume = (volume: PersistentVolume): void => {
      for (const pod of this.#usersOf(nameOf(volume))) onPod(pod);
    };
    return [
      pods.on({ add: onPod, update: (_old, pod) => onPod(pod), delete: onPod }),
      nodes.on({ add: onNode, update: (_old, node) => onNode(node), delete: onNode }),
      claims.on({ update: (_old, claim) => onClaim(claim) }),
      volumes.on({ add: onVolume, update: (_old, volume) => onVolume(volume) }),
      volumeAttachments.on({
        add: onAttachment,
        update: (_old, one) => onAttachment(one),
        delete: onAttachment,
      }),
    ];
  }

  #usersOf(volumeName: string): readonly Pod[] {
    const { pods, volumes } = this.#deps.informers;
    const namespace = volumes.get(volumeName)?.spec?.claimRef?.namespace;
    return namespace === undefined ? [] : pods.byIndex(INDEX.namespace, namespace);
  }

  async reconcile(nodeName: string, queue: KeyQueue): Promise<void> {
    const { nodes, pods, claims, volumes, csiDrivers, volumeAttachments } = this.#deps.informers;
    const nowMs = this.#deps.clock.now();
    const plan = decideAttachments({
      ...{ nodeName, node: nodes.get(nodeName), nowMs },
      pods: pods.byIndex(INDEX.node, nodeName),
      attachments: volumeAttachments.list(),
      claim: (key) => claims.get(key),
      volume: (name) => volumes.get(name),
      driver: (name) => csiDrivers.get(name),
      unwantedSinceMs: (name) => this.#unwanted.get(name) ?? nowMs,
    });
    for (const name of plan.waiting) {
      if (!this.#unwanted.has(name)) this.#unwanted.set(name, nowMs);
    }
    this.#tell(nodeName, plan);
    // First the node is told: a kubelet must not mount what is about to go.
    if (plan.attached !== undefined) await this.#report(nodeName, plan.attached);
    for (const one of plan.remove) await this.#detach(one);
    for (const one of plan.create) await this.#attach(one);
    if (plan.waiting.length > 0) queue.addAfter(nodeName, DETACH_RETRY_MS);
  }

  #tell(nodeName: string, { tell }: AttachPlan): void {
    const before = this.#told.get(nodeName) ?? new Set();
    for (const one of tell) {
      if (before.has(tellingKey(one))) continue;
      const regarding = { ...one.pod, apiVersion: 'v1', kind: 'Pod' };
      this.#events.event(regarding, one.type, one.reason, one.message);
    }
    if (tell.length > 0) this.#told.set(nodeName, new Set(tell.map(tellingKey)));
    else this.#told.delete(nodeName);
  }

  async #report(
    nodeName: string,
    volumesAttached: NonNullable<AttachPlan['attached']>,
  ): Promise<void> {
    try {
      const body = { status: { volumesAttached } };
      await this.#nodes.patch('', nodeName, 'merge', body, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #attach(one: VolumeAttachment): Promise<void> {
    try {
      await this.#attachments.create(one);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }

  async #detach(one: VolumeAttachment): Promise<void> {
    try {
      await this.#attachments.delete('', nameOf(one), { preconditions: { uid: uidOf(one) } });
      this.#unwanted.delete(nameOf(one));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
