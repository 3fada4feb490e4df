/** The state as the database of a stock etcd: what `Maintenance.Snapshot` streams, and `etcdctl snapshot restore` reads. */

import { type BucketSource, type Entries, writeDatabase } from '../bolt/writer.ts';
import type { Version } from '../mvcc/index.ts';
import type { MemberInfo } from '../ports.ts';
import type { StateContent } from '../state/kv-state.ts';
import { storedRole, storedUser } from '../state/records.ts';
import type { AppliedPosition } from '../state/state-machine.ts';
import { AUTH_KEY, BUCKET, META_KEY, number64, revisionKey, WIRE } from './etcd-schema.ts';
import { inRevisionOrder } from './revision-order.ts';

/** The release whose database this is. */
export const STORAGE_VERSION = '3.6.0';
const EMPTY = Buffer.alloc(0);

type Pair = readonly [key: Uint8Array, value: Uint8Array];

/** A small bucket, sorted. */
function bucket(name: string, pairs: readonly Pair[]): BucketSource {
  const sorted = pairs.toSorted(([a], [b]) => Buffer.compare(a, b));
  return { name, entries: () => sorted };
}

function named(pairs: Readonly<Record<string, Uint8Array | undefined>>): Pair[] {
  return Object.entries(pairs).flatMap(([key, value]): Pair[] =>
    value === undefined ? [] : [[Buffer.from(key), value]],
  );
}

function* keyEntries(versions: readonly Version[]): Entries & Generator<Pair> {
  for (const version of versions) {
    const { modRevision, sub, tombstone, key } = version;
    const value = tombstone ? { key } : version;
    yield [revisionKey(modRevision, sub, tombstone), WIRE.keyValue.encode(value)];
  }
}

const VALUE_TAG_BYTES = 1;

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : 1 + varintBytes(value / 0x80);
}

/** Values may lie on disk: how long they are is known without reading them. */
function* keySizes(versions: readonly Version[]): Generator<readonly [Buffer, number]> {
  for (const version of versions) {
    const { modRevision, sub, tombstone, key, valueBytes } = version;
    const { createRevision, lease, version: count } = version;
    const rest = tombstone ? { key } : { key, createRevision, modRevision, version: count, lease };
    const inValue = valueBytes > 0 && !tombstone;
    const value = inValue ? VALUE_TAG_BYTES + varintBytes(valueBytes) + valueBytes : 0;
    yield [revisionKey(modRevision, sub, tombstone), WIRE.keyValue.encode(rest).length + value];
  }
}

function* leaseEntries({ leases }: StateContent): Generator<Pair> {
  const sorted = leases
    .map((lease) => ({ lease, key: number64(lease.id) }))
    .sort((a, b) => Buffer.compare(a.key, b.key));
  for (const { lease, key } of sorted) {
    yield [key, WIRE.lease.encode({ ID: lease.id, TTL: lease.ttlSeconds })];
  }
}

/** By hand: ids are numbers larger than JavaScript's are exact. */
function memberJson({ id, name, peerUrls, clientUrls, isLearner }: MemberInfo): string {
  const rest = {
    peerURLs: peerUrls,
    ...(isLearner && { isLearner }),
    name,
    clientURLs: clientUrls,
  };
  return `{"id":${id},${JSON.stringify(rest).slice(1)}`;
}

function confStateJson(members: readonly MemberInfo[]): string {
  const ids = (learners: boolean): string =>
    members
      .filter((m) => m.isLearner === learners)
      .map((m) => m.id)
      .join(',');
  return `{"voters":[${ids(false)}],"learners":[${ids(true)}],"auto_leave":false}`;
}

function metaPairs(content: StateContent, position: AppliedPosition): Pair[] {
  const { compactRevision: compacted } = content;
  const compaction = compacted > 0 ? revisionKey(compacted, 0, false) : undefined;
  return named({
    [META_KEY.appliedIndex]: number64(position.index),
    [META_KEY.term]: number64(position.term),
    [META_KEY.scheduledCompaction]: compaction,
    [META_KEY.finishedCompaction]: compaction,
    [META_KEY.confState]: Buffer.from(confStateJson(position.members)),
    [META_KEY.storageVersion]: Buffer.from(STORAGE_VERSION),
  });
}

function smallBuckets(content: StateContent, position: AppliedPosition): BucketSource[] {
  const { auth, alarms } = content;
  const { alarm, user, role } = WIRE;
  // Encoded into memory of their own: they are all held at once.
  return [
    bucket(
      BUCKET.alarm,
      alarms.map((one): Pair => [alarm.encodeToKeep(one), EMPTY]),
    ),
    bucket(
      BUCKET.auth,
      named({
        [AUTH_KEY.enabled]: Buffer.of(auth.enabled ? 1 : 0),
        [AUTH_KEY.revision]: number64(auth.revision),
      }),
    ),
    bucket(
      BUCKET.authRoles,
      auth.roles.map((one): Pair => [Buffer.from(one.name), role.encodeToKeep(storedRole(one))]),
    ),
    bucket(
      BUCKET.authUsers,
      auth.users.map((one): Pair => [Buffer.from(one.name), user.encodeToKeep(storedUser(one))]),
    ),
    bucket(BUCKET.cluster, []),
    bucket(
      BUCKET.members,
      position.members.map(
        (m): Pair => [Buffer.from(m.id.toString(16)), Buffer.from(memberJson(m))],
      ),
    ),
    bucket(BUCKET.membersRemoved, []),
    bucket(BUCKET.meta, metaPairs(content, position)),
  ];
}

/** The database of this state: its size, and its bytes. The content must not change while they are read. */
export async function exportDatabase(
  content: StateContent,
  position: AppliedPosition,
): Promise<{ totalBytes: number; chunks: AsyncIterable<Uint8Array> }> {
  const versions = await inRevisionOrder(content.versions);
  const buckets: BucketSource[] = [
    ...smallBuckets(content, position),
    {
      name: BUCKET.key,
      entries: () => keyEntries(versions),
      sizes: () => keySizes(versions),
    },
    { name: BUCKET.lease, entries: () => leaseEntries(content) },
  ];
  return writeDatabase(buckets.sort((a, b) => (a.name < b.name ? -1 : 1)));
}
