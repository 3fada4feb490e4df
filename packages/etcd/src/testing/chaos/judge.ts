/** The end of a run: every watcher must get everything, and what clients saw must be one history. */
import { delay } from '@kubets/platform';
import { EtcdClient } from '../../client/index.ts';
import { checkHistory } from '../store/check-history.ts';
import { checkWatch, covered } from '../store/check-watch.ts';
import type { Change } from '../store/history.ts';
import { modelOf } from '../store/model.ts';
import type { Recorder } from './recorder.ts';

const WITHIN_MS = 60_000;

export interface Judged {
  readonly operations: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly revisions: number;
  readonly watchEvents: number;
}

/** @throws HistoryViolation, or Error when a watcher does not get everything */
export async function judge(endpoints: readonly string[], recorder: Recorder): Promise<Judged> {
  const client = new EtcdClient({ endpoints });
  const { revision } = await client.get(Buffer.from('a'));
  client.close();
  const newest = Number(revision);
  const whole = recorder.watch(endpoints);
  const giveUpMs = performance.now() + WITHIN_MS;
  for (const record of recorder.watches) {
    // A lease may end meanwhile: whatever comes after `newest` is no concern.
    while (covered(record) < newest) {
      if (performance.now() > giveUpMs) throw new Error('a watcher does not get everything');
      await delay(20);
    }
    record.mustReach = newest;
  }
  const agreed = new Map<number, Change[]>();
  for (const message of whole.messages) {
    if (message.type !== 'events') continue;
    for (const { type, kv } of message.events) {
      agreed.set(kv.mod, [...(agreed.get(kv.mod) ?? []), { type, kv }]);
    }
  }
  const model = modelOf(agreed);
  const { operations, watches } = recorder;
  checkHistory(model, operations);
  for (const record of watches) checkWatch(model, record, { compactedUpTo: 0 });
  const count = (type: string): number => operations.filter((o) => o.outcome.type === type).length;
  return {
    operations: operations.length,
    acknowledged: count('ok'),
    unknown: count('unknown'),
    revisions: model.revision,
    watchEvents: watches.reduce((sum, one) => sum + eventsIn(one), 0),
  };
}

function eventsIn({ messages }: Recorder['watches'][number]): number {
  return messages.reduce((sum, one) => sum + (one.type === 'events' ? one.events.length : 0), 0);
}
