/** Tells the cluster this member's name and client URLs, as it knows them only by itself; tries until it is heard. */

import {
  type Backoff,
  type Clock,
  errorMessage,
  exponentialBackoff,
  type Logger,
  type Timer,
} from '@kubets/platform';
import type { Consensus, MemberInfo } from '../ports.ts';

export interface PublisherOptions {
  readonly consensus: Consensus;
  readonly name: string;
  readonly clientUrls: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  /** The cluster knows; called once. */
  readonly onPublished: () => void;
}

export class Publisher {
  private readonly options: PublisherOptions;
  private readonly backoff: Backoff = exponentialBackoff({ initialMs: 50, maxMs: 5_000 });
  private timer: Timer | undefined;
  private closed = false;

  constructor(options: PublisherOptions) {
    this.options = options;
    void this.publish();
  }

  private async publish(): Promise<void> {
    const { consensus, log } = this.options;
    const update = this.outdated();
    if (update !== undefined) {
      try {
        await consensus.changeMembers({ type: 'update', member: update });
      } catch (error) {
        log.debug({ error: errorMessage(error) }, 'name and client URLs not published yet');
      }
    }
    if (this.closed) return;
    const known = consensus.status().members.some((m) => m.id === this.ownId);
    if (known && this.outdated() === undefined) this.options.onPublished();
    else
      this.timer = this.options.clock.setTimeout(() => void this.publish(), this.backoff.nextMs());
  }

  private get ownId(): bigint {
    return this.options.consensus.status().id;
  }

  /** What the cluster should know and does not; undefined when all is right, or it does not know us yet. */
  private outdated(): MemberInfo | undefined {
    const { consensus, name, clientUrls } = this.options;
    const known = consensus.status().members.find((m) => m.id === this.ownId);
    if (known === undefined) return undefined;
    const same = known.name === name && known.clientUrls.join() === clientUrls.join();
    return same ? undefined : { ...known, name, clientUrls };
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }
}
