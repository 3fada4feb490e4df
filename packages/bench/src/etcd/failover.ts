/** How long nobody can write after the leader's process was killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../runtime/client.ts';
import type { Cluster } from '../runtime/cluster.ts';
import type { Row } from '../table.ts';
import { put } from './requests.ts';
import { interleave, type Note } from './suite.ts';

const TRY_EVERY_MS = 5;
const PATIENCE_MS = 300;
const GIVE_UP_MS = 30_000;

/** Resolves with the time at which a write was acknowledged, tried every few milliseconds at each survivor. */
async function firstWrite(endpoints: readonly string[]): Promise<number> {
  const clients = endpoints.map((endpoint) => new Client(endpoint));
  const stopAtMs = performance.now() + GIVE_UP_MS;
  let doneMs = Number.NaN;
  const tries: Promise<void>[] = [];
  while (Number.isNaN(doneMs) && performance.now() < stopAtMs) {
    for (const client of clients) {
      const attempt = client.call(put(), PATIENCE_MS).then(
        () => {
          if (Number.isNaN(doneMs)) doneMs = performance.now();
        },
        // Nobody leads yet: the next try may find somebody.
        () => undefined,
      );
      tries.push(attempt);
    }
    await sleep(TRY_EVERY_MS);
  }
  await Promise.all(tries);
  for (const client of clients) client.close();
  return doneMs;
}

export async function failoverRow(
  clusters: readonly Cluster[],
  rounds: number,
  note: Note,
): Promise<Row> {
  const samples = await interleave(clusters, rounds, async (cluster) => {
    const leader = await cluster.leader();
    const killedMs = performance.now();
    const killed = cluster.end(leader, 'SIGKILL');
    const doneMs = await firstWrite(cluster.endpoints.filter((endpoint) => endpoint !== leader));
    await killed;
    await cluster.restart(leader);
    note(`${cluster.side} failover: ${Math.round(doneMs - killedMs)} ms`);
    return { value: doneMs - killedMs };
  });
  return { work: 'SIGKILL of the leader to the next write', unit: 'ms', goal: 0.35, ...samples };
}
