/** Ready means: a user's first command works. */
import { join } from 'node:path';
import { isNotFound, type Node } from '@kubets/api';
import { ApiClient } from '@kubets/client';
import { delay, errorMessage, loadTls, silentLogger, systemClock } from '@kubets/platform';
import { StartError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { PlanContext } from '../plan/processes.ts';
import { masterNumbers } from '../plan/settings.ts';

const POLL_MS = 150;

export interface WaitUsableOptions {
  readonly plan: PlanContext;
  /** Nodes that have to be Ready. */
  readonly nodes: readonly string[];
  readonly signal: AbortSignal;
}

const isReady = (node: Node): boolean =>
  node.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;

/** An administrator's client to the cluster's own doors. */
export function adminClient(plan: Pick<PlanContext, 'settings' | 'paths'>): ApiClient {
  const { settings, paths } = plan;
  const pem = (file: string): string => join(paths.pki, file);
  return new ApiClient({
    endpoints: masterNumbers(settings).map(
      (n) => `127.0.0.1:${settings.ports[`apiserver-${n}.grpc`]}`,
    ),
    tls: loadTls({ certFile: pem('admin.crt'), keyFile: pem('admin.key'), caFile: pem('ca.crt') }),
    userAgent: 'kubets',
    log: silentLogger,
  });
}

/** What is still missing, or undefined. */
async function missing(client: ApiClient, nodes: readonly string[]): Promise<string | undefined> {
  try {
    // Pods cannot be made before their namespace has its service account.
    await client.resource('v1', 'serviceaccounts').get('default', 'default');
    const found = await client.resource<Node>('v1', 'nodes').list('');
    const ready = new Set(found.items.filter(isReady).map((node) => node.metadata.name));
    const late = nodes.find((name) => !ready.has(name));
    return late === undefined ? undefined : `node ${late} is not Ready`;
  } catch (error) {
    if (isNotFound(error)) return 'the default service account is not there';
    return errorMessage(error);
  }
}

/** @throws StartError that names what did not come about in time */
export async function waitUsable(options: WaitUsableOptions): Promise<void> {
  const { plan, nodes, signal } = options;
  const client = adminClient(plan);
  try {
    const deadlineMs = systemClock.monotonicMs() + limits.readyTimeoutMs;
    for (;;) {
      const what = await missing(client, nodes);
      if (what === undefined) return;
      if (systemClock.monotonicMs() > deadlineMs) {
        throw new StartError(`the cluster runs, but ${what}; see the logs in ${plan.paths.logs}`);
      }
      await delay(POLL_MS, { signal });
    }
  } finally {
    client.close();
  }
}
