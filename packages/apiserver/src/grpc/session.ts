/** What belongs to one call on the component door besides its work: the right to run, and its audit event. */
import type { Auditor } from '../audit/auditor.ts';
import type { AuditRecord } from '../audit/record.ts';
import type { Gate, Pass } from '../gate.ts';
import type { RequestInfo, UserInfo } from '../ports.ts';
import { statusOf } from '../rest/respond.ts';

interface SessionParts {
  readonly gate: Gate;
  readonly auditor?: Auditor | undefined;
  readonly newId: () => string;
  readonly now: () => number;
}

/** What the audit log wants to know of a call. */
export interface CallFacts {
  readonly userAgent: string;
  /** `host:port`. */
  readonly peer: string;
}

export class Session {
  readonly #o: SessionParts;
  #pass: Pass | undefined;
  #isAtGate = false;
  audit: AuditRecord | undefined;

  constructor(parts: SessionParts) {
    this.#o = parts;
  }

  /** Begins the audit event. The facts are asked for only if there is one. */
  known(user: UserInfo | undefined, info: RequestInfo, facts: () => CallFacts): void {
    const { auditor, newId, now } = this.#o;
    if (auditor === undefined) return;
    const { userAgent, peer } = facts();
    const sourceIps = [peer.replace(/^\w+:(?=.*:\d+$)/, '').replace(/:\d+$/, '')];
    const common = { id: newId(), info, userAgent, sourceIps, receivedMs: now() };
    this.audit = auditor.begin(user, { ...common, requestUri: pathOf(info) });
  }

  /** @throws ApiError TooManyRequests */
  async enter(user: UserInfo, info: RequestInfo, limit = 0): Promise<void> {
    const query = limit > 0 ? new URLSearchParams({ limit: String(limit) }) : undefined;
    this.#isAtGate = true;
    const entered = this.#o.gate.enter({ user, info, query });
    this.#pass = entered instanceof Promise ? await entered : entered;
    this.#isAtGate = false;
  }

  /** Whether it came to the gate and got no further. */
  get isTurnedAway(): boolean {
    return this.#isAtGate;
  }

  /** Gives the right to run back; may be called again. */
  leave(): void {
    if (this.#pass !== undefined) this.#o.gate.leave(this.#pass);
    this.#pass = undefined;
  }

  /** The call is answered. */
  done(): void {
    this.leave();
    this.audit?.complete({ code: 200 });
  }

  failed(error: unknown): void {
    this.leave();
    if (this.audit === undefined) return;
    const { code, status } = statusOf(error);
    this.audit.complete({ code, status });
  }
}

/** The path the same request would have on the other door. */
function pathOf(info: RequestInfo): string {
  const { apiGroup, apiVersion, namespace, resource, subresource, name } = info;
  const root = apiGroup === '' ? `/api/${apiVersion}` : `/apis/${apiGroup}/${apiVersion}`;
  const isNamespace = apiGroup === '' && resource === 'namespaces';
  const scope = namespace === '' || isNamespace ? '' : `/namespaces/${namespace}`;
  const tail = [resource, name, subresource].filter((part) => part !== '').join('/');
  return `${root}${scope}/${tail}`;
}
