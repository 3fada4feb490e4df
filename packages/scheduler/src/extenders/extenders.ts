/** All extenders together: who is asked when, and what the failure of one means. */
import type { Node, Pod } from '@kubets/api';
import type { Logger } from '@kubets/platform';
import type { PodInfo } from '../core/pod-info.ts';
import type { Candidate } from '../core/preemption.ts';
import { EXTENDERS, type Rejection } from '../ports.ts';
import type { Extender, PodOn } from './extender.ts';

/** The nodes that are left, and why others are not. */
export interface Left {
  readonly nodes: readonly Node[];
  readonly rejections: ReadonlyMap<string, Rejection>;
}

export class Extenders {
  readonly #all: readonly Extender[];
  readonly #log: Logger;

  /** Those that may be done without are asked last. */
  constructor(extenders: readonly Extender[], log: Logger) {
    const isIgnorable = ({ config }: Extender): boolean => config.ignorable;
    this.#all = [...extenders.filter((e) => !isIgnorable(e)), ...extenders.filter(isIgnorable)];
    this.#log = log;
  }

  /** Whether any of them has a say in where the pod goes. */
  concern(pod: Pod): boolean {
    return this.#all.some((extender) => extender.isInterested(pod));
  }

  /** One after the other, each on what the one before left. @throws Error when one fails that cannot be done without */
  async filter({ pod, key }: PodInfo, nodes: readonly Node[]): Promise<Left> {
    const rejections = new Map<string, Rejection>();
    let left = nodes;
    for (const extender of this.#interested(pod)) {
      if (left.length === 0) break;
      const asked = left;
      const answer = await this.#unlessIgnorable(extender, key, () => extender.filter(pod, asked));
      if (answer === undefined) continue;
      for (const [node, text] of answer.failed) rejections.set(node, no(text, false));
      for (const [node, text] of answer.hopeless) rejections.set(node, no(text, true));
      left = answer.nodes;
    }
    return { nodes: left, rejections };
  }

  /** The sums of their scores; who fails has none. */
  async scores(
    { pod, key }: PodInfo,
    nodes: readonly Node[],
  ): Promise<ReadonlyMap<string, number>> {
    const sums = new Map<string, number>();
    const ask = async (extender: Extender): Promise<void> => {
      try {
        const scores = await extender.scores(pod, nodes);
        for (const [node, score] of scores) sums.set(node, (sums.get(node) ?? 0) + score);
      } catch (error) {
        this.#log.warn({ pod: key, err: error }, 'an extender could not rank nodes');
      }
    };
    await Promise.all(this.#interested(pod).map(ask));
    return sums;
  }

  /**
   * Has the pod bound by the one that does such.
   * @returns false when there is none, or it failed and may be ignored. @throws Error when it failed otherwise
   */
  async bind(info: PodInfo, node: string): Promise<boolean> {
    for (const extender of this.#interested(info.pod)) {
      if (extender.config.verbs.bind === '') continue;
      const bound = await this.#unlessIgnorable(extender, info.key, async () => {
        await extender.bind(info, node);
        return true;
      });
      if (bound) return true;
    }
    return false;
  }

  /** What they leave of nodes that could be emptied. @throws Error when one fails that cannot be done without */
  async preempt(
    { pod, key }: PodInfo,
    candidates: readonly Candidate[],
    podOn: PodOn,
  ): Promise<readonly Candidate[]> {
    let left = candidates;
    for (const extender of this.#interested(pod)) {
      if (extender.config.verbs.preempt === '' || left.length === 0) continue;
      const asked = left;
      const answer = await this.#unlessIgnorable(extender, key, () =>
        extender.preempt(pod, asked, podOn),
      );
      if (answer === undefined) continue;
      const empty = answer.find(({ victims }) => victims.length === 0);
      if (empty !== undefined && !extender.config.ignorable) {
        throw new Error(`expected at least one victim pod on node "${empty.node}"`);
      }
      left = answer.filter(({ victims }) => victims.length > 0);
    }
    return left;
  }

  #interested(pod: Pod): Extender[] {
    return this.#all.filter((extender) => extender.isInterested(pod));
  }

  async #unlessIgnorable<T>(
    { config }: Extender,
    pod: string,
    ask: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (!config.ignorable) throw error;
      this.#log.warn(
        { pod, extender: config.urlPrefix, err: error },
        'going on without an extender',
      );
      return undefined;
    }
  }
}

const no = (text: string, unresolvable: boolean): Rejection => ({
  plugin: EXTENDERS,
  reasons: [text],
  unresolvable,
});
