/** A gRPC call that goes on in both directions, over a connection: messages as they come, and how it ends. */

import type {
  ClientConnection,
  HeaderFields,
  Outgoing,
  StreamEvents,
  Ticket,
} from '@kubets/platform/http2';
import { CODE, EtcdError, statusError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { FrameReader, wholeMessage } from '../server/frames.ts';
import { errorOfAnswer, errorOfStatus } from './call-status.ts';

/** Told of one stream; `onEnd` is the last, and does not come when we give the stream up. */
export interface MessageStreamEvents {
  /** One encoded message; a view of what came. */
  onMessage(bytes: Buffer): void;
  onEnd(error: EtcdError): void;
}

export class MessageStream implements StreamEvents {
  readonly #events: MessageStreamEvents;
  readonly #onOver: () => void;
  #running: { readonly connection: ClientConnection; readonly ticket: Ticket } | undefined;
  /** Only while a message is in parts. */
  #reader: FrameReader | undefined;
  #status: HeaderFields | undefined;
  #isOver = false;

  /** @param onOver called once, however it ends */
  constructor(events: MessageStreamEvents, onOver: () => void) {
    this.#events = events;
    this.#onOver = onOver;
  }

  start(connection: ClientConnection, outgoing: Outgoing): void {
    this.#running = { connection, ticket: connection.request(outgoing, this) };
  }

  /** Sends a framed message. @returns false when it was not taken: the stream does not run, or too much waits */
  write(frame: Buffer): boolean {
    if (this.#isOver || this.#running === undefined) return false;
    return this.#running.connection.write(this.#running.ticket, frame);
  }

  /** Gives the stream up; nothing more is told. */
  cancel(): void {
    if (this.#isOver) return;
    this.#over();
    if (this.#running !== undefined) this.#running.connection.cancel(this.#running.ticket);
  }

  onHeaders(fields: HeaderFields): void {
    if (fields['grpc-status'] !== undefined) this.#status = fields;
    const error = errorOfStatus(fields[':status']);
    if (error !== undefined) this.#fail(error);
  }

  onData(bytes: Buffer): void {
    if (this.#isOver) return;
    const whole = this.#reader ? undefined : wholeMessage(bytes, LIMITS.clientAnswerBytes);
    if (whole !== undefined) {
      this.#events.onMessage(whole);
      return;
    }
    try {
      this.#inParts(bytes);
    } catch (error) {
      this.#fail(error instanceof EtcdError ? error : statusError(CODE.internal, String(error)));
    }
  }

  onEnd(): void {
    const error = errorOfAnswer(this.#status);
    this.#conclude(error ?? statusError(CODE.unavailable, 'stream ended'));
  }

  onReset(why: string): void {
    this.#conclude(statusError(CODE.unavailable, why));
  }

  #inParts(bytes: Buffer): void {
    this.#reader ??= new FrameReader(LIMITS.clientAnswerBytes);
    const reader = this.#reader;
    for (const message of reader.push(bytes)) {
      if (this.#isOver) return;
      this.#events.onMessage(message);
    }
    if (!reader.partial) this.#reader = undefined;
  }

  #fail(error: EtcdError): void {
    if (this.#isOver) return;
    this.cancel();
    this.#events.onEnd(error);
  }

  #conclude(error: EtcdError): void {
    if (this.#isOver) return;
    this.#over();
    this.#events.onEnd(error);
  }

  #over(): void {
    this.#isOver = true;
    this.#onOver();
  }
}
