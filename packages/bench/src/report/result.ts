/** The form of every result: what the JSON file holds and the page shows. */
import type { Summary } from './histogram.ts';

export interface PhaseResult {
  readonly name: string;
  /** Seconds since the run began. */
  readonly fromS: number;
  readonly toS: number;
  /** What was done, in a sentence. */
  readonly note: string;
}

/** A service level line: what was promised, what was measured. */
export interface SloResult {
  readonly name: string;
  readonly limit: string;
  readonly measured: string;
  readonly met: boolean;
}

export interface ApiRow extends Summary {
  readonly phase: string;
  /** Verb, resource, scope. */
  readonly indicator: string;
}

export interface StageRow extends Summary {
  readonly phase: string;
  readonly stage: string;
}

export interface ThroughputRow {
  readonly phase: string;
  /** Of pods bound, a second, over 5-second pieces in which there was something to bind. */
  readonly average: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface ProcessRow {
  readonly name: string;
  readonly cpuSeconds: number;
  /** Share of one core over the whole run. */
  readonly cpuShare: number;
  readonly rssMaxBytes: number;
  readonly rssEndBytes: number;
}

/** One line of a picture; x is seconds since the run began. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Picture {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
}

/** A plain table, for figures of other benchmarks. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface BenchResult {
  readonly version: 1;
  readonly kind: string;
  readonly title: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly finished: boolean;
  readonly machine: { readonly cpus: number; readonly model: string; readonly memoryBytes: number };
  readonly target: string;
  readonly config: Readonly<Record<string, string | number | boolean>>;
  readonly slos: readonly SloResult[];
  /** Figures by name, for comparisons: each name says its unit and whether more is better. */
  readonly figures: Readonly<Record<string, number>>;
  readonly phases: readonly PhaseResult[];
  readonly api: readonly ApiRow[];
  readonly stages: readonly StageRow[];
  readonly throughput: readonly ThroughputRow[];
  readonly processes: readonly ProcessRow[];
  readonly failures: Readonly<Record<string, number>>;
  readonly pictures: readonly Picture[];
  readonly tables: readonly Table[];
  readonly notes: readonly string[];
}
