/**
 * The space quota. A write that would take the store beyond it raises a NOSPACE alarm, after which the whole cluster refuses
 * writes that need space. The member that raised it clears it again once compaction has given back enough.
 */

import type { Logger } from '@kubets/platform';
import { etcdError } from '../errors.ts';
import type { MemberId } from '../ports.ts';
import { ALARM, type Alarms } from '../state/alarms.ts';
import { ALARM_ACTION } from '../state/kv-state.ts';
import type { Proposer } from './proposer.ts';

export interface QuotaOptions {
  readonly quotaBytes: number;
  readonly memberId: MemberId;
  readonly alarms: Alarms;
  readonly proposer: Proposer;
  readonly sizeBytes: () => number;
  readonly log: Logger;
}

/** Share of the quota below which the alarm is cleared. */
const CLEAR_BELOW = 0.9;

export class Quota {
  private readonly options: QuotaOptions;
  /** The alarm was raised by this object, not by an administrator. */
  private raised = false;
  private busy = false;

  constructor(options: QuotaOptions) {
    this.options = options;
  }

  /** Whether {@link check} has nothing against a write of this size. */
  fits(bytes: number): boolean {
    const { quotaBytes, sizeBytes, alarms } = this.options;
    return sizeBytes() + bytes <= quotaBytes || alarms.has(ALARM.noSpace);
  }

  /** @throws EtcdError `noSpace` when a write of this size does not fit; raises the alarm before */
  async check(bytes: number): Promise<void> {
    if (this.fits(bytes)) return;
    const { quotaBytes, sizeBytes } = this.options;
    await this.set(ALARM_ACTION.activate);
    this.raised = true;
    this.options.log.warn({ quotaBytes, sizeBytes: sizeBytes() }, 'space quota reached');
    throw etcdError('noSpace');
  }

  /** Clears the alarm when there is space again. Call it from time to time. */
  async relax(): Promise<void> {
    const { quotaBytes, sizeBytes, log } = this.options;
    if (!this.raised || this.busy || sizeBytes() > quotaBytes * CLEAR_BELOW) return;
    this.busy = true;
    try {
      await this.set(ALARM_ACTION.deactivate);
      this.raised = false;
      log.info({ sizeBytes: sizeBytes() }, 'space is back, alarm cleared');
    } finally {
      this.busy = false;
    }
  }

  private async set(action: number): Promise<void> {
    const { memberId: memberID, proposer } = this.options;
    await proposer.propose('alarms', { alarm: { action, memberID, alarm: ALARM.noSpace } });
  }
}
