/** The flags of auditing, under the stock names. */
import { type ConfigOf, flag } from '@kubets/platform';

export const auditFlags = {
  'audit-policy-file': flag.string({
    default: '',
    help: 'which requests are written down (audit.k8s.io/v1 Policy); none: no audit',
  }),
  'audit-log-path': flag.string({ default: '', help: 'file they are written to; -: stdout' }),
  'audit-log-format': flag.enum({
    values: ['json', 'legacy'],
    default: 'json',
    help: 'a JSON object or a line of text an event',
  }),
  'audit-log-mode': flag.enum({
    values: ['blocking', 'batch', 'blocking-strict'],
    default: 'blocking',
    help: 'whether answers wait until the event is written',
  }),
  'audit-log-maxsize': flag.int({ default: 0, help: 'megabytes of the file; 0: 100' }),
  'audit-log-maxage': flag.int({ default: 0, help: 'days old files are kept; 0: for ever' }),
  'audit-log-maxbackup': flag.int({ default: 0, help: 'old files kept; 0: all' }),
  'audit-log-compress': flag.bool({ help: 'compress old files' }),
  'audit-webhook-config-file': flag.string({
    default: '',
    help: 'kubeconfig of a service that events are sent to',
  }),
  'audit-webhook-mode': flag.enum({
    values: ['batch', 'blocking'],
    default: 'batch',
    help: 'send events in batches, or each by itself; answers wait for neither',
  }),
  'audit-webhook-batch-buffer-size': flag.int({
    default: 10_000,
    min: 1,
    help: 'events that may wait; more are dropped',
  }),
  'audit-webhook-batch-max-size': flag.int({ default: 400, min: 1, help: 'events in a batch' }),
  'audit-webhook-batch-max-wait': flag.durationMs({
    default: '30s',
    help: 'longest wait of an event for its batch',
  }),
} as const;

export type AuditFlags = ConfigOf<typeof auditFlags>;
