/** Questions about rights, as Kubernetes' library `authz` has them: `authorizer.group('apps').resource('deployments')…`. */
import { nameRules } from '@kubets/api';
import { EvaluationFailure } from '../errors.ts';
import type { Library, Run } from '../signature.ts';
import { objectType, type Type } from '../types.ts';
import { ObjectValue } from '../values.ts';

/** What is asked: as much of an authorisation as an expression can say. */
export interface RightsQuestion {
  /** Empty: the user of the request. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  readonly verb?: string;
}

export interface RightsAnswer {
  readonly allowed: boolean;
  readonly reason: string;
  readonly error: string;
}

export type AskRights = (question: RightsQuestion) => RightsAnswer;

const typed = (name: string, fields?: () => ReadonlyMap<string, Type>): Type =>
  objectType(`kubernetes.authorization.${name}`, fields);

const DECISION = typed('Decision');
const PATH_CHECK = typed('PathCheck');
const GROUP_CHECK = typed('GroupCheck');
const RESOURCE_CHECK = typed('ResourceCheck');
/** The type of the variable `authorizer`. */
export const AUTHORIZER_TYPE = typed(
  'Authorizer',
  () => new Map([['requestResource', RESOURCE_CHECK]]),
);

/** What only has methods. */
abstract class Receiver extends ObjectValue {
  override get(_field: string): unknown {
    return undefined;
  }

  override members(): ReadonlyMap<string, unknown> {
    return new Map();
  }
}

/** A question on its way. */
class Asking extends Receiver {
  override readonly type: Type;
  readonly ask: AskRights;
  readonly question: RightsQuestion;

  constructor(type: Type, ask: AskRights, question: RightsQuestion) {
    super();
    this.type = type;
    this.ask = ask;
    this.question = question;
  }

  with(type: Type, more: RightsQuestion): Asking {
    return new Asking(type, this.ask, { ...this.question, ...more });
  }
}

class Decision extends Receiver {
  override readonly type = DECISION;
  readonly answer: RightsAnswer;

  constructor(answer: RightsAnswer) {
    super();
    this.answer = answer;
  }
}

/** The value of the variable `authorizer`. */
export class AuthorizerValue extends Asking {
  readonly #requestResource: Asking;

  /** @param about the resource of the request */
  constructor(ask: AskRights, question: RightsQuestion, about: RightsQuestion) {
    super(AUTHORIZER_TYPE, ask, question);
    this.#requestResource = this.with(RESOURCE_CHECK, about);
  }

  override get(field: string): unknown {
    return field === 'requestResource' ? this.#requestResource : undefined;
  }

  of(serviceAccount: { namespace: string; name: string }): AuthorizerValue {
    const { question } = this.#requestResource;
    return new AuthorizerValue(this.ask, { ...this.question, serviceAccount }, question);
  }
}

function filled(text: string, what: string): string {
  if (text.trim() === '') throw new EvaluationFailure(`${what} must not be empty`);
  return text;
}

function serviceAccount(from: unknown, namespace: unknown, name: unknown): AuthorizerValue {
  if (nameRules.dns1123Subdomain(String(name)).length > 0) {
    throw new EvaluationFailure('Invalid service account name');
  }
  if (nameRules.dns1123Label(String(namespace)).length > 0) {
    throw new EvaluationFailure('Invalid service account namespace');
  }
  return (from as AuthorizerValue).of({ namespace: String(namespace), name: String(name) });
}

const PARTS = ['subresource', 'namespace', 'name', 'fieldSelector', 'labelSelector'] as const;

/** Adds the types and functions; the variable is for those who have an authoriser. */
export function addAuthorizationFunctions(library: Library): void {
  for (const type of [AUTHORIZER_TYPE, PATH_CHECK, GROUP_CHECK, RESOURCE_CHECK, DECISION]) {
    library.addType(type);
  }
  const method = (on: Type, name: string, gives: Type, more: (text: string) => RightsQuestion) =>
    library.add(name, `${on.name} -> (string) ${gives.name}`, (from, text) =>
      (from as Asking).with(gives, more(String(text))),
    );
  method(AUTHORIZER_TYPE, 'path', PATH_CHECK, (path) => ({ path: filled(path, 'path') }));
  method(AUTHORIZER_TYPE, 'group', GROUP_CHECK, (group) => ({ group }));
  method(GROUP_CHECK, 'resource', RESOURCE_CHECK, (resource) => ({
    resource: filled(resource, 'resource'),
  }));
  for (const part of PARTS) {
    method(RESOURCE_CHECK, part, RESOURCE_CHECK, (text) => ({ [part]: text }));
  }
  const { name } = AUTHORIZER_TYPE;
  library.add('serviceAccount', `${name} -> (string, string) ${name}`, serviceAccount);
  decisions(library);
}

function decisions(library: Library): void {
  const check: Run = (asking, verb) => {
    const { ask, question } = asking as Asking;
    return new Decision(ask({ ...question, verb: String(verb) }));
  };
  for (const on of [PATH_CHECK, RESOURCE_CHECK]) {
    library.add('check', `${on.name} -> (string) ${DECISION.name}`, check);
  }
  const of = (decision: unknown): RightsAnswer => (decision as Decision).answer;
  library
    .add('allowed', `${DECISION.name} -> () bool`, (decision) => of(decision).allowed)
    .add('reason', `${DECISION.name} -> () string`, (decision) => of(decision).reason)
    .add('errored', `${DECISION.name} -> () bool`, (decision) => of(decision).error !== '')
    .add('error', `${DECISION.name} -> () string`, (decision) => of(decision).error);
}
