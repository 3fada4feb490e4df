/** Keeps one lease alive: a renewal every third of its life, over whichever endpoint answers. */

import { Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Clock, Timer } from '@kubets/platform';
import { type LeaseKeepAliveResponse, serviceMethods } from '../codec/index.ts';
import type { Connection, Endpoints } from './endpoints.ts';

export interface LeaseKeeperHandlers {
  /** The lease has ended, or could not be renewed within its life. The last call. */
  onLost(): void;
}

export interface LeaseHandle {
  /** Stops renewing; the lease ends by itself when its time is over. */
  cancel(): void;
}

export interface LeaseKeeperOptions {
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly id: bigint;
  readonly ttlSeconds: number;
  readonly handlers: LeaseKeeperHandlers;
}

const METHOD = serviceMethods('etcdserverpb.Lease').LeaseKeepAlive;

export class LeaseKeeper implements LeaseHandle {
  private readonly options: LeaseKeeperOptions;
  private readonly intervalMs: number;
  private lastAliveMs: number;
  private timer: Timer | undefined;
  private ended = false;

  constructor(options: LeaseKeeperOptions) {
    this.options = options;
    this.intervalMs = (options.ttlSeconds * 1000) / 3;
    this.lastAliveMs = options.clock.monotonicMs();
    this.again(this.intervalMs);
  }

  cancel(): void {
    this.ended = true;
    this.timer?.cancel();
  }

  private again(afterMs: number): void {
    if (this.ended) return;
    this.timer = this.options.clock.setTimeout(() => {
      void this.renew();
    }, afterMs);
  }

  private async renew(): Promise<void> {
    const { clock, endpoints, id, ttlSeconds } = this.options;
    const connection = endpoints.active();
    const ttl = await keepAliveOnce(connection, id, clock.now() + this.intervalMs);
    if (this.ended) return;
    if (ttl !== undefined && ttl > 0n) {
      this.lastAliveMs = clock.monotonicMs();
      this.again(this.intervalMs);
      return;
    }
    const overdue = clock.monotonicMs() - this.lastAliveMs > ttlSeconds * 1000;
    if (ttl === undefined && !overdue) {
      endpoints.moveOn(connection);
      this.again(Math.min(this.intervalMs, 500));
      return;
    }
    this.cancel();
    this.options.handlers.onLost();
  }
}

/** @returns the TTL, 0 when there is no such lease, undefined when the member did not answer */
function keepAliveOnce(
  { client }: Connection,
  id: bigint,
  deadline: number,
): Promise<bigint | undefined> {
  return new Promise((resolve) => {
    const stream = client.makeBidiStreamRequest(
      METHOD?.path ?? '',
      (value: unknown) => METHOD?.request.encode(value as never) ?? Buffer.alloc(0),
      (bytes: Buffer) => METHOD?.response.decode(bytes) as LeaseKeepAliveResponse,
      new Metadata(),
      { deadline },
    );
    stream.on('data', (answer: LeaseKeepAliveResponse) => {
      resolve(answer.TTL);
      stream.end();
    });
    stream.on('error', (_error: ServiceError) => resolve(undefined));
    stream.on('end', () => resolve(undefined));
    stream.write({ ID: id });
  });
}
