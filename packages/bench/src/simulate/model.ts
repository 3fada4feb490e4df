/**
 * A control plane of any size as queues: nodes' heartbeats and pods' lives come in at random, apiservers and shards of the store serve
 * one request at a time each, as processes of one busy thread do. Pure: a seed gives the same answer everywhere.
 */
import type { Random } from '@kubets/platform';
import { Histogram } from '../report/histogram.ts';

/** What one request costs where, in milliseconds of one core. */
export interface Cost {
  readonly apiserverMs: number;
  readonly storeMs: number;
}

export interface Costs {
  /** One lease renewed and one node read: what a node does every ten seconds. */
  readonly heartbeat: Cost;
  /** Everything of one pod from creation to running, requests of all components added up. */
  readonly pod: Cost;
  /** Requests the cost of a pod is made of. */
  readonly requestsAPod: number;
  /** What every apiserver spends on every write, whoever took it: its caches follow the store. */
  readonly followMs: number;
  /** Time until a write is on a majority's disks, shared by all writes that wait for it. */
  readonly commitMs: number;
}

export interface Size {
  readonly nodes: number;
  readonly podsPerSecond: number;
  readonly apiservers: number;
  readonly shards: number;
}

export interface Outcome {
  /** Requests a second. */
  readonly rate: number;
  /** Busy share of one apiserver and of one shard's leader. */
  readonly apiserverLoad: number;
  readonly storeLoad: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const HEARTBEAT_SECONDS = 10;
/** Beyond this nothing is left for requests; the answer is then what that looks like. */
const MOST_FOLLOWING = 0.95;
const LEAST_LEFT = 0.02;
const MS = 1_000;

/** When each server is free again; the client chooses one at random, as connections do. */
class Servers {
  readonly #freeMs: Float64Array;
  #busyMs = 0;

  constructor(count: number) {
    this.#freeMs = new Float64Array(count);
  }

  /** @returns when the request is done */
  serve(at: number, nowMs: number, tookMs: number): number {
    const startMs = Math.max(nowMs, this.#freeMs[at] ?? 0);
    this.#freeMs[at] = startMs + tookMs;
    this.#busyMs += tookMs;
    return startMs + tookMs;
  }

  pick(random: Random): number {
    return random.int(this.#freeMs.length);
  }

  load(overMs: number): number {
    return this.#busyMs / overMs / this.#freeMs.length;
  }
}

/** Exponential: arrivals that know nothing of each other, and service times that vary as much as their mean. */
const exponential = (mean: number, random: Random): number => -mean * Math.log(1 - random.next());

/** The share of every apiserver that following the store takes: more apiservers do not make it smaller. */
export function followLoad(
  { nodes, podsPerSecond }: Omit<Size, 'apiservers' | 'shards'>,
  costs: Costs,
): number {
  const writes = nodes / HEARTBEAT_SECONDS + podsPerSecond * costs.requestsAPod;
  return Math.min(MOST_FOLLOWING, (writes * costs.followMs) / MS);
}

/** @param seconds of simulated time */
export function simulate(
  size: Size,
  costs: Costs,
  run: { seconds: number; random: Random },
): Outcome {
  const { random } = run;
  const heartbeats = (size.nodes / HEARTBEAT_SECONDS) * 2;
  const podRequests = size.podsPerSecond * costs.requestsAPod;
  const rate = heartbeats + podRequests;
  const apiservers = new Servers(size.apiservers);
  const shards = new Servers(size.shards);
  const latencies = new Histogram();
  const untilMs = run.seconds * MS;
  const following = followLoad(size, costs);
  for (
    let nowMs = exponential(MS / rate, random);
    nowMs < untilMs;
    nowMs += exponential(MS / rate, random)
  ) {
    const isPod = random.next() < podRequests / rate;
    const cost = isPod ? part(costs.pod, costs.requestsAPod) : part(costs.heartbeat, 2);
    const server = apiservers.pick(random);
    // Requests have what following leaves of the process.
    const tookMs = exponential(cost.apiserverMs, random) / (1 - following);
    const asked = apiservers.serve(server, nowMs, tookMs);
    const stored = shards.serve(shards.pick(random), asked, exponential(cost.storeMs, random));
    latencies.record(stored + costs.commitMs - nowMs);
  }
  return {
    rate,
    apiserverLoad: apiservers.load(untilMs) * (1 - following) + following,
    storeLoad: shards.load(untilMs),
    p50Ms: latencies.quantile(0.5),
    p99Ms: latencies.quantile(0.99),
  };
}

const part = ({ apiserverMs, storeMs }: Cost, requests: number): Cost => ({
  apiserverMs: apiserverMs / requests,
  storeMs: storeMs / requests,
});

/** The fewest apiservers and shards that keep every process below a load and the answers below a time. */
export function smallestPlan(
  want: { nodes: number; podsPerSecond: number; load: number; p99Ms: number },
  costs: Costs,
  random: () => Random,
): { size: Size; outcome: Outcome } {
  const { nodes, podsPerSecond } = want;
  const beats = nodes / HEARTBEAT_SECONDS;
  const least = (cost: (one: Cost) => number, load: number): number => {
    const busy = (beats * cost(costs.heartbeat) + podsPerSecond * cost(costs.pod)) / MS;
    return Math.min(MOST, Math.max(1, Math.ceil(busy / load)));
  };
  const left = Math.max(LEAST_LEFT, want.load - followLoad(want, costs));
  let size: Size = {
    ...{ nodes, podsPerSecond },
    apiservers: least((one) => one.apiserverMs, left),
    shards: least((one) => one.storeMs, want.load),
  };
  for (;;) {
    const outcome = simulate(size, costs, { seconds: SECONDS, random: random() });
    if (outcome.p99Ms <= want.p99Ms) return { size, outcome };
    // Whichever is the busier is what is waited for.
    const more = outcome.apiserverLoad >= outcome.storeLoad ? 'apiservers' : 'shards';
    if (size[more] >= MOST) return { size, outcome };
    size = { ...size, [more]: size[more] + 1 };
  }
}

const SECONDS = 30;
const MOST = 512;
