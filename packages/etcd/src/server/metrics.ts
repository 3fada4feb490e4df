/** The member's figures for Prometheus, under etcd's names where it has one. */

import type { Metrics } from '@kubets/platform';
import { Gauge, Histogram } from 'prom-client';
import type { Member } from './member.ts';

type Read = (member: Member) => number;

const GAUGES: Readonly<Record<string, readonly [help: string, read: Read]>> = {
  etcd_server_has_leader: ['Whether a leader is known.', (m) => (m.hasLeader ? 1 : 0)],
  etcd_server_is_leader: [
    'Whether this member leads.',
    (m) => (m.parts.consensus.status().leader === m.parts.memberId ? 1 : 0),
  ],
  etcd_server_proposals_pending: ['Writes under way.', (m) => m.parts.proposer.pending],
  etcd_server_proposals_committed_total: [
    'Log entries committed.',
    (m) => Number(m.parts.consensus.status().commitIndex),
  ],
  etcd_server_proposals_applied_total: [
    'Log entries applied.',
    (m) => Number(m.parts.consensus.status().appliedIndex),
  ],
  etcd_server_quota_backend_bytes: ['The space quota.', (m) => m.parts.limits.quotaBytes],
  etcd_mvcc_db_total_size_in_bytes: ['Bytes stored.', (m) => m.parts.state.store.sizeBytes],
  etcd_debugging_mvcc_keys_total: ['Keys known.', (m) => m.parts.state.store.keyCount],
  etcd_debugging_mvcc_current_revision: ['The revision.', (m) => m.parts.state.store.revision],
  etcd_debugging_mvcc_compact_revision: [
    'History up to here is gone.',
    (m) => m.parts.state.store.compactRevision,
  ],
  etcd_debugging_mvcc_watch_stream_total: ['Watch streams.', (m) => m.parts.hub.streamCount],
  etcd_debugging_mvcc_watcher_total: ['Watchers.', (m) => m.parts.hub.watcherCount],
  etcd_debugging_lease_total: ['Leases.', (m) => m.parts.state.lessor.size],
  kubets_etcd_durable_index: [
    'Log index up to which the state is on disk.',
    (m) => Number(m.parts.stateMachine.durableIndex()),
  ],
};

/** Times of the log's syncs: the first thing to look at when writes are slow. @returns takes one, in milliseconds */
export function registerSyncTimes(metrics: Metrics): (durationMs: number) => void {
  const histogram = new Histogram({
    name: 'etcd_disk_wal_fsync_duration_seconds',
    help: 'Time a sync of the log takes.',
    buckets: SYNC_BUCKETS_SECONDS,
    registers: [metrics],
  });
  return (durationMs) => histogram.observe(durationMs / 1000);
}

const SYNC_BUCKETS_SECONDS = Array.from({ length: 14 }, (_, i) => 0.0005 * 2 ** i);

export function registerMetrics(metrics: Metrics, member: Member): void {
  for (const [name, [help, read]] of Object.entries(GAUGES)) {
    new Gauge({
      name,
      help,
      registers: [metrics],
      collect() {
        this.set(read(member));
      },
    });
  }
}
