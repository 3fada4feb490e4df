/** On the leader: compacts history older than a time, or beyond a number of revisions. */

import type { Clock, Logger, Timer } from '@kubets/platform';
import { EtcdError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Revision } from '../mvcc/index.ts';
import type { Consensus } from '../ports.ts';
import type { Proposer } from './proposer.ts';

/** How long history is kept. */
export type Retention =
  | { readonly mode: 'periodic'; readonly periodMs: number }
  | { readonly mode: 'revision'; readonly revisions: number };

export interface CompactorOptions {
  readonly retention: Retention;
  readonly consensus: Consensus;
  readonly proposer: Proposer;
  readonly revision: () => Revision;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Sample {
  readonly atMs: number;
  readonly revision: Revision;
}

export class Compactor {
  private readonly options: CompactorOptions;
  private readonly timer: Timer;
  private samples: Sample[] = [];
  private compacted: Revision = 0;

  constructor(options: CompactorOptions) {
    this.options = options;
    const { retention, clock } = options;
    const everyMs =
      retention.mode === 'revision'
        ? LIMITS.revisionCompactionMs
        : Math.min(retention.periodMs, LIMITS.periodicCompactionMs) / 10;
    this.timer = clock.setInterval(() => void this.look(), everyMs);
  }

  /** The revision that may go now; samples of every member are kept, so that a new leader knows the past. */
  private target(): Revision {
    const { retention, revision, clock } = this.options;
    if (retention.mode === 'revision') return revision() - retention.revisions;
    const nowMs = clock.monotonicMs();
    this.samples.push({ atMs: nowMs, revision: revision() });
    const old = this.samples.findLast(({ atMs }) => nowMs - atMs >= retention.periodMs);
    if (old === undefined) return 0;
    this.samples = this.samples.slice(this.samples.indexOf(old));
    return old.revision;
  }

  private async look(): Promise<void> {
    const { consensus, proposer, log } = this.options;
    const revision = this.target();
    const { id, leader } = consensus.status();
    if (id !== leader || revision <= this.compacted) return;
    try {
      await proposer.propose('done', { compact: { revision } });
      this.compacted = revision;
      log.info({ revision }, 'compacted history');
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      if (error.kind === 'compacted') this.compacted = revision;
      else log.warn({ revision, error: error.message }, 'could not compact history');
    }
  }

  close(): void {
    this.timer.cancel();
  }
}
