/** Questions about rights, as Kubernetes' library `authz` has them: `authorizer.group('apps').resource('deployments')…`. */
import type { Environment } from '@marcbachmann/cel-js';

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

const NAMESPACE = 'kubernetes.authorization';
export const AUTHORIZER_TYPE = `${NAMESPACE}.Authorizer`;

/** A question on its way. */
class Asking {
  readonly ask: AskRights;
  readonly question: RightsQuestion;

  constructor(ask: AskRights, question: RightsQuestion) {
    this.ask = ask;
    this.question = question;
  }
}

class PathCheck extends Asking {}
class GroupCheck extends Asking {}
class ResourceCheck extends Asking {}

class Decision {
  readonly answer: RightsAnswer;

  constructor(answer: RightsAnswer) {
    this.answer = answer;
  }
}

/** The value of the variable `authorizer`. */
export class AuthorizerValue extends Asking {
  readonly requestResource: ResourceCheck;

  /** @param about the resource of the request */
  constructor(ask: AskRights, question: RightsQuestion, about: RightsQuestion) {
    super(ask, question);
    this.requestResource = new ResourceCheck(ask, { ...question, ...about });
  }

  of(serviceAccount: { namespace: string; name: string }): AuthorizerValue {
    const { question } = this.requestResource;
    return new AuthorizerValue(this.ask, { ...this.question, serviceAccount }, question);
  }
}

function filled(text: string, what: string): string {
  if (text === '') throw new Error(`${what} must not be empty`);
  return text;
}

const decided = ({ ask, question }: Asking, verb: string): Decision =>
  new Decision(ask({ ...question, verb }));

/** Adds the types and functions; the variable is for those who have an authoriser. */
export function addAuthorizationFunctions(env: Environment): void {
  const type = (name: string): string => `${NAMESPACE}.${name}`;
  env
    .registerType(type('Decision'), Decision)
    .registerType(type('PathCheck'), PathCheck)
    .registerType(type('GroupCheck'), GroupCheck)
    .registerType(type('ResourceCheck'), ResourceCheck)
    .registerType(AUTHORIZER_TYPE, {
      ctor: AuthorizerValue,
      fields: { requestResource: type('ResourceCheck') },
    });
  const method = (on: string, head: string, gives: string, does: Method): void => {
    env.registerFunction(`${type(on)}.${head}: ${gives}`, does as (...args: unknown[]) => unknown);
  };
  method(
    'Authorizer',
    'path(string)',
    type('PathCheck'),
    ({ ask, question }, path) => new PathCheck(ask, { ...question, path: filled(path, 'path') }),
  );
  method(
    'Authorizer',
    'group(string)',
    type('GroupCheck'),
    ({ ask, question }, group) => new GroupCheck(ask, { ...question, group }),
  );
  method('Authorizer', 'serviceAccount(string, string)', AUTHORIZER_TYPE, (from, namespace, name) =>
    (from as AuthorizerValue).of({ namespace, name }),
  );
  method(
    'GroupCheck',
    'resource(string)',
    type('ResourceCheck'),
    ({ ask, question }, resource) =>
      new ResourceCheck(ask, { ...question, resource: filled(resource, 'resource') }),
  );
  for (const part of PARTS) {
    method(
      'ResourceCheck',
      `${part}(string)`,
      type('ResourceCheck'),
      ({ ask, question }, text) => new ResourceCheck(ask, { ...question, [part]: text }),
    );
  }
  method('PathCheck', 'check(string)', type('Decision'), decided);
  method('ResourceCheck', 'check(string)', type('Decision'), decided);
  decisions(env, type('Decision'));
}

type Method = (on: Asking, ...texts: [string, string]) => unknown;

const PARTS = ['subresource', 'namespace', 'name', 'fieldSelector', 'labelSelector'] as const;

function decisions(env: Environment, type: string): void {
  env
    .registerFunction(`${type}.allowed(): bool`, ({ answer }: Decision) => answer.allowed)
    .registerFunction(`${type}.reason(): string`, ({ answer }: Decision) => answer.reason)
    .registerFunction(`${type}.errored(): bool`, ({ answer }: Decision) => answer.error !== '')
    .registerFunction(`${type}.error(): string`, ({ answer }: Decision) => answer.error);
}
