/** A history as a file: a JSON value a line, each saying what it is. Times that are not there yet are left out. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import type { Operation, WatchRecord } from '@kubets/etcd/testing';
import { ChaosError } from '../errors.ts';
import type { FaultRecord, LeaderSample, LeaseRecord } from '../ports.ts';
import type { KubeRecords } from './kube-records.ts';
import type { History, RunFacts } from './records.ts';

interface Lines {
  readonly run: { readonly facts: RunFacts; readonly bankTotal?: number };
  readonly op: Operation;
  readonly watch: WatchRecord;
  readonly lease: LeaseRecord;
  readonly fault: FaultRecord;
  readonly leader: LeaderSample;
  readonly seen: readonly [revision: number, ms: number];
  readonly complaint: string;
  readonly kube: KubeRecords;
}

/** Writes a history to a file, line by line. */
export async function writeHistory(path: string, history: History): Promise<void> {
  const stream = createWriteStream(path);
  const line = async <K extends keyof Lines>(what: K, value: Lines[K]): Promise<void> => {
    const text = `${JSON.stringify({ [what]: value })}\n`;
    if (!stream.write(text)) await once(stream, 'drain');
  };
  const { facts, bankTotal } = history;
  await line('run', { facts, ...(bankTotal !== undefined && { bankTotal }) });
  for (const one of history.operations) await line('op', one);
  for (const one of history.watches) await line('watch', one);
  for (const one of history.leases) await line('lease', one);
  for (const one of history.faults) await line('fault', one);
  for (const one of history.leaders) await line('leader', one);
  for (const one of history.seenMs) await line('seen', one);
  for (const one of history.complaints) await line('complaint', one);
  if (history.kube !== undefined) await line('kube', history.kube);
  stream.end();
  await finished(stream);
}

/** Reads it back. @throws ChaosError that names the line which cannot be read */
export async function readHistory(path: string): Promise<History> {
  const file = await open(path).catch((error: Error) => {
    throw new ChaosError(`cannot read the history: ${error.message}`);
  });
  const lists = {
    ...{ op: [] as Operation[], watch: [] as WatchRecord[], lease: [] as LeaseRecord[] },
    ...{ fault: [] as FaultRecord[], leader: [] as LeaderSample[], complaint: [] as string[] },
    seen: [] as [number, number][],
  };
  let run: Lines['run'] | undefined;
  let kube: KubeRecords | undefined;
  let number = 0;
  for await (const text of file.readLines()) {
    number += 1;
    const value = parse(text, `${path}:${number}`);
    if (value.run !== undefined) run = value.run;
    else if (value.op !== undefined) {
      // JSON has no infinity: such an end was written as null.
      lists.op.push({ ...value.op, endedMs: value.op.endedMs ?? Number.POSITIVE_INFINITY });
    } else if (value.watch !== undefined) lists.watch.push(value.watch);
    else if (value.lease !== undefined) lists.lease.push(value.lease);
    else if (value.fault !== undefined) lists.fault.push(value.fault);
    else if (value.leader !== undefined) lists.leader.push(value.leader);
    else if (value.seen !== undefined) lists.seen.push([...value.seen]);
    else if (value.kube !== undefined) kube = value.kube;
    else if (value.complaint !== undefined) lists.complaint.push(value.complaint);
    else throw new ChaosError(`${path}:${number} is no line of a history`);
  }
  if (run === undefined)
    throw new ChaosError(`${path} does not begin with a run: is it a history?`);
  return {
    facts: run.facts,
    bankTotal: run.bankTotal,
    ...{ operations: lists.op, watches: lists.watch, leases: lists.lease },
    ...{ faults: lists.fault, leaders: lists.leader, complaints: lists.complaint },
    seenMs: new Map(lists.seen),
    ...(kube !== undefined && { kube }),
  };
}

function parse(text: string, where: string): Partial<Lines> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below, with the place.
  }
  throw new ChaosError(`${where} is no line of a history`);
}
