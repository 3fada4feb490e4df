/**
 * What clients do while members fail: registers, a set, a bank, locks, leases. All of it over few keys, so that clients meet.
 * A client talks to one member at a time; when that member does not answer, its next request, a new one, goes to another.
 */
import type { Outcome, Request, Step } from '@kubets/etcd/testing';
import { delay, type Random } from '@kubets/platform';
import { ChaosError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { CallFailed, EtcdCaller } from './etcd-caller.ts';
import type { Recorder } from './recorder.ts';

const REGISTERS = 5;
const ELEMENTS = 12;
const ACCOUNTS = 6;
const BALANCE = 100;
const LOCKS = 2;
/** The shortest lease a stock etcd grants with default settings. */
const TTL_SECONDS = 2;
const PAUSE_MS = 15;
const LEASE_PAUSE_MS = 300;

/** What the bank holds in all. */
export const BANK_TOTAL = ACCOUNTS * BALANCE;
const account = (n: number): string => `bank/${n}`;

export interface WorkloadOptions {
  readonly urls: readonly string[];
  readonly recorder: Recorder;
  readonly random: Random;
  /** Leases of two clients must differ, and from those of other runs against the same store. */
  readonly firstLease: bigint;
}

type Client = (caller: () => EtcdCaller) => Promise<boolean>;

export class EtcdWorkloads {
  readonly #options: WorkloadOptions;
  readonly #callers = new Set<EtcdCaller>();
  #loops: Promise<void>[] = [];
  #stopped = false;
  #resumed: Promise<void> = Promise.resolve();
  #resume: () => void = () => undefined;
  #values = 0;
  #leases = 0n;

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  /** The accounts' first balances. @throws ChaosError when the store does not take them */
  async prepare(): Promise<void> {
    const { recorder, urls } = this.#options;
    const caller = this.#caller(urls[0] ?? '');
    const puts = Array.from({ length: ACCOUNTS }, (_, n) => put(account(n), String(BALANCE)));
    const request: Request = { type: 'txn', compare: [], success: puts, failure: [] };
    const giveUpMs = performance.now() + LIMITS.readyMs;
    // Several of these do no harm: nobody has transferred anything yet.
    while ((await recorder.perform(caller, request)).type !== 'ok') {
      if (performance.now() > giveUpMs) throw new ChaosError('the first write is not taken');
      await delay(PAUSE_MS);
    }
  }

  start(): void {
    const { urls } = this.#options;
    // Readers stay with their member, whatever becomes of it: who is cut off or comes back must not tell them the past.
    for (const url of urls) this.#pinned(url);
    const roaming = [this.#register, this.#register, this.#set, this.#transfer, this.#audit];
    for (const client of roaming) this.#roam(client.bind(this), PAUSE_MS);
    this.#roam((caller) => this.#lock(caller), PAUSE_MS);
    this.#roam((caller) => this.#lock(caller), PAUSE_MS);
    for (let n = 0; n < 2; n += 1) this.#roam((caller) => this.#lease(caller), LEASE_PAUSE_MS);
    for (const url of urls) this.#probe(url);
  }

  /** No new requests until `resume`. */
  pause(): void {
    this.#resumed = new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#resume();
  }

  /** A client's pause between its requests, or longer while the traffic rests. */
  async #rest(ms: number): Promise<void> {
    await delay(ms);
    await this.#resumed;
  }

  /** No new requests; those under way come to their end. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.resume();
    await Promise.all(this.#loops);
    this.#loops = [];
    for (const caller of this.#callers) caller.close();
  }

  #caller(url: string): EtcdCaller {
    const caller = new EtcdCaller(url);
    this.#callers.add(caller);
    return caller;
  }

  #value(): string {
    this.#values += 1;
    return `v${this.#values}`;
  }

  #pinned(url: string): void {
    const { recorder, random } = this.#options;
    const caller = this.#caller(url);
    const loop = async (): Promise<void> => {
      while (!this.#stopped) {
        const key = `reg/${random.int(REGISTERS)}`;
        await recorder.perform(caller, get(key));
        await this.#rest(PAUSE_MS);
      }
    };
    // Several requests are under way at a time: those that lie in a stopped member's socket are answered first when it goes on.
    this.#loops.push(loop(), loop());
  }

  /** Writes all the time, with a short patience: measures how long nothing can be written. */
  #probe(url: string): void {
    const { recorder } = this.#options;
    const caller = this.#caller(url);
    const key = `probe/${this.#options.urls.indexOf(url)}`;
    const loop = async (): Promise<void> => {
      while (!this.#stopped) {
        const options = { timeoutMs: LIMITS.probeMs };
        await recorder.perform(caller, put(key, this.#value()), options);
        await this.#rest(LIMITS.probePauseMs);
      }
    };
    this.#loops.push(loop());
  }

  /** Runs a client again and again; after a request that was not answered it goes on with the next member. */
  #roam(client: Client, pauseMs: number): void {
    const { urls, random } = this.#options;
    const callers = urls.map((url) => this.#caller(url));
    let at = random.int(urls.length);
    const current = (): EtcdCaller => callers[at % callers.length] as EtcdCaller;
    const loop = async (): Promise<void> => {
      while (!this.#stopped) {
        const went = await client(current);
        if (!went) at += 1;
        await this.#rest(pauseMs);
      }
    };
    this.#loops.push(loop());
  }

  async #do(caller: EtcdCaller, request: Request): Promise<Outcome> {
    return this.#options.recorder.perform(caller, request);
  }

  /** Puts, reads, reads of the past, deletes, compare-and-set. */
  async #register(caller: () => EtcdCaller): Promise<boolean> {
    const { random, recorder } = this.#options;
    const key = `reg/${random.int(REGISTERS)}`;
    const dice = random.int(10);
    if (dice < 3) return went(await this.#do(caller(), put(key, this.#value(), dice === 0)));
    if (dice === 3) {
      return went(await this.#do(caller(), { type: 'delete', key, end: '', prevKv: true }));
    }
    if (dice === 4) {
      const revision = Math.max(1, recorder.newest - random.int(50));
      return went(await this.#do(caller(), { type: 'range', key, end: '', revision }));
    }
    const read = await this.#do(caller(), get(key));
    if (read.type !== 'ok' || read.result.type !== 'range' || dice < 8) return went(read);
    const mod = read.result.kvs[0]?.mod ?? 0;
    const request: Request = {
      type: 'txn',
      compare: [{ key, target: 'mod', result: '=', operand: mod }],
      success: [put(key, this.#value())],
      failure: [get(key)],
    };
    return went(await this.#do(caller(), request));
  }

  /** Elements come and go; reads see the whole set. */
  async #set(caller: () => EtcdCaller): Promise<boolean> {
    const { random } = this.#options;
    const key = `set/${String(random.int(ELEMENTS)).padStart(2, '0')}`;
    const dice = random.int(6);
    if (dice < 3) return went(await this.#do(caller(), put(key, this.#value())));
    if (dice === 3) {
      const request: Request = { type: 'delete', key, end: 'set/99', prevKv: true };
      return went(await this.#do(caller(), request));
    }
    return went(await this.#do(caller(), all('set/', 'set0')));
  }

  /** Money goes from one account to another, in one transaction, if neither has changed since they were read. */
  async #transfer(caller: () => EtcdCaller): Promise<boolean> {
    const { random } = this.#options;
    const read = await this.#do(caller(), all('bank/', 'bank0'));
    if (read.type !== 'ok' || read.result.type !== 'range') return went(read);
    const from = random.int(ACCOUNTS);
    const to = (from + 1 + random.int(ACCOUNTS - 1)) % ACCOUNTS;
    const find = (n: number) =>
      read.result.type === 'range'
        ? read.result.kvs.find((kv) => kv.key === account(n))
        : undefined;
    const [payer, payee] = [find(from), find(to)];
    if (payer === undefined || payee === undefined) return true;
    const amount = 1 + random.int(10);
    const request: Request = {
      type: 'txn',
      compare: [payer, payee].map(({ key, mod }) => ({
        ...{ key, target: 'mod' as const, result: '=' as const, operand: mod },
      })),
      success: [
        put(payer.key, String(Number(payer.value) - amount)),
        put(payee.key, String(Number(payee.value) + amount)),
      ],
      failure: [],
    };
    return went(await this.#do(caller(), request));
  }

  async #audit(caller: () => EtcdCaller): Promise<boolean> {
    return went(await this.#do(caller(), all('bank/', 'bank0')));
  }

  #newLease(): bigint {
    this.#leases += 1n;
    return this.#options.firstLease + this.#leases;
  }

  /** @returns the lease, or undefined when nobody knows whether there is one */
  async #grant(caller: EtcdCaller, keys: readonly string[]) {
    const id = this.#newLease();
    const renewedMs = performance.now();
    const granted = await caller.grant(id, TTL_SECONDS).catch(ignoreFailed);
    if (granted === undefined) return undefined;
    const ttlMs = Number(granted.TTL) * 1_000;
    const record = { lease: String(id), ttlMs, renewedMs, revoked: false, keys };
    this.#options.recorder.leases.push(record);
    return record;
  }

  /** A lock: its key is there as long as the lease of its holder. Who holds it counts, and nobody else does. */
  async #lock(caller: () => EtcdCaller): Promise<boolean> {
    const name = `lock/${this.#options.random.int(LOCKS)}`;
    const counter = `count/${name.slice(5)}`;
    const lease = await this.#grant(caller(), [name]);
    if (lease === undefined) return false;
    const holder = `${name} by ${lease.lease}`;
    const took = await this.#do(caller(), {
      type: 'txn',
      compare: [{ key: name, target: 'create', result: '=', operand: 0 }],
      success: [{ type: 'put', key: name, value: holder, lease: lease.lease, prevKv: false }],
      failure: [get(name)],
    });
    const mine = took.type === 'ok' && took.result.type === 'txn' && took.result.succeeded;
    if (mine) {
      const read = await this.#do(caller(), get(counter));
      if (read.type === 'ok' && read.result.type === 'range') {
        const next = Number(read.result.kvs[0]?.value ?? 0) + 1;
        await this.#do(caller(), {
          type: 'txn',
          compare: [{ key: name, target: 'value', result: '=', operand: holder }],
          success: [put(counter, String(next))],
          failure: [],
        });
      }
    }
    // The lock is given back by ending the lease. Without an answer it ends by itself.
    lease.revoked = true;
    return went(await this.#do(caller(), { type: 'revoke', lease: lease.lease }));
  }

  /** A lease with a key, renewed some times, then left to end. */
  async #lease(caller: () => EtcdCaller): Promise<boolean> {
    const key = `lease/${this.#options.random.int(4)}`;
    const lease = await this.#grant(caller(), [key]);
    if (lease === undefined) return false;
    const request = { ...put(key, this.#value()), lease: lease.lease };
    const outcome = await this.#do(caller(), request);
    for (let n = this.#options.random.int(3); n > 0 && !this.#stopped; n -= 1) {
      await delay(LEASE_PAUSE_MS);
      const askedMs = performance.now();
      const ttl = await caller().keepAlive(BigInt(lease.lease)).catch(ignoreFailed);
      if (ttl === undefined) return false;
      if (ttl === 0) break;
      lease.renewedMs = askedMs;
    }
    return went(outcome);
  }
}

function ignoreFailed(error: unknown): undefined {
  if (error instanceof CallFailed) return undefined;
  throw error;
}

/** Whether the member answered: only then is it worth asking it again. */
const went = (outcome: Outcome): boolean =>
  outcome.type === 'ok' || (outcome.type === 'refused' && outcome.why !== 'not sent');

const put = (key: string, value: string, prevKv = false) =>
  ({ type: 'put', key, value, lease: '0', prevKv }) as const satisfies Step;
const get = (key: string) => all(key, '');
const all = (key: string, end: string) =>
  ({ type: 'range', key, end, revision: 0 }) as const satisfies Step;
