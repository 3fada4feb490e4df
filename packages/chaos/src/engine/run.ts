/**
 * A run: traffic begins, the plan's faults are made one after the other, each undone and overcome before the next; then the traffic
 * ends, watchers and leases come to their end, and the history is complete.
 */
import { delay, errorMessage, type Random } from '@kubets/platform';
import { ChaosError } from '../errors.ts';
import { makeFault, waitRecovered } from '../faults/faults.ts';
import { lastWords, waitServing } from '../faults/recovery.ts';
import { isLeased } from '../history/judge.ts';
import type { History, RunFacts } from '../history/records.ts';
import { LIMITS } from '../limits.ts';
import type { FaultRecord, PlannedFault, Target } from '../ports.ts';
import { CallFailed, EtcdCaller } from '../workload/etcd-caller.ts';
import { BANK_TOTAL, EtcdWorkloads } from '../workload/etcd-workloads.ts';
import { Recorder } from '../workload/recorder.ts';
import { Watchers } from '../workload/watchers.ts';
import { LeaderWatch } from './leader-watch.ts';

export interface RunOptions {
  readonly target: Target;
  readonly plan: readonly PlannedFault[];
  readonly facts: Omit<RunFacts, 'startedMs' | 'endedMs' | 'target' | 'members' | 'idle'>;
  readonly random: Random;
  /** Ends the run early, in order: what there is so far is the history. */
  readonly signal: AbortSignal;
  readonly onFault: (record: FaultRecord) => void;
}

const LOOK_MS = 5;
const WARM_UP_MS = 300;

export class Run {
  readonly #options: RunOptions;
  readonly #recorder = new Recorder();
  readonly #workloads: EtcdWorkloads;
  readonly #watchers: Watchers;
  readonly #leaders: LeaderWatch;
  readonly #faults: FaultRecord[] = [];
  readonly #complaints: string[] = [];
  readonly #idle: (readonly [number, number])[] = [];
  #pausedMs: number | undefined;
  readonly #startedMs: number;
  /** The first acknowledged write begun after the newest fault. */
  #faultMs = Number.POSITIVE_INFINITY;
  #firstWriteMs = 0;

  private constructor(options: RunOptions) {
    this.#options = options;
    const { target, random } = options;
    const urls = target.members.map((one) => one.clientUrl);
    this.#startedMs = performance.now();
    const firstLease = 1_000_000n;
    this.#workloads = new EtcdWorkloads({ urls, random, recorder: this.#recorder, firstLease });
    this.#watchers = new Watchers(urls, this.#recorder, 1);
    this.#leaders = new LeaderWatch(target.members);
    this.#recorder.onWrite = (begunMs, endedMs) => {
      if (begunMs >= this.#faultMs && this.#firstWriteMs === 0) this.#firstWriteMs = endedMs;
    };
  }

  /** Waits for the members, and begins with the traffic. @throws ChaosError when they do not serve */
  static async begin(options: RunOptions): Promise<Run> {
    for (const { name } of options.target.members) {
      await waitServing(options.target, name, LIMITS.readyMs);
    }
    const run = new Run(options);
    await run.#workloads.prepare();
    run.#workloads.start();
    await delay(WARM_UP_MS);
    return run;
  }

  get faults(): readonly FaultRecord[] {
    return this.#faults;
  }

