/** One unary gRPC call over a connection: its time, its message, its status. */

import { type Clock, errorMessage, type Timer } from '@kubets/platform';
import type {
  ClientConnection,
  HeaderFields,
  Outgoing,
  StreamEvents,
  Ticket,
} from '@kubets/platform/http2';
import type { MethodPlan } from '../codec/index.ts';
import { CODE, EtcdError, statusError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { FrameReader, wholeMessage } from '../server/frames.ts';
import { errorOfAnswer, errorOfStatus } from './call-status.ts';

/** One call. */
export interface Call {
  readonly method: MethodPlan;
  readonly request: unknown;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Sent along, such as a token. */
  readonly headers?: HeaderFields | undefined;
}

/** The answer, or what went wrong, as a value: an error thrown costs more than the call. */
export type Answer =
  | { readonly value: unknown }
  /** `isUnsent`: the other side has seen nothing of the call. */
  | { readonly error: EtcdError; readonly isUnsent?: boolean };

export class Exchange implements StreamEvents {
  readonly #call: Call;
  readonly #finish: (answer: Answer) => void;
  readonly #timer: Timer;
  #running: { readonly connection: ClientConnection; readonly ticket: Ticket } | undefined;
  #reader: FrameReader | undefined;
  #message: Buffer | undefined;
  #status: HeaderFields | undefined;
  #done = false;

  constructor(clock: Clock, call: Call, finish: (answer: Answer) => void) {
    this.#call = call;
    this.#finish = finish;
    this.#timer = clock.setTimeout(() => {
      this.#giveUp(statusError(CODE.deadlineExceeded, 'the time of the call is over'));
    }, call.timeoutMs);
  }

  start(connection: ClientConnection, outgoing: Outgoing): void {
    this.#call.signal?.addEventListener('abort', this.#abort, { once: true });
    this.#running = { connection, ticket: connection.request(outgoing, this) };
  }

  onHeaders(fields: HeaderFields): void {
    if (fields['grpc-status'] !== undefined) this.#status = fields;
    const error = errorOfStatus(fields[':status']);
    if (error !== undefined) this.#giveUp(error);
  }

  onData(bytes: Buffer): void {
    if (this.#reader === undefined && this.#message === undefined) {
      this.#message = wholeMessage(bytes, LIMITS.clientAnswerBytes);
      if (this.#message !== undefined) return;
    }
    this.#reader ??= new FrameReader(LIMITS.clientAnswerBytes);
    try {
      this.#message = this.#reader.push(bytes)[0] ?? this.#message;
    } catch (error) {
      const what = error instanceof EtcdError ? error : statusError(CODE.internal, String(error));
      this.#giveUp(what);
    }
  }

  onEnd(): void {
    const failure = errorOfAnswer(this.#status);
    if (failure !== undefined) {
      this.#conclude({ error: failure });
      return;
    }
    if (this.#message === undefined) {
      this.#conclude({ error: statusError(CODE.internal, 'the answer holds no message') });
      return;
    }
    try {
      this.#conclude({ value: this.#call.method.response.decode(this.#message) });
    } catch (error) {
      this.#conclude({ error: statusError(CODE.internal, errorMessage(error)) });
    }
  }

  onReset(why: string, isUnsent: boolean): void {
    this.#conclude({ error: statusError(CODE.unavailable, why), isUnsent });
  }

  #abort = (): void => {
    this.#giveUp(statusError(CODE.cancelled, 'the caller gave the request up'));
  };

  #giveUp(error: EtcdError): void {
    if (this.#done) return;
    if (this.#running !== undefined) this.#running.connection.cancel(this.#running.ticket);
    this.#conclude({ error });
  }

  #conclude(answer: Answer): void {
    if (this.#done) return;
    this.#done = true;
    this.#timer.cancel();
    this.#call.signal?.removeEventListener('abort', this.#abort);
    this.#finish(answer);
  }
}
