import type { WebSocket } from 'ws';
import { STREAM_BUFFER_BYTES } from '../limits.ts';

/** What a source of output is told: to hold back, or to go on. */
export type OnPaused = (paused: boolean) => void;

/**
 * Sends messages one after the other, each in a TLS record of its own, as other kubelets do. Clients that wait for the
 * connection's descriptor to become readable do not see a second message that came in the record of the first.
 */
export class PacedSender {
  readonly #socket: WebSocket;
  readonly #onPaused: OnPaused;
  readonly #waiting: (Buffer | string)[] = [];
  #bytes = 0;
  #isSending = false;
  #isPaused = false;
  #closeCode: number | undefined;

  /** @param onPaused told `true` when more than {@link STREAM_BUFFER_BYTES} wait, and `false` when half of that is gone */
  constructor(socket: WebSocket, onPaused: OnPaused) {
    this.#socket = socket;
    this.#onPaused = onPaused;
  }

  send(message: Buffer | string): void {
    this.#waiting.push(message);
    this.#bytes += message.length;
    if (!this.#isSending) this.#next();
    if (this.#bytes > STREAM_BUFFER_BYTES) this.#tell(true);
  }

  /** Closes the connection after everything that was sent. */
  close(code: number): void {
    this.#closeCode = code;
    if (!this.#isSending) this.#socket.close(code);
  }

  #next(): void {
    const message = this.#waiting.shift();
    this.#isSending = message !== undefined;
    if (message === undefined) {
      if (this.#closeCode !== undefined) this.#socket.close(this.#closeCode);
      return;
    }
    // Errors show as the connection's end.
    this.#socket.send(message, () => {
      this.#bytes -= message.length;
      if (this.#bytes <= STREAM_BUFFER_BYTES / 2) this.#tell(false);
      this.#next();
    });
  }

  #tell(paused: boolean): void {
    if (this.#isPaused === paused) return;
    this.#isPaused = paused;
    this.#onPaused(paused);
  }
}
