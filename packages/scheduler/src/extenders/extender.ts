/** One extender: what it is asked and how its answers are read, as `k8s.io/kube-scheduler/extender/v1` has them. */
import type { Container, Node, Pod } from '@kubets/api';
import type { ExtenderConfig } from '../config/extenders.ts';
import type { PodInfo } from '../core/pod-info.ts';
import type { Candidate } from '../core/preemption.ts';
import { MAX_EXTENDER_SCORE, MAX_NODE_SCORE } from '../limits.ts';
import { readAnswer } from './answer.ts';

/** What an extender makes of nodes. */
export interface Filtered {
  readonly nodes: readonly Node[];
  /** Why others will not do; `hopeless` where room would not help. */
  readonly failed: ReadonlyMap<string, string>;
  readonly hopeless: ReadonlyMap<string, string>;
}

/** What carries questions: HTTP, or a test. */
export interface Channel {
  /** @throws Error when there is no answer that can be used */
  post(verb: string, body: object): Promise<unknown>;
}

/** Where pods are that an extender wants to go. */
export type PodOn = (node: string, uid: string) => PodInfo | undefined;

export class Extender {
  readonly config: ExtenderConfig;
  readonly #channel: Channel;
  readonly #managed: ReadonlySet<string>;

  constructor(config: ExtenderConfig, channel: Channel) {
    this.config = config;
    this.#channel = channel;
    this.#managed = new Set(config.managedResources.map(({ name }) => name));
  }

  /** Whether the pod concerns it. */
  isInterested({ spec }: Pod): boolean {
    if (this.#managed.size === 0) return true;
    const asks = ({ resources }: Container): boolean =>
      [resources?.requests, resources?.limits].some((list) =>
        Object.keys(list ?? {}).some((name) => this.#managed.has(name)),
      );
    return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(asks);
  }

  /** @throws Error when it fails, or names a node it was not asked about */
  async filter(pod: Pod, nodes: readonly Node[]): Promise<Filtered> {
    const { verbs, urlPrefix } = this.config;
    if (verbs.filter === '') return { nodes, failed: new Map(), hopeless: new Map() };
    const answer = readAnswer(await this.#channel.post(verbs.filter, this.#about(pod, nodes)));
    const error = answer.text('Error');
    if (error !== '') throw new Error(error);
    const byName = new Map(nodes.map((node) => [node.metadata.name ?? '', node]));
    const names = this.config.nodeCacheCapable ? answer.names('NodeNames') : undefined;
    const kept = names ?? answer.nodeNames('Nodes') ?? [];
    return {
      nodes: kept.map((name) => {
        const node = byName.get(name);
        if (node !== undefined) return node;
        const what = `claims a filtered node "${name}" which is not found in the input node list`;
        throw new Error(`extender "${urlPrefix}" ${what}`);
      }),
      failed: answer.texts('FailedNodes'),
      hopeless: answer.texts('FailedAndUnresolvableNodes'),
    };
  }

  /** Scores by node, on the scale of the plugins' with its weight; it may leave nodes out. @throws Error when it fails */
  async scores(pod: Pod, nodes: readonly Node[]): Promise<ReadonlyMap<string, number>> {
    const { verbs, weight } = this.config;
    if (verbs.prioritize === '') return new Map();
    const answer = await this.#channel.post(verbs.prioritize, this.#about(pod, nodes));
    const scale = weight * (MAX_NODE_SCORE / MAX_EXTENDER_SCORE);
    const list = Array.isArray(answer) ? answer.map(readAnswer) : [];
    return new Map(list.map((one) => [one.text('Host'), one.integer('Score') * scale]));
  }

  /** Binds the pod. @throws Error when it did not */
  async bind({ name, namespace, uid }: PodInfo, node: string): Promise<void> {
    const body = { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node };
    const answer = readAnswer(await this.#channel.post(this.config.verbs.bind, body));
    const error = answer.text('Error');
    if (error !== '') throw new Error(error);
  }

  /**
   * Which of the nodes, and which pods of each, it would rather see emptied for the pod.
   * @throws Error when it fails, or names a pod that is not there
   */
  async preempt(pod: Pod, candidates: readonly Candidate[], podOn: PodOn): Promise<Candidate[]> {
    const { verbs, urlPrefix } = this.config;
    const answer = readAnswer(
      await this.#channel.post(verbs.preempt, this.#victims(pod, candidates)),
    );
    return [...answer.children('NodeNameToMetaVictims')].map(([node, said]) => {
      const victims = said.list('Pods').map((one) => {
        const uid = one.text('UID');
        const found = podOn(node, uid);
        if (found !== undefined) return found;
        const what = `claims to preempt pod (UID: ${uid}) on node: ${node}`;
        throw new Error(`extender: ${urlPrefix} ${what}, but the pod is not found on that node`);
      });
      return { node, victims, violations: said.integer('NumPDBViolations') };
    });
  }

  #about(pod: Pod, nodes: readonly Node[]): object {
    if (!this.config.nodeCacheCapable) {
      return { Pod: pod, Nodes: { metadata: {}, items: nodes }, NodeNames: null };
    }
    return { Pod: pod, Nodes: null, NodeNames: nodes.map(({ metadata }) => metadata.name) };
  }

  #victims(pod: Pod, candidates: readonly Candidate[]): object {
    const of = (show: (victim: PodInfo) => object): object =>
      Object.fromEntries(
        candidates.map(({ node, victims, violations }) => [
          node,
          { Pods: victims.map(show), NumPDBViolations: violations },
        ]),
      );
    return this.config.nodeCacheCapable
      ? {
          Pod: pod,
          NodeNameToVictims: null,
          NodeNameToMetaVictims: of(({ uid }) => ({ UID: uid })),
        }
      : { Pod: pod, NodeNameToVictims: of((victim) => victim.pod), NodeNameToMetaVictims: null };
  }
}
