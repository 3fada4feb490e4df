/** What is written down of one request, stage by stage. */
import { parseExact, type Status } from '@kubets/api';
import { userInfoJson } from '../auth/identity.ts';
import type { AuditTrail, Decision, RequestInfo, UserInfo } from '../ports.ts';
import type { Stage, Verdict } from './policy.ts';

/** An event as it is written. */
export type AuditEvent = Readonly<Record<string, unknown>> & { readonly stage: Stage };

/** What a door knows of a request when it comes in. */
export interface RequestFacts {
  readonly id: string;
  readonly info: RequestInfo;
  readonly requestUri: string;
  readonly userAgent: string;
  readonly sourceIps: readonly string[];
  readonly receivedMs: number;
}

interface RecordOptions {
  readonly facts: RequestFacts;
  readonly user: UserInfo | undefined;
  readonly verdict: Verdict;
  readonly now: () => number;
  readonly emit: (event: AuditEvent) => void;
}

interface Answer {
  readonly code: number;
  readonly status?: Status;
}

const NO_USER: UserInfo = { name: '', uid: '', groups: [], extra: {} };

export class AuditRecord implements AuditTrail {
  readonly #o: RecordOptions;
  readonly #annotations: Record<string, string> = {};
  #impersonated: UserInfo | undefined;
  #request: unknown;
  #response: unknown;
  #named: Readonly<Record<string, string>> = {};
  #isStarted = false;
  #isOver = false;

  constructor(options: RecordOptions) {
    this.#o = options;
    this.#emit('RequestReceived', undefined);
  }

  annotate(key: string, value: string, of?: 'body'): void {
    if (of === 'body' && !this.#keepsRequest()) return;
    this.#annotations[key] ??= value;
  }

  decided({ allowed, reason }: Decision): void {
    this.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
    this.annotate('authorization.k8s.io/reason', reason);
  }

  actsAs(user: UserInfo): void {
    this.#impersonated = user;
  }

  /** Text that is no JSON (YAML) is kept as it is. */
  requested(body: string | object): void {
    const object = parsed(body);
    this.#named = namesOf(object);
    if (this.#keepsRequest()) this.#request = this.#trimmed(object);
  }

  answered(body: Buffer | object): void {
    if (this.#o.verdict.level !== 'RequestResponse') return;
    this.#response = this.#trimmed(Buffer.isBuffer(body) ? parsed(body.toString('utf8')) : body);
  }

  keepsAnswer(): boolean {
    return this.#o.verdict.level === 'RequestResponse';
  }

  /** A long answer has begun. */
  started(code: number): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#emit('ResponseStarted', { code });
  }

  /** The answer is complete. Further calls change nothing. */
  complete(answer: Answer): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (answer.status && this.keepsAnswer()) this.#response ??= answer.status;
    this.#emit('ResponseComplete', answer);
  }

  /** The request failed in a way nobody foresaw. */
  panicked(answer: Answer): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#emit('Panic', answer);
  }

  #keepsRequest(): boolean {
    const { level } = this.#o.verdict;
    return level === 'Request' || level === 'RequestResponse';
  }

  #emit(stage: Stage, answer: Answer | undefined): void {
    const { verdict, emit } = this.#o;
    if (!verdict.omitStages.has(stage)) emit(this.#event(stage, answer));
  }

  #event(stage: Stage, answer: Answer | undefined): AuditEvent {
    const { facts, user = NO_USER, verdict, now } = this.#o;
    const { info } = facts;
    const seen = this.#impersonated;
    const isFirst = stage === 'RequestReceived';
    const ref = info.isResourceRequest
      ? { ...refOf(info), ...this.#missingNames(info) }
      : undefined;
    return {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: verdict.level,
      auditID: facts.id,
      stage,
      requestURI: facts.requestUri,
      verb: info.verb,
      user: userInfoJson(user),
      ...(seen && { impersonatedUser: userInfoJson(seen) }),
      sourceIPs: facts.sourceIps,
      ...(facts.userAgent !== '' && { userAgent: facts.userAgent }),
      ...(ref && { objectRef: ref }),
      ...(answer && { responseStatus: responseStatus(answer) }),
      ...(this.#request !== undefined && !isFirst && { requestObject: this.#request }),
      ...(this.#response !== undefined && { responseObject: this.#response }),
      requestReceivedTimestamp: microTime(facts.receivedMs),
      stageTimestamp: microTime(isFirst ? facts.receivedMs : now()),
      ...(Object.keys(this.#annotations).length > 0 && { annotations: { ...this.#annotations } }),
    };
  }

  /** A create names its object in the body only. */
  #missingNames(info: RequestInfo): object {
    const { name, ...rest } = this.#named;
    return { ...(info.name === '' && name !== undefined && { name }), ...rest };
  }

  #trimmed(object: unknown): unknown {
    if (!this.#o.verdict.omitManagedFields) return object;
    const { items, metadata, ...rest } = (object ?? {}) as {
      items?: unknown;
      metadata?: { managedFields?: unknown };
    };
    if (Array.isArray(items)) {
      return {
        ...rest,
        ...(metadata && { metadata }),
        items: items.map((one) => this.#trimmed(one)),
      };
    }
    if (metadata?.managedFields === undefined) return object;
    const { managedFields: _omitted, ...kept } = metadata;
    return { ...(object as object), metadata: kept };
  }
}

function parsed(body: string | object): unknown {
  if (typeof body !== 'string') return body;
  try {
    return parseExact(body);
  } catch {
    // YAML, or what the decoder will refuse: shown as it came.
    return body;
  }
}

function namesOf(object: unknown): Record<string, string> {
  const metadata = (object as { metadata?: Record<string, unknown> } | null)?.metadata;
  if (typeof metadata !== 'object' || metadata === null) return {};
  const fields = ['name', 'uid', 'resourceVersion'];
  const found = fields.filter((field) => typeof metadata[field] === 'string');
  return Object.fromEntries(found.map((field) => [field, String(metadata[field])]));
}

function refOf(info: RequestInfo): object {
  const fields: Readonly<Record<string, string>> = {
    resource: info.resource,
    namespace: info.namespace,
    name: info.name,
    apiGroup: info.apiGroup,
    apiVersion: info.apiVersion,
    subresource: info.subresource,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}

function responseStatus({ code, status }: Answer): object {
  if (status === undefined) return { metadata: {}, code };
  const { message, reason } = status;
  return {
    metadata: {},
    ...(status.status && { status: status.status }),
    ...(message && { message }),
    ...(reason && { reason }),
    code,
  };
}

const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');
