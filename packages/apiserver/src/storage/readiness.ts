/** Whether the store answers, as the checks `etcd` and `etcd-readiness` of a stock server find it out. */
import type { Clock } from '@kubets/platform';
import type { HealthCheck } from '../discovery/health.ts';

/** @throws Error when work takes longer than it may */
async function within(work: Promise<void>, limitMs: number, clock: Clock): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = clock.setTimeout(
    () => reject(new Error('error getting data from etcd: context deadline exceeded')),
    limitMs,
  );
  try {
    await Promise.race([work, late]);
  } finally {
    timer.cancel();
  }
}

/** @param o.ask rejects while the store cannot be asked */
export function readiness(
  limits: { readonly etcdHealthcheckTimeout: number; readonly etcdReadycheckTimeout: number },
  { ask, clock }: { readonly ask: () => Promise<void>; readonly clock: Clock },
): HealthCheck[] {
  const check = (limitMs: number) => () => within(ask(), limitMs, clock);
  return [
    { name: 'etcd', check: check(limits.etcdHealthcheckTimeout), liveness: true },
    { name: 'etcd-readiness', check: check(limits.etcdReadycheckTimeout) },
  ];
}
