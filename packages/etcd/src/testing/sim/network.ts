/** A network that delays, loses, repeats and reorders messages, and whose links break in one direction or both. */
import type { Random } from '@kubets/platform';
import { SnapshotStreamError } from '../../host/errors.ts';
import type {
  PeerMessage,
  SnapshotHeader,
  Transport,
  TransportHandlers,
} from '../../host/ports.ts';
import type { PeerId } from '../../raft/types.ts';
import { decodeMessages, encodeMessages } from '../../transport/codec.ts';
import type { SimLoop } from './loop.ts';

export interface NetworkFaults {
  /** Probabilities. */
  loss: number;
  duplication: number;
  /** Usual delay in milliseconds, and the rare long one. */
  delayMs: number;
  longDelayMs: number;
  longDelay: number;
}

export const GOOD_NETWORK: NetworkFaults = {
  loss: 0,
  duplication: 0,
  delayMs: 2,
  longDelayMs: 0,
  longDelay: 0,
};

export class SimNetwork {
  readonly #loop: SimLoop;
  readonly #random: Random;
  readonly #receivers = new Map<PeerId, TransportHandlers>();
  readonly #blocked = new Set<string>();
  faults: NetworkFaults = GOOD_NETWORK;
  /** Lets a test play a broken implementation: sees every message, may replace it. */
  tamper: (message: PeerMessage) => PeerMessage[] = (message) => [message];

  /** Messages that no fault touches: those a test forges. */
  tamperedPass: (message: PeerMessage) => boolean = () => false;

  constructor(loop: SimLoop, random: Random) {
    this.#loop = loop;
    this.#random = random;
  }

  block(from: PeerId, to: PeerId): void {
    this.#blocked.add(`${from}>${to}`);
  }

  heal(): void {
    this.#blocked.clear();
    this.faults = GOOD_NETWORK;
  }

  /** A process is gone: those connected to it notice, or not. */
  disconnect(id: PeerId): void {
    this.#receivers.delete(id);
    for (const [other, handlers] of this.#receivers) {
      if (other === id || this.#random.int(4) === 0) continue;
      this.#loop.schedule(this.#random.int(5), () => {
        if (this.#receivers.get(other) === handlers) handlers.onPeerDown(id);
      });
    }
  }

  /** A connection breaks although both ends live. */
  breakConnection(at: PeerId, to: PeerId): void {
    this.#receivers.get(at)?.onPeerDown(to);
  }

  #delayMs(): number {
    const { delayMs, longDelay, longDelayMs } = this.faults;
    const long = this.#random.next() < longDelay;
    return this.#random.next() * (long ? longDelayMs : delayMs);
  }

  #passes(from: PeerId, to: PeerId): boolean {
    return !this.#blocked.has(`${from}>${to}`) && this.#random.next() >= this.faults.loss;
  }

  /** The network as one process sees it. */
  transport(id: PeerId, alive: () => boolean): Transport {
    return {
      start: async (handlers) => {
        this.#receivers.set(id, handlers);
        for (const other of this.#receivers.keys()) {
          if (other === id || this.#random.int(4) === 0) continue;
          this.#loop.schedule(this.#random.int(30), () => {
            if (this.#receivers.get(id) === handlers) handlers.onPeerUp(other);
          });
        }
      },
      setPeers: () => undefined,
      send: (messages) => {
        if (!alive()) return;
        for (const message of messages) this.#post(message);
      },
      sendSnapshot: (header, chunks) => this.#ship(header, chunks),
      stop: async () => {
        this.#receivers.delete(id);
      },
    };
  }

  #post(original: PeerMessage): void {
    for (const message of this.tamper(original)) {
      // Through the real encoding: nothing is shared between members.
      const frame = Buffer.from(encodeMessages([message]));
      const copies = this.#random.next() < this.faults.duplication ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        const forged = message !== original && this.tamperedPass(message);
        if (!forged && !this.#passes(message.from, message.to)) continue;
        this.#loop.schedule(this.#delayMs(), () => {
          this.#receivers.get(message.to)?.onMessages(decodeMessages(frame));
        });
      }
    }
  }

  async #ship(header: SnapshotHeader, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(Buffer.from(chunk));
    const { from, to } = header;
    const broken = this.#random.next() < this.faults.loss * 2;
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => reject(new SnapshotStreamError('the connection broke'));
      this.#loop.schedule(this.#delayMs() + 5, () => {
        const receiver = this.#receivers.get(to);
        if (receiver === undefined || !this.#passes(from, to)) return fail();
        const install = receiver.onSnapshot(header, replay(parts, broken));
        install.then(
          // The answer has to get back, too.
          () =>
            this.#loop.schedule(this.#delayMs(), () =>
              this.#passes(to, from) ? resolve() : fail(),
            ),
          fail,
        );
        return undefined;
      });
      // A receiver that dies never answers: the connection breaks.
      this.#loop.schedule(5_000, fail);
    });
  }
}

async function* replay(parts: readonly Uint8Array[], broken: boolean): AsyncGenerator<Uint8Array> {
  const last = broken ? Math.floor(parts.length / 2) : parts.length;
  yield* parts.slice(0, last);
  if (broken) throw new SnapshotStreamError('the stream broke off');
}
