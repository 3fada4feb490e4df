/** Ends the leading processes of an own cluster, without warning, while it works. */
import { delay } from '@kubets/platform';
import type { OwnCluster } from '../runtime/own-cluster.ts';
import { endProcess, readMetrics } from '../runtime/own-cluster.ts';
import { SYSTEM_NAMESPACE } from './objects.ts';
import type { RunContext } from './run-context.ts';

/** Time to get into the swing before, and to get over it after each. */
const BEFORE_MS = 10_000;
const BETWEEN_MS = 20_000;

async function storeLeader(cluster: OwnCluster): Promise<string | undefined> {
  for (const { name, role, health } of cluster.processes()) {
    if (role !== 'etcd' || health === undefined) continue;
    const metrics = await readMetrics(health).catch(() => '');
    if (/^etcd_server_is_leader 1$/m.test(metrics)) return name;
  }
  return undefined;
}

/** Who holds a component's lease. */
async function holder({ requests }: RunContext, component: string): Promise<string | undefined> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM_NAMESPACE}/leases/${component}`;
  const found = await requests.sure({ verb: 'GET', path });
  return (found.spec as { holderIdentity?: string }).holderIdentity;
}

/** @returns what was ended, and how long no write was answered */
export async function killLeaders(ctx: RunContext, cluster: OwnCluster): Promise<string> {
  const { clock, signal, probe, measure } = ctx;
  const outagesBefore = probe.outages.length;
  const killed: string[] = [];
  const end = (name: string | undefined): void => {
    const found = cluster.processes().find((one) => one.name === name);
    if (found?.pid === undefined) return;
    endProcess(found.pid);
    killed.push(found.name);
  };
  await delay(BEFORE_MS, { clock, signal });
  end(await storeLeader(cluster));
  await delay(BETWEEN_MS, { clock, signal });
  end(await holder(ctx, 'kube-scheduler'));
  end(await holder(ctx, 'kube-controller-manager'));
  await delay(BETWEEN_MS, { clock, signal });
  const outages = probe.outages.slice(outagesBefore).map(({ fromMs, toMs }) => toMs - fromMs);
  const longest = Math.max(0, ...outages);
  measure.figures['longest time without an answered write, ms (less is better)'] = longest;
  return `killed ${killed.join(', ')} under churn; longest time without an answered write ${Math.round(longest)} ms`;
}
