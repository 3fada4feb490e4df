import type { Metrics } from '@kubets/platform';
import { Counter } from 'prom-client';
import type { AuditParts } from './from-config.ts';

/** The figures of auditing, under the stock names. */
export function auditMetrics(registry: Metrics): AuditParts['metrics'] {
  const registers = [registry];
  const events = new Counter({
    name: 'apiserver_audit_event_total',
    help: 'Audit events written.',
    registers,
  });
  const errors = new Counter({
    name: 'apiserver_audit_error_total',
    help: 'Audit events lost.',
    labelNames: ['plugin'],
    registers,
  });
  return {
    event: () => events.inc(),
    lost: (plugin, count) => errors.inc({ plugin }, count),
  };
}
