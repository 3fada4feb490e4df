/**
 * The verdict on a history. The judges of the store's simulation do most of it: linearizability of every operation, what
 * every watcher was owed. Added here are what needs the run's own facts: leases by the clock of their owners, the bank's
 * total, members that did not come back.
 */
import {
  type Change,
  checkHistory,
  checkWatch,
  HistoryViolation,
  type Model,
  modelOf,
  type Operation,
  type WatchRecord,
} from '@kubets/etcd/testing';
import { checkKube } from './check-kube.ts';
import type { KubeRecords } from './kube-records.ts';
import type { History } from './records.ts';

export interface Verdict {
  /** Nothing is wrong. */
  readonly ok: boolean;
  /** One line each. */
  readonly violations: readonly string[];
  readonly operations: number;
  readonly acknowledged: number;
  /** Requests of which nobody knows whether they were carried out, until the history tells. */
  readonly unknown: number;
  readonly revisions: number;
  readonly watchEvents: number;
  readonly leasesEnded: number;
}

const LINE_CHARS = 600;

export function judge(history: History): Verdict {
  return history.kube === undefined ? judgeStore(history) : judgeKube(history, history.kube);
}

function judgeKube(history: History, kube: KubeRecords): Verdict {
  const violations = distinct([...checkKube(kube), ...history.complaints]);
  const { requests, streams } = kube;
  return {
    ...{ ok: violations.length === 0, violations, operations: requests.length },
    acknowledged: requests.filter(({ outcome }) => outcome === 'ok').length,
    unknown: requests.filter(({ outcome }) => outcome === 'unknown').length,
    revisions: new Set(streams.flatMap(({ events }) => events.map(({ rv }) => rv))).size,
    watchEvents: streams.reduce((sum, one) => sum + one.events.length, 0),
    leasesEnded: 0,
  };
}

function judgeStore(history: History): Verdict {
  const violations: string[] = [];
  const attempt = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      if (!(error instanceof HistoryViolation)) throw error;
      violations.push(error.message.slice(0, LINE_CHARS));
    }
  };
  let model: Model | undefined;
  let leasesEnded = 0;
  attempt(() => {
    model = modelOf(agreedBy(history.watches));
  });
  if (model !== undefined) {
    const agreed = model;
    const operations = judgeable(history, agreed.revision);
    attempt(() => checkHistory(agreed, operations, { appliedAtMs: history.seenMs }));
    for (const record of history.watches) {
      attempt(() => checkWatch(agreed, record, { compactedUpTo: 0 }));
    }
    attempt(() => {
      leasesEnded = checkLeases(agreed, history);
    });
    attempt(() => checkBank(agreed, history.bankTotal));
  }
  const count = (type: string): number =>
    history.operations.filter(({ outcome }) => outcome.type === type).length;
  return {
    ...{ ok: violations.length + history.complaints.length === 0 },
    violations: distinct([...violations, ...history.complaints]),
    operations: history.operations.length,
    acknowledged: count('ok'),
    unknown: count('unknown'),
    revisions: model?.revision ?? 0,
    watchEvents: history.watches.reduce((sum, one) => sum + eventsIn(one), 0),
    leasesEnded,
  };
}

/**
 * In a run that ended in trouble watchers may not have been told of the newest revisions: then nothing can be said about
 * operations at them. In any other run every revision has been seen, and one that was not is a lost write.
 */
function judgeable({ complaints, operations }: History, newest: number): readonly Operation[] {
  if (complaints.length === 0) return operations;
  return operations.filter(({ outcome }) => outcome.type !== 'ok' || outcome.revision <= newest);
}

/**
 * What watchers of everything saw, from the first revision on: the one that saw most of it, continued by others that took it
 * up before its end. (At the end of a run one sees all of it, unless the run ended in trouble.) Each of them is compared with it.
 */
function agreedBy(watches: readonly WatchRecord[]): Map<number, Change[]> {
  const first = Math.min(...watches.map((one) => one.start));
  const agreed = new Map<number, Change[]>();
  let upTo = first - 1;
  for (;;) {
    const next = longest(watches.filter((one) => seesAll(one) && one.start <= upTo + 1));
    const changes = (next?.messages ?? [])
      .flatMap((message) => (message.type === 'events' ? message.events : []))
      .filter(({ kv }) => kv.mod > upTo);
    if (changes.length === 0) return agreed;
    for (const { type, kv } of changes) {
      const others = agreed.get(kv.mod) ?? [];
      others.push({ type, kv });
      agreed.set(kv.mod, others);
      upTo = Math.max(upTo, kv.mod);
    }
  }
}

const seesAll = ({ noPut, noDelete }: WatchRecord): boolean => !noPut && !noDelete;

/** The one that saw the newest revision; of several the one that saw more. */
function longest(watches: readonly WatchRecord[]): WatchRecord | undefined {
  return watches.toSorted((a, b) => newestIn(b) - newestIn(a) || eventsIn(b) - eventsIn(a))[0];
}

function newestIn({ messages }: WatchRecord): number {
  const last = messages.findLast(({ type }) => type === 'events');
  return last?.type === 'events' ? (last.events.at(-1)?.kv.mod ?? 0) : 0;
}

function eventsIn({ messages }: WatchRecord): number {
  return messages.reduce((sum, one) => sum + (one.type === 'events' ? one.events.length : 0), 0);
}

/**
 * No lease ends before its time has passed since its owner last had it confirmed. A change is seen after it was made, so that
 * the time of the first sight is on the safe side.
 */
function checkLeases(model: Model, history: History): number {
  const byId = new Map(history.leases.map((one) => [one.lease, one]));
  const ended = new Set<string>();
  for (let revision = 2; revision <= model.revision; revision += 1) {
    for (const { type, kv } of model.changesAt(revision)) {
      if (type !== 'delete' || !isLeased(kv.key)) continue;
      const lease = model.at(kv.key, revision - 1)?.lease ?? '0';
      const record = byId.get(lease);
      ended.add(lease);
      if (record === undefined || record.revoked) continue;
      const seenMs = history.seenMs.get(revision) ?? Number.POSITIVE_INFINITY;
      const aheadMs = record.renewedMs + record.ttlMs - seenMs;
      if (aheadMs <= 0) continue;
      throw new HistoryViolation(
        `a lease ended ${Math.ceil(aheadMs)} ms before its time: ${JSON.stringify({ revision, record })}`,
      );
    }
  }
  return ended.size;
}

/** Keys that clients never delete: they go with their lease alone. */
export const isLeased = (key: string): boolean =>
  key.startsWith('lease/') || key.startsWith('lock/');

function checkBank(model: Model, total: number | undefined): void {
  if (total === undefined) return;
  for (let revision = 2; revision <= model.revision; revision += 1) {
    if (!model.changesAt(revision).some(({ kv }) => kv.key.startsWith('bank/'))) continue;
    const accounts = model.range({ key: 'bank/', end: 'bank0', at: revision });
    const sum = accounts.reduce((all, kv) => all + Number(kv.value), 0);
    if (sum === total) continue;
    throw new HistoryViolation(`the bank holds ${sum} instead of ${total} at revision ${revision}`);
  }
}

/** The same trouble of several watchers is one line. */
function distinct(lines: readonly string[]): string[] {
  const seen = new Set<string>();
  return lines.filter((line) => {
    const head = line.slice(0, 80);
    if (seen.has(head)) return false;
    seen.add(head);
    return true;
  });
}
