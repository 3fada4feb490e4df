/**
 * Judges what clients of the Kubernetes API saw. Writers change shared objects by read, change, update; each update carries a
 * token of its own and counts one further.
 *
 * - Versions: within a watch they only grow; an object's history is the same to every watcher.
 * - No lost update: each version of an object follows from the one before it, and carries the token of a write that was made,
 *   based on that very version; every acknowledged write is part of the history.
 * - Real time: an answer is never older than what was answered before it was asked for.
 * - Watches: whoever has come as far as a version has been told of everything before it.
 * - Rolling deployments come to their end.
 */
import type { KubeEvent, KubeRecords, KubeRequest, KubeStream } from './kube-records.ts';

type Versions = Map<number, KubeEvent>;

/** @returns what is wrong, a line each */
export function checkKube(records: KubeRecords): string[] {
  const wrong: string[] = [];
  const objects = agreedVersions(records.streams, wrong);
  for (const stream of records.streams) checkStream(stream, objects, wrong);
  checkWrites(records, objects, wrong);
  checkRealTime(records.requests, wrong);
  for (const { revision, endedMs } of records.rollouts) {
    if (endedMs === null) wrong.push(`rolling deployment ${revision} does not come to its end`);
  }
  return wrong;
}

function agreedVersions(streams: readonly KubeStream[], wrong: string[]): Map<string, Versions> {
  const objects = new Map<string, Versions>();
  for (const { server, events } of streams) {
    for (const event of events) {
      const versions = objects.get(event.name) ?? new Map<number, KubeEvent>();
      objects.set(event.name, versions);
      const known = versions.get(event.rv);
      if (known === undefined) versions.set(event.rv, event);
      else if (known.token !== event.token) {
        wrong.push(`${event.name} at ${event.rv} is not the same everywhere (${server})`);
      }
    }
  }
  return objects;
}

function checkStream(
  { server, from, events }: KubeStream,
  objects: ReadonlyMap<string, Versions>,
  wrong: string[],
): void {
  let last = from;
  for (const { name, rv } of events) {
    if (rv <= last) wrong.push(`watch of ${server}: ${name} at ${rv} after ${last}`);
    last = Math.max(last, rv);
  }
  const told = new Set(events.map(({ rv }) => rv));
  for (const [name, versions] of objects) {
    for (const rv of versions.keys()) {
      if (rv <= from || rv > last || told.has(rv)) continue;
      wrong.push(`watch of ${server} from ${from} to ${last} was not told of ${name} at ${rv}`);
    }
  }
}

function checkWrites(
  { requests, finalRv }: KubeRecords,
  objects: ReadonlyMap<string, Versions>,
  wrong: string[],
): void {
  const writes = new Map<string, KubeRequest>();
  for (const one of requests) if (one.type !== 'read') writes.set(one.token, one);
  for (const [name, versions] of objects) {
    let before: KubeEvent | undefined;
    for (const event of [...versions.values()].sort((a, b) => a.rv - b.rv)) {
      const write = writes.get(event.token);
      const base = before?.rv ?? 0;
      if (write === undefined || write.outcome === 'conflict' || write.outcome === 'refused') {
        wrong.push(`nobody made ${name} at ${event.rv} (${event.token})`);
      } else if (write.base !== base || event.counter !== (before?.counter ?? 0) + 1) {
        wrong.push(`lost update: ${name} at ${event.rv} follows ${base}, not ${write.base}`);
      }
      before = event;
    }
  }
  for (const { type, name, outcome, rv, token } of requests) {
    if (type === 'read' || outcome !== 'ok' || rv > finalRv) continue;
    if (objects.get(name)?.get(rv)?.token !== token) {
      wrong.push(`lost write: ${name} at ${rv} (${token}) was acknowledged and is not there`);
    }
  }
}

function checkRealTime(requests: readonly KubeRequest[], wrong: string[]): void {
  const answered = requests.filter(({ outcome, rv }) => outcome === 'ok' && rv > 0);
  for (const name of new Set(answered.map((one) => one.name))) {
    const own = answered.filter((one) => one.name === name);
    const byEnd = [...own].sort((a, b) => (a.endedMs ?? 0) - (b.endedMs ?? 0));
    let floor = 0;
    let ended = 0;
    for (const one of [...own].sort((a, b) => a.begunMs - b.begunMs)) {
      for (let next = byEnd[ended]; next !== undefined; next = byEnd[ended]) {
        if ((next.endedMs ?? 0) >= one.begunMs) break;
        floor = Math.max(floor, next.rv);
        ended += 1;
      }
      if (one.rv < floor) wrong.push(`${one.type} of ${name} went back from ${floor} to ${one.rv}`);
    }
  }
}
