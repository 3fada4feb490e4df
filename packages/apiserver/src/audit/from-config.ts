/** Auditing as the flags describe it; without a policy there is none, and requests pay nothing for it. */
import { internal } from '@kubets/api';
import { type Clock, ConfigError, errorMessage, type Logger } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import { OutboundClient } from '../outbound/http.ts';
import { loadKubeconfig } from '../outbound/kubeconfig.ts';
import { askWithRetries } from '../outbound/retries.ts';
import { type AuditBackend, type AuditMetrics, Auditor } from './auditor.ts';
import { BatchBackend } from './batch.ts';
import type { AuditFlags } from './flags.ts';
import { LogFile, lineOf } from './log-file.ts';
import { loadAuditPolicy } from './policy.ts';
import type { AuditEvent } from './record.ts';

export interface AuditParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: AuditMetrics & { lost(plugin: string, count: number): void };
}

/** @returns undefined when nothing is to be written down. @throws ConfigError */
export function auditorOf(flags: AuditFlags, parts: AuditParts): Auditor | undefined {
  const { auditPolicyFile, auditLogPath, auditWebhookConfigFile } = flags;
  const backends: AuditBackend[] = [];
  if (auditPolicyFile === '') {
    if (auditLogPath !== '' || auditWebhookConfigFile !== '') {
      parts.log.warn({}, 'nothing is audited: there is no --audit-policy-file');
    }
    return undefined;
  }
  const policy = loadAuditPolicy(auditPolicyFile);
  if (auditLogPath !== '') backends.push(logBackend(flags, parts));
  if (auditWebhookConfigFile !== '') backends.push(webhookBackend(flags, parts));
  if (backends.length === 0) {
    const choices = '--audit-log-path or --audit-webhook-config-file';
    throw new ConfigError(`--audit-policy-file needs a place to write to: ${choices}`);
  }
  const { clock, metrics } = parts;
  return new Auditor({ policy, backends, clock, metrics });
}

function logBackend(flags: AuditFlags, parts: AuditParts): AuditBackend {
  const { clock } = parts;
  const format = flags.auditLogFormat;
  const name = 'log';
  const onLost = lossOf(name, parts);
  const file = new LogFile({
    path: flags.auditLogPath,
    maxMegabytes: flags.auditLogMaxsize,
    maxAgeDays: flags.auditLogMaxage,
    maxBackups: flags.auditLogMaxbackup,
    compress: flags.auditLogCompress,
    clock,
  });
  const text = (events: readonly AuditEvent[]): string =>
    events.map((event) => lineOf(event, format)).join('');
  if (flags.auditLogMode === 'batch') {
    return new BatchBackend({
      ...{ name, onLost, clock },
      bufferSize: LIMITS.auditBufferEvents,
      maxBatchSize: LIMITS.auditLogBatchEvents,
      maxWaitMs: LIMITS.auditLogWaitMs,
      send: async (events) => file.append(text(events)),
    });
  }
  const isStrict = flags.auditLogMode === 'blocking-strict';
  return {
    name,
    write(event) {
      try {
        file.append(text([event]));
      } catch (error) {
        onLost(1, error);
        // What must be written down, or not happen at all, does not happen.
        if (isStrict && event.stage === 'RequestReceived') {
          throw internal(`the audit log cannot be written: ${errorMessage(error)}`);
        }
      }
    },
    async close() {
      file.close();
    },
  };
}

function webhookBackend(flags: AuditFlags, parts: AuditParts): AuditBackend {
  const { clock } = parts;
  const name = 'webhook';
  const target = loadKubeconfig('--audit-webhook-config-file', flags.auditWebhookConfigFile);
  const client = new OutboundClient(target, clock);
  const timeoutMs = LIMITS.auditWebhookTimeoutMs;
  return new BatchBackend({
    ...{ name, clock, onLost: lossOf(name, parts) },
    bufferSize: flags.auditWebhookBatchBufferSize,
    maxBatchSize: flags.auditWebhookMode === 'batch' ? flags.auditWebhookBatchMaxSize : 1,
    maxWaitMs: flags.auditWebhookBatchMaxWait,
    async send(items) {
      const head = { kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {} };
      const body = JSON.stringify({ ...head, items });
      await askWithRetries(client, { method: 'POST', body, timeoutMs }, clock);
    },
  });
}

function lossOf(plugin: string, { log, metrics }: AuditParts) {
  return (count: number, error?: unknown): void => {
    metrics.lost(plugin, count);
    if (error !== undefined) log.error({ plugin, count, err: error }, 'audit events were lost');
  };
}
