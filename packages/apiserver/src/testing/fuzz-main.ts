/**
 * `npm run fuzz -- [--seed N] [--requests N]`: the long form of the fuzz. Prints the seed first; exits 1 when an answer was
 * wrong or memory grew.
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startApiServer } from '../embedded/start.ts';
import { MemoryStore } from '../storage/memory-store.ts';
import { fuzz } from './fuzz.ts';

const SHOWN = 20;
const REPORT_EVERY = 10_000;
const MIB = 2 ** 20;
/** What caches, compiled code and objects that stay may take between the first report and the end. */
const MAY_GROW_MIB = 64;

const { values } = parseArgs({
  options: { seed: { type: 'string' }, requests: { type: 'string', default: '100000' } },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
process.stdout.write(`seed ${seed}\n`);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const store = new MemoryStore();
const api = await startApiServer({ store });

/** The heap without what the store keeps as history. */
async function heapMib(): Promise<number> {
  await store.compact(await store.currentRevision());
  collect();
  return process.memoryUsage().heapUsed / MIB;
}

const heaps: number[] = [];
const startedMs = performance.now();
const { findings, statuses } = await fuzz(api, {
  seed,
  requests: Number(values.requests),
  async onBatch(sent) {
    if (sent % REPORT_EVERY !== 0) return;
    heaps.push(await heapMib());
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
    process.stdout.write(`${sent} requests, ${seconds} s, heap ${heaps.at(-1)?.toFixed(0)} MiB\n`);
  },
});
await api.stop();

const counts = [...statuses].sort(([a], [b]) => a - b).map(([code, n]) => `${code}: ${n}`);
process.stdout.write(`answers by status: ${counts.join(', ')}\n`);
for (const { request, why } of findings.slice(0, SHOWN)) {
  const body = request.body?.toString('utf8').slice(0, 1_000);
  process.stdout.write(`${why}\n  ${JSON.stringify({ ...request, body })}\n`);
}
const grownMib = (heaps.at(-1) ?? 0) - (heaps[0] ?? 0);
process.stdout.write(`${findings.length} wrong answers, heap grew ${grownMib.toFixed(0)} MiB\n`);
process.exitCode = findings.length > 0 || grownMib > MAY_GROW_MIB ? 1 : 0;
