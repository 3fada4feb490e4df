/** What expressions learn of rights: expressions do not wait, authorisers may have to. */
import { errorMessage } from '@kubets/platform';
import { serviceAccountGroups, serviceAccountUsername } from '../../auth/identity.ts';
import { CostError, EvaluationFailure } from '../../cel/errors.ts';
import type { RightsAnswer, RightsQuestion } from '../../cel/library/authorization.ts';
import { MAX_DECISIONS } from '../../cel/limits.ts';
import type { AuthorizationAttributes, Authorizer, UserInfo } from '../../ports.ts';

/**
 * The decisions that the expressions of one write ask for. A question that was never asked ends the evaluation; it is
 * put to the authoriser then, and the evaluation is done again with its answer.
 */
export class Decisions {
  readonly #authorizer: Authorizer;
  readonly #user: UserInfo;
  readonly #known = new Map<string, RightsAnswer>();
  readonly #open = new Map<string, RightsQuestion>();

  constructor(authorizer: Authorizer, user: UserInfo) {
    this.#authorizer = authorizer;
    this.#user = user;
  }

  /** The answer to a question. @throws Error while it is not known */
  readonly ask = (question: RightsQuestion): RightsAnswer => {
    const key = JSON.stringify(question);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size + this.#open.size >= MAX_DECISIONS) {
      throw new CostError();
    }
    this.#open.set(key, question);
    throw new EvaluationFailure('undecided');
  };

  /** Does work that evaluates expressions until all that they ask is answered. */
  async settle<T>(work: () => T): Promise<T> {
    for (;;) {
      const outcome = attempt(work);
      if (this.#open.size === 0) return outcome();
      for (const [key, question] of this.#open) this.#known.set(key, await this.#decide(question));
      this.#open.clear();
    }
  }

  async #decide(question: RightsQuestion): Promise<RightsAnswer> {
    try {
      const { allowed, reason } = await this.#authorizer.authorize(this.#attributes(question));
      return { allowed, reason, error: '' };
    } catch (error) {
      return { allowed: false, reason: '', error: errorMessage(error) };
    }
  }

  #attributes(question: RightsQuestion): AuthorizationAttributes {
    const { path = '', group = '', serviceAccount, fieldSelector, labelSelector } = question;
    return {
      user: serviceAccount === undefined ? this.#user : userOf(serviceAccount),
      verb: question.verb ?? '',
      isResourceRequest: path === '',
      apiGroup: group,
      apiVersion: path === '' ? '*' : '',
      resource: question.resource ?? '',
      subresource: question.subresource ?? '',
      namespace: question.namespace ?? '',
      name: question.name ?? '',
      path,
      ...(fieldSelector !== undefined && { fieldSelector }),
      ...(labelSelector !== undefined && { labelSelector }),
    };
  }
}

function attempt<T>(work: () => T): () => T {
  try {
    const value = work();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function userOf({ namespace, name }: { namespace: string; name: string }): UserInfo {
  const groups = serviceAccountGroups(namespace);
  return { name: serviceAccountUsername(namespace, name), uid: '', groups, extra: {} };
}
