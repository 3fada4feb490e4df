/** `/health /livez /readyz /version /metrics` on the client port, as etcd serves them. */

import { type Clock, delay, errorMessage, type Health, type Metrics } from '@kubets/platform';
import { CODE, statusError } from '../errors.ts';
import { ALARM } from '../state/alarms.ts';
import { API_VERSION } from './maintenance-service.ts';
import type { Member } from './member.ts';

export interface HttpOptions {
  readonly member: () => Member | undefined;
  readonly clock: Clock;
  readonly health?: Health;
  readonly metrics?: Metrics;
}

const HEALTH_TIMEOUT_MS = 5_000;

/** Why the member cannot serve; undefined when it can: it has a leader, a quorum, and no alarm. */
export async function unhealthyReason(
  member: Member | undefined,
  clock: Clock,
): Promise<string | undefined> {
  if (member === undefined) return 'starting';
  const { alarms } = member.parts.state;
  if (alarms.has(ALARM.noSpace)) return 'ALARM NOSPACE';
  if (alarms.has(ALARM.corrupt)) return 'ALARM CORRUPT';
  if (!member.hasLeader) return 'RAFT NO LEADER';
  if (!member.published) return 'the cluster does not know this member yet';
  const gaveUp = new AbortController();
  const late = delay(HEALTH_TIMEOUT_MS, { clock, signal: gaveUp.signal }).then(() => {
    throw statusError(CODE.deadlineExceeded, 'no answer from a quorum');
  });
  try {
    await Promise.race([member.linearize(), late]);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  } finally {
    gaveUp.abort();
    late.catch(() => undefined);
  }
}

/** An answer to a plain HTTP request. */
export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const json = (status: number, value: object): Reply => {
  return { status, type: 'application/json', text: `${JSON.stringify(value)}\n` };
};
const plain = (status: number, text: string): Reply => {
  return { status, type: 'text/plain; charset=utf-8', text };
};

async function replyTo(path: string, options: HttpOptions): Promise<Reply> {
  const { member, clock, health, metrics } = options;
  if (path === '/version') {
    return json(200, { etcdserver: API_VERSION, etcdcluster: API_VERSION });
  }
  if (path === '/health') {
    const reason = await unhealthyReason(member(), clock);
    if (reason === undefined) return json(200, { health: 'true', reason: '' });
    return json(503, { health: 'false', reason });
  }
  if (path === '/livez' || path === '/readyz') {
    const report = await health?.report(path === '/livez');
    if (report === undefined || report.ok) return plain(200, 'ok\n');
    return plain(503, `${report.lines.join('\n')}\n`);
  }
  if (path === '/metrics' && metrics !== undefined) {
    return { status: 200, type: metrics.contentType, text: await metrics.metrics() };
  }
  return plain(404, 'not found; gRPC clients must speak HTTP/2\n');
}

/** Answers paths; never rejects. */
export type HttpReplier = (path: string) => Promise<Reply>;

export function httpReplier(options: HttpOptions): HttpReplier {
  return async (target) => {
    const path = target.split('?', 1)[0] ?? '/';
    try {
      return await replyTo(path, options);
    } catch (error) {
      return plain(500, `${errorMessage(error)}\n`);
    }
  };
}
