import type { Random } from '@kubets/platform';
import type { Answer, Question } from 'dns-packet';
import { MAX_CNAME_STEPS } from '../limits.ts';
import type { ClusterView } from '../ports.ts';
import { emptyReply, type Query, RCODE, type Reply } from '../wire/message.ts';
import { type Resolution, resolve, soaRecord, type Zone } from '../zone/resolve.ts';

export interface ResponderOptions {
  view: ClusterView;
  zone: Zone;
  random: Random;
  /** Asks other servers; never rejects. */
  forward(question: Question, dnssecOk: boolean): Promise<Reply>;
}

/** Answers one query: from the cluster, from upstream, or first one then the other along an alias. */
export class Responder {
  readonly #options: ResponderOptions;

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  async answer(query: Query): Promise<Reply> {
    const { view, zone } = this.#options;
    const { question } = query;
    const resolution = resolve(view, zone, question.name, question.type);
    if (resolution.kind === 'outside') return this.#forward(query, question);
    // Not knowing yet must not become "no such name", which clients remember.
    if (!view.synced() && resolution.kind !== 'answer') return emptyReply(RCODE.serverFailure);
    if (resolution.kind === 'alias') return this.#follow(query, resolution);
    return this.#own(resolution);
  }

  #own(resolution: Exclude<Resolution, { kind: 'alias' | 'outside' }>): Reply {
    if (resolution.kind === 'answer') {
      return {
        ...emptyReply(RCODE.ok, true),
        answers: this.#shuffled(resolution.answers),
        additionals: resolution.additionals ?? [],
      };
    }
    const rcode = resolution.kind === 'nxdomain' ? RCODE.nameError : RCODE.ok;
    return { ...emptyReply(rcode, true), authorities: [soaRecord(this.#options.zone)] };
  }

  async #forward(query: Query, question: Question): Promise<Reply> {
    if (!query.recursionDesired) return emptyReply(RCODE.refused);
    return this.#options.forward(question, query.edns?.dnssecOk === true);
  }

  /** The alias itself, then whatever it leads to, in the cluster or outside. */
  async #follow(query: Query, first: Extract<Resolution, { kind: 'alias' }>): Promise<Reply> {
    const { view, zone } = this.#options;
    const { type } = query.question;
    const answers: Answer[] = [...first.answers];
    const reply = { ...emptyReply(RCODE.ok, true), answers };
    if (type === 'CNAME') return reply;
    let { target } = first;
    for (let step = 0; step < MAX_CNAME_STEPS; step++) {
      const next = resolve(view, zone, target, type);
      if (next.kind === 'outside') {
        const outer = await this.#forward(query, { ...query.question, name: target });
        // The alias stands even when its target cannot be looked up; the client sees both.
        return { ...reply, rcode: outer.rcode, answers: [...answers, ...outer.answers] };
      }
      if (next.kind !== 'alias') {
        const end = this.#own(next);
        return { ...end, answers: [...answers, ...end.answers] };
      }
      answers.push(...next.answers);
      ({ target } = next);
    }
    return emptyReply(RCODE.serverFailure);
  }

  /** Clients take the first address: each gets another one first. */
  #shuffled(answers: Answer[]): Answer[] {
    const { random } = this.#options;
    const mixed = [...answers];
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = random.int(i + 1);
      const [a, b] = [mixed[i], mixed[j]];
      if (a && b) [mixed[i], mixed[j]] = [b, a];
    }
    return mixed;
  }
}
