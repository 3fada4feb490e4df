/** The processes of hollow nodes, as their parent sees them. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { BenchError } from '../errors.ts';
import type { ToWorker, WorkerOrders, WorkerReport } from './ports.ts';

const WORKER = join(import.meta.dirname, 'worker-main.ts');
const HEAP_MIB = 3_072;

export interface FleetPlan {
  readonly nodes: number;
  readonly nodesAProcess: number;
  readonly orders: Omit<WorkerOrders, 'first' | 'count'>;
  readonly onReport: (worker: string, report: WorkerReport) => void;
}

interface Worker {
  readonly name: string;
  readonly child: ChildProcess;
  report: WorkerReport | undefined;
}

export class Fleet {
  readonly #workers: Worker[] = [];
  #fault: string | undefined;
  #stopping = false;

  start({ nodes, nodesAProcess, orders, onReport }: FleetPlan): void {
    const processes = Math.ceil(nodes / nodesAProcess);
    for (let at = 0; at < processes; at += 1) {
      const first = Math.floor((nodes * at) / processes);
      const count = Math.floor((nodes * (at + 1)) / processes) - first;
      const child = fork(WORKER, [], {
        execArgv: [`--max-old-space-size=${HEAP_MIB}`, '--max-semi-space-size=32'],
        serialization: 'json',
      });
      const worker: Worker = { name: `hollow-nodes-${at + 1}`, child, report: undefined };
      this.#workers.push(worker);
      child.on('message', (report: WorkerReport) => {
        worker.report = report;
        onReport(worker.name, report);
      });
      child.on('exit', (code, signal) => {
        if (!this.#stopping) this.#fault = `${worker.name} ended (${signal ?? code})`;
      });
      this.#tell(worker, { kind: 'start', orders: { ...orders, first, count } });
    }
  }

  /** @throws BenchError when one of them is gone */
  sum(read: (report: WorkerReport) => number): number {
    if (this.#fault !== undefined) throw new BenchError(this.#fault);
    return this.#workers.reduce(
      (total, { report }) => total + (report === undefined ? 0 : read(report)),
      0,
    );
  }

  get processes(): readonly { name: string; pid: number | undefined }[] {
    return this.#workers.map(({ name, child }) => ({ name, pid: child.pid }));
  }

  /** Takes all nodes out of the API. */
  drain(): void {
    for (const worker of this.#workers) this.#tell(worker, { kind: 'drain' });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const ended = this.#workers.map(
      ({ child }) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) resolve();
          else child.once('exit', () => resolve());
        }),
    );
    for (const worker of this.#workers) this.#tell(worker, { kind: 'stop' });
    await Promise.all(ended);
  }

  #tell({ child }: Worker, message: ToWorker): void {
    // A process that ended a moment ago is noticed by its exit.
    if (child.connected) child.send(message, () => undefined);
  }
}
