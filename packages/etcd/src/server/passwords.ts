/** Passwords and their bcrypt hashes. The work is done by a thread that is there only while there is some. */

import { Worker } from 'node:worker_threads';
import { type Clock, invariant, type Timer } from '@kubets/platform';
import { etcdError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

export type PasswordJob =
  | { readonly id: number; readonly type: 'hash'; readonly password: string; readonly cost: number }
  | {
      readonly id: number;
      readonly type: 'compare';
      readonly password: string;
      readonly hash: string;
    };

export interface PasswordAnswer {
  readonly id: number;
  readonly result: string | boolean;
}

interface Waiting {
  resolve(result: string | boolean): void;
  reject(error: Error): void;
}

const SCRIPT = new URL('./runtime/password-main.ts', import.meta.url);

export class Passwords {
  private readonly clock: Clock;
  private readonly cost: number;
  private readonly waiting = new Map<number, Waiting>();
  private worker: Worker | undefined;
  private idle: Timer | undefined;
  private nextId = 1;

  /** @param cost bcrypt's: each step doubles the work */
  constructor(clock: Clock, cost: number) {
    this.clock = clock;
    this.cost = cost;
  }

  async hash(password: string): Promise<string> {
    const result = await this.run({ id: this.nextId++, type: 'hash', password, cost: this.cost });
    invariant(typeof result === 'string', 'a password hashes to text');
    return result;
  }

  /** False too for a hash that is none. */
  async matches(password: string, hash: string): Promise<boolean> {
    return (await this.run({ id: this.nextId++, type: 'compare', password, hash })) === true;
  }

  private run(job: PasswordJob): Promise<string | boolean> {
    if (this.waiting.size >= LIMITS.passwordsWaiting) {
      return Promise.reject(etcdError('tooManyRequests'));
    }
    this.idle?.cancel();
    this.worker ??= this.start();
    const { worker } = this;
    return new Promise((resolve, reject) => {
      this.waiting.set(job.id, { resolve, reject });
      worker.postMessage(job);
    });
  }

  private start(): Worker {
    const worker = new Worker(SCRIPT);
    worker.unref();
    worker.on('message', ({ id, result }: PasswordAnswer) => {
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if (this.waiting.size === 0) this.restLater();
      waiting?.resolve(result);
    });
    worker.on('error', (error) => this.fail(worker, error));
    return worker;
  }

  private restLater(): void {
    this.idle?.cancel();
    this.idle = this.clock.setTimeout(() => void this.close(), LIMITS.passwordThreadIdleMs);
  }

  private fail(worker: Worker, error: Error): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    for (const waiting of this.waiting.values()) waiting.reject(error);
    this.waiting.clear();
  }

  /** Ends the thread; it starts again when needed. */
  async close(): Promise<void> {
    this.idle?.cancel();
    const { worker } = this;
    if (worker === undefined) return;
    this.fail(worker, etcdError('stopped'));
    await worker.terminate();
  }
}