  /** Makes the plan's next faults, so many of them. @returns whether there are more to come */
  async step(count: number): Promise<boolean> {
    const { plan, signal } = this.#options;
    for (let n = 0; n < count; n += 1) {
      const planned = plan[this.#faults.length];
      if (planned === undefined || signal.aborted || this.#complaints.length > 0) return false;
      try {
        await this.#make(planned);
      } catch (error) {
        // The cluster does not overcome the fault: that is a finding, and the end of the run.
        if (!(error instanceof ChaosError)) throw error;
        this.#complaints.push(`after ${planned.kind}: ${errorMessage(error)}`);
        return false;
      }
    }
    return this.#faults.length < plan.length;
  }

  /** The traffic rests while another run has its turn. */
  pause(): void {
    this.#workloads.pause();
    this.#pausedMs ??= performance.now();
  }

  resume(): void {
    if (this.#pausedMs !== undefined) this.#idle.push([this.#pausedMs, performance.now()]);
    this.#pausedMs = undefined;
    this.#workloads.resume();
  }

  async #victim({ victim, dice }: PlannedFault): Promise<{ member: string; leads: boolean }> {
    const names = this.#options.target.members.map(({ name }) => name);
    const leader = await this.#leaders.wait(LIMITS.progressMs);
    if (leader === undefined) throw new ChaosError('nobody leads although all members run');
    if (victim === 'leader') return { member: leader, leads: true };
    const possible = victim === 'any' ? names : names.filter((name) => name !== leader);
    const member = possible[Math.floor(dice * possible.length)] ?? leader;
    return { member, leads: member === leader };
  }

  async #make(planned: PlannedFault): Promise<void> {
    const { target, onFault, signal } = this.#options;
    const { member, leads } = await this.#victim(planned);
    this.#firstWriteMs = 0;
    const startMs = performance.now();
    this.#faultMs = startMs;
    const broken = await makeFault({ target, planned, member });
    // The time counts from when the fault is there, not from when it was begun.
    this.#faultMs = performance.now();
    this.#firstWriteMs = 0;
    const madeMs = this.#faultMs;
    if (planned.kind !== 'blackout') await this.#waitForWrite(madeMs, planned.holdMs);
    await rest(madeMs + planned.holdMs - performance.now(), signal);
    await broken.undo();
    const undoneMs = performance.now();
    const writtenMs = await this.#waitForWrite(madeMs, LIMITS.progressMs);
    await waitRecovered(target);
    const record: FaultRecord = {
      ...{ number: this.#faults.length + 1, kind: planned.kind, member, wasLeader: leads },
      ...{ startMs, undoneMs, recoveredMs: performance.now() },
      ...{ withoutWritesMs: writtenMs - madeMs, detail: broken.detail },
    };
    this.#faults.push(record);
    onFault(record);
    await rest(planned.settleMs, signal);
  }

  /**
   * Waits until a write is acknowledged that was begun after the fault.
   * @throws ChaosError when none is: a majority is well all the time, or the fault has been undone
   */
  async #waitForWrite(madeMs: number, holdMs: number): Promise<number> {
    const giveUpMs = madeMs + Math.max(holdMs, LIMITS.progressMs);
    while (this.#firstWriteMs === 0) {
      if (performance.now() > giveUpMs) {
        const { target } = this.#options;
        const gone = target.members.filter(({ name }) => target.pid(name) === undefined);
        const words = gone.map(({ name }) => `${name} ended by itself: ${lastWords(target, name)}`);
        const why = words.length > 0 ? words.join('; ') : 'although every member runs';
        throw new ChaosError(
          `no write was acknowledged for ${LIMITS.progressMs / 1_000} s: ${why}`,
        );
      }
      await delay(LOOK_MS);
    }
    return this.#firstWriteMs;
  }

  /** Ends the traffic and lets everything come to its end. */
  async finish(): Promise<History> {
    const { target, facts } = this.#options;
    this.#faultMs = Number.POSITIVE_INFINITY;
    this.resume();
    await this.#workloads.stop();
    await this.#leaders.stop();
    if (this.#complaints.length === 0) await this.#settle();
    // A cluster that is stuck still tells what it can.
    else await this.#watchers.finish(this.#recorder.newest, LIMITS.stuckMs);
    this.#watchers.close();
    return {
      facts: {
        ...facts,
        ...{ target: target.title, members: target.members.map(({ name }) => name) },
        ...{ startedMs: this.#startedMs, endedMs: performance.now(), idle: this.#idle },
      },
      operations: this.#recorder.operations,
      watches: this.#recorder.watches,
      leases: this.#recorder.leases,
      faults: this.#faults,
      leaders: this.#leaders.samples,
      seenMs: this.#recorder.seenMs,
      bankTotal: BANK_TOTAL,
      complaints: this.#complaints,
    };
  }

  async #settle(): Promise<void> {
    const { target } = this.#options;
    const url = target.members[0]?.clientUrl ?? '';
    const caller = new EtcdCaller(url);
    try {
      const left = await this.#leasedKeys(caller);
      if (left.length > 0)
        this.#complaints.push(`leases do not end: ${left.join(', ')} still there`);
      const newest = await this.#newest(caller);
      const late = await this.#watchers.finish(newest, LIMITS.watchersMs);
      for (const one of late) {
        this.#complaints.push(`a watcher at ${one} does not come as far as revision ${newest}`);
      }
      // What was there when a watcher began its last stream, and since then, it must have been told.
      if (late.length === 0) markReached(this.#recorder, newest);
    } finally {
      caller.close();
    }
  }

  /** Waits until no key hangs on a lease any more. @returns those that do not go */
  async #leasedKeys(caller: EtcdCaller): Promise<string[]> {
    const longestMs = Math.max(0, ...this.#recorder.leases.map((one) => one.ttlMs));
    const giveUpMs = performance.now() + longestMs + LIMITS.leaseGraceMs;
    for (;;) {
      const request = { type: 'range', key: 'a', end: 'z', revision: 0 } as const;
      const outcome = await this.#recorder.perform(caller, request);
      if (outcome.type === 'ok' && outcome.result.type === 'range') {
        const left = outcome.result.kvs.map((kv) => kv.key).filter(isLeased);
        if (left.length === 0 || performance.now() > giveUpMs) return left;
      }
      if (performance.now() > giveUpMs + LIMITS.progressMs) return ['nobody answers: whatever is'];
      await delay(LIMITS.leaderPollMs);
    }
  }

  async #newest(caller: EtcdCaller): Promise<number> {
    const giveUpMs = performance.now() + LIMITS.progressMs;
    for (;;) {
      const status = await caller.status(LIMITS.requestMs).catch((error: unknown) => {
        if (error instanceof CallFailed) return undefined;
        throw error;
      });
      if (performance.now() > giveUpMs) return this.#recorder.newest;
      if (status !== undefined) {
        return Math.max(this.#recorder.newest, Number(status.header?.revision ?? 0n));
      }
      await delay(LIMITS.leaderPollMs);
    }
  }
}

/** Of each watcher's streams only the last one goes on to the end; every stream that got there had to get everything. */
function markReached(recorder: Recorder, newest: number): void {
  for (const record of recorder.watches) {
    const last = record.messages.at(-1);
    const reached = last?.type === 'events' ? (last.events.at(-1)?.kv.mod ?? 0) : 0;
    if (reached >= newest) record.mustReach = newest;
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  await delay(ms, { signal }).catch(() => undefined);
}
