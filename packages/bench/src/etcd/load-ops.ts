/** Throughput and latency of single requests. */
import type { Shape } from '../h2load.ts';
import { Client } from '../runtime/client.ts';
import { runLoad } from '../runtime/load.ts';
import type { Row, Sample } from '../table.ts';
import { bytesIn, numberIn } from '../wire.ts';
import { put, type Request, range } from './requests.ts';
import { interleave, type Note, type Target } from './suite.ts';

export type LoadOp = 'put' | 'range' | 'range-serializable';

const REQUESTS: Readonly<Record<LoadOp, Request>> = {
  put: put(),
  range: range(),
  'range-serializable': range({ serializable: true }),
};
/** What is to be reached: puts as fast as stock members and answered no later, reads at 0.7 times their rate. */
const GOALS: Readonly<Record<LoadOp, number>> = { put: 1, range: 0.7, 'range-serializable': 0.7 };
const WARM_UP_SECONDS = 1;
/** Answers cut off at the end of a run may be counted without their body, or the reverse. */
const SLACK = 0.02;

async function revisionOf(client: Client): Promise<number> {
  return numberIn(bytesIn(await client.call(range()), 1), 3);
}

/** One run. What h2load takes for a success is checked against the revision, or against the bytes that came. */
async function runOnce(target: Target, op: LoadOp, shape: Shape, seconds: number): Promise<Sample> {
  const client = new Client(target.endpoint);
  try {
    const answerBytes = (await client.call(REQUESTS[op])).length;
    const before = await revisionOf(client);
    const cpuBefore = target.cpuSeconds?.() ?? Number.NaN;
    const load = await runLoad(target.endpoint, REQUESTS[op], shape, seconds);
    const cpuSeconds = (target.cpuSeconds?.() ?? Number.NaN) - cpuBefore;
    const grown = (await revisionOf(client)) - before;
    const proven = op === 'put' ? grown : load.bodyBytes / answerBytes;
    const missing = Math.max(0, Math.ceil(load.ok * (1 - SLACK) - proven));
    // The warm-up is not in the count of requests, but in the time.
    const cpuUs = (cpuSeconds * 1e6) / (load.ok * (1 + WARM_UP_SECONDS / seconds));
    return { value: load.perSecond, p99Ms: load.p99Ms, cpuUs, notOk: load.notOk + missing };
  } finally {
    client.close();
  }
}

export interface LoadPlan {
  readonly ops: readonly LoadOp[];
  readonly shapes: readonly Shape[];
  readonly rounds: number;
  readonly seconds: number;
}

/** Every operation in every shape. */
export async function loadRows(
  targets: readonly Target[],
  plan: LoadPlan,
  note: Note,
): Promise<Row[]> {
  for (const { endpoint } of targets) {
    const client = new Client(endpoint);
    await client.call(put());
    client.close();
  }
  const rows: Row[] = [];
  for (const op of plan.ops) {
    for (const shape of plan.shapes) {
      const work = `${op} ${shape.clients}x${shape.streams}`;
      const samples = await interleave(targets, plan.rounds, async (target) => {
        const sample = await runOnce(target, op, shape, plan.seconds);
        note(
          `${target.side} ${work}: ${Math.round(sample.value)}/s, p99 ${sample.p99Ms} ms, ${sample.cpuUs?.toFixed(1)} µs`,
        );
        return sample;
      });
      const p99Counts = op === 'put' && shape.clients * shape.streams > 1;
      rows.push({ work, unit: 'per second', goal: GOALS[op], p99Counts, ...samples });
    }
  }
  return rows;
}
