/** Collects what has changed in memory and is not on disk yet. Later changes of a record replace earlier ones. */

import type { AuthContent, AuthRecord } from '../auth/auth-state.ts';
import type { Lease } from '../lease/lessor.ts';
import type { Version } from '../mvcc/index.ts';
import type { Alarm } from '../state/alarms.ts';
import type { StateJournal } from '../state/kv-state.ts';
import {
  STORED,
  seal,
  storedAlarm,
  storedAuth,
  storedLease,
  storedMeta,
  storedRevision,
  storedRole,
  storedUser,
} from '../state/records.ts';
import type { AppliedPosition } from '../state/state-machine.ts';
import { alarmKey, authKey, leaseKey, metaKey, versionKey } from './keys.ts';

/** A record to write, or to remove when `value` is undefined. */
export interface Operation {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
}

/** A version as it lies on disk. */
export function putVersion(generation: number, version: Version): Operation {
  const key = versionKey(generation, version);
  const record = storedRevision(version);
  return { key, value: seal(key, (head) => STORED.revision.encode(record, head)) };
}

export function putLease(generation: number, lease: Lease): Operation {
  const key = leaseKey(generation, lease.id);
  return { key, value: seal(key, (head) => STORED.lease.encode(storedLease(lease), head)) };
}

export function putAlarm(generation: number, alarm: Alarm): Operation {
  const key = alarmKey(generation, alarm);
  return { key, value: seal(key, (head) => STORED.alarm.encode(storedAlarm(alarm), head)) };
}

function authOperation(generation: number, record: AuthRecord): Operation {
  if (record.kind === 'auth') {
    const key = authKey(generation, 'auth', '');
    const stored = storedAuth(record.value);
    return { key, value: seal(key, (head) => STORED.auth.encode(stored, head)) };
  }
  const key = authKey(generation, record.kind, record.name);
  if (record.value === undefined) return { key, value: undefined };
  if (record.kind === 'user') {
    const stored = storedUser(record.value);
    return { key, value: seal(key, (head) => STORED.user.encode(stored, head)) };
  }
  const stored = storedRole(record.value);
  return { key, value: seal(key, (head) => STORED.role.encode(stored, head)) };
}

/** Users, roles and whether they count, all of them. */
export function* putAuth(generation: number, auth: AuthContent): Generator<Operation> {
  const { enabled, revision, users, roles } = auth;
  yield authOperation(generation, { kind: 'auth', value: { enabled, revision } });
  for (const value of users) {
    yield authOperation(generation, { kind: 'user', name: value.name, value });
  }
  for (const value of roles) {
    yield authOperation(generation, { kind: 'role', name: value.name, value });
  }
}

export function putMeta(
  generation: number,
  position: AppliedPosition,
): { key: Buffer; value: Buffer } {
  const key = metaKey(generation);
  return { key, value: seal(key, (head) => STORED.meta.encode(storedMeta(position), head)) };
}

export class ChangeJournal implements StateJournal {
  private added: Version[] = [];
  private dropped: Version[] = [];
  private leases = new Map<bigint, Lease | undefined>();
  private alarms = new Map<string, { alarm: Alarm; raised: boolean }>();
  private auth = new Map<string, AuthRecord>();

  /** Records that differ from the disk. */
  get size(): number {
    const versions = this.added.length + this.dropped.length;
    return versions + this.leases.size + this.alarms.size + this.auth.size;
  }

  versionAdded(version: Version): void {
    this.added.push(version);
  }

  versionDropped(version: Version): void {
    this.dropped.push(version);
  }

  leaseSaved(lease: Lease): void {
    this.leases.set(lease.id, lease);
  }

  leaseDropped(id: bigint): void {
    this.leases.set(id, undefined);
  }

  alarmRaised(alarm: Alarm): void {
    this.alarms.set(`${alarm.memberID}/${alarm.alarm}`, { alarm, raised: true });
  }

  alarmCleared(alarm: Alarm): void {
    this.alarms.set(`${alarm.memberID}/${alarm.alarm}`, { alarm, raised: false });
  }

  authChanged(record: AuthRecord): void {
    this.auth.set(record.kind === 'auth' ? 'auth' : `${record.kind}/${record.name}`, record);
  }

  /** Empties the journal. @returns what was in it, encoded one by one as it is asked for */
  take(generation: number): Iterable<Operation> {
    const { added, dropped, leases, alarms, auth } = this;
    this.added = [];
    this.dropped = [];
    this.leases = new Map();
    this.alarms = new Map();
    this.auth = new Map();
    return (function* () {
      for (const version of added) yield putVersion(generation, version);
      // What was added and dropped in one go is taken back: later operations of a batch win.
      for (const version of dropped)
        yield { key: versionKey(generation, version), value: undefined };
      for (const [id, lease] of leases) {
        if (lease) yield putLease(generation, lease);
        else yield { key: leaseKey(generation, id), value: undefined };
      }
      for (const { alarm, raised } of alarms.values()) {
        if (raised) yield putAlarm(generation, alarm);
        else yield { key: alarmKey(generation, alarm), value: undefined };
      }
      for (const record of auth.values()) yield authOperation(generation, record);
    })();
  }
}
