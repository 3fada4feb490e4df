/** What the heartbeats of many nodes cost: each renews its lease every ten seconds. */
import type { Note } from '../etcd/suite.ts';
import { forEachLimited } from '../runtime/client.ts';
import { everyPeriod, microTimeNow } from '../runtime/pace.ts';
import { RestClient } from '../runtime/rest.ts';
import type { ApiServerConfig } from './config.ts';
import type { ApiRow } from './floors.ts';
import { LEASES_PATH, lease } from './objects.ts';
import type { Server } from './server.ts';

const PERIOD_MS = 10_000;
const CONNECTIONS = 50;
const AT_ONCE = 50;
/** Heartbeats last as long as the cluster: what the first compilations of a young process cost is no part of them. */
const WARM_UP_PERIODS = 4;

interface Lease {
  readonly metadata: { readonly resourceVersion: string };
}

export async function heartbeatsRow(
  server: Server,
  { nodes, rounds }: ApiServerConfig,
  note: Note,
): Promise<ApiRow> {
  const access = { url: server.url, token: server.token };
  const clients = Array.from({ length: CONNECTIONS }, () => new RestClient(access));
  const versions: string[] = [];
  let notOk = 0;
  const renew = async (index: number): Promise<void> => {
    const client = clients[index % CONNECTIONS] ?? server.client;
    const name = `bench-node-${index}`;
    const body = lease(name, microTimeNow(), versions[index]);
    const { status, body: answer } = await client.ask('PUT', `${LEASES_PATH}/${name}`, body);
    if (status === 200) versions[index] = versionIn(answer);
    else notOk += 1;
  };
  try {
    note(`making ${nodes} leases`);
    const all = Array.from({ length: nodes }, (_, i) => i);
    await forEachLimited(all, AT_ONCE, async (index) => {
      const name = `bench-node-${index}`;
      await server.client.json('POST', LEASES_PATH, lease(name, microTimeNow()), [409]);
      const made = await server.client.json<Lease>('GET', `${LEASES_PATH}/${name}`);
      versions[index] = made.metadata.resourceVersion;
    });
    const renewFor = (periods: number): Promise<void> =>
      everyPeriod({ count: nodes, periodMs: PERIOD_MS, forMs: periods * PERIOD_MS }, renew);
    note(`renewing each ${WARM_UP_PERIODS} times, which does not count`);
    await renewFor(WARM_UP_PERIODS);
    const samples: { value: number; notOk: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      notOk = 0;
      const [cpu, startedMs] = [await server.cpuSeconds(), performance.now()];
      await renewFor(1);
      const seconds = (performance.now() - startedMs) / 1_000;
      const value = (((await server.cpuSeconds()) - cpu) / seconds) * 100;
      note(`${nodes} heartbeats in ${seconds.toFixed(1)} s: ${value.toFixed(1)} % of a core`);
      samples.push({ value, notOk });
    }
    const floor = { of: 'value', direction: 'at most', bound: 15 } as const;
    const work = `${nodes} node heartbeats`;
    return { name: 'heartbeats', work, unit: '% of a core', samples, yardstick: [], floor };
  } finally {
    for (const client of clients) client.close();
  }
}

const versionIn = (answer: Buffer): string =>
  (JSON.parse(answer.toString('utf8')) as Lease).metadata.resourceVersion;
