/**
 * An independent model of the store: every version of every key, nothing ever compacted, requests evaluated against any past
 * revision. It is built from the agreed sequence of changes and says what a request made at a revision had to answer.
 */
import {
  type Change,
  type Condition,
  HistoryViolation,
  type Kv,
  type Request,
  type Result,
  type Step,
  type StepResult,
  within,
} from './history.ts';

/** What a request comes to at a revision: changes for the next one, and the answer. */
export interface Evaluation {
  readonly changes: readonly Change[];
  readonly result: Result;
}

const DONE: Result = { type: 'done' };

function dead(key: string, mod: number): Kv {
  return { key, value: '', create: 0, mod, version: 0, lease: '0' };
}

/** One request's view: a revision, and what the request itself has changed so far. */
class View {
  readonly #model: Model;
  readonly #at: number;
  readonly #own = new Map<string, Kv | undefined>();
  readonly changes: Change[] = [];

  constructor(model: Model, at: number) {
    this.#model = model;
    this.#at = at;
  }

  get(key: string): Kv | undefined {
    return this.#own.has(key) ? this.#own.get(key) : this.#model.at(key, this.#at);
  }

  range(key: string, end: string): Kv[] {
    const found = new Map(this.#model.range({ key, end, at: this.#at }).map((kv) => [kv.key, kv]));
    for (const [name, kv] of this.#own) {
      if (!within(name, key, end)) continue;
      if (kv === undefined) found.delete(name);
      else found.set(name, kv);
    }
    return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  put(key: string, value: string, lease: string): void {
    const before = this.get(key);
    const mod = this.#at + 1;
    const version = (before?.version ?? 0) + 1;
    const kv = { key, value, create: before?.create ?? mod, mod, version, lease };
    this.#own.set(key, kv);
    this.changes.push({ type: 'put', kv });
  }

  remove(key: string): void {
    this.#own.set(key, undefined);
    this.changes.push({ type: 'delete', kv: dead(key, this.#at + 1) });
  }

  run(step: Step): StepResult {
    if (step.type === 'range') {
      const { key, end, revision } = step;
      const kvs =
        revision > 0 ? this.#model.range({ key, end, at: revision }) : this.range(key, end);
      return { type: 'range', kvs, count: kvs.length };
    }
    if (step.type === 'put') {
      const prev = step.prevKv ? (this.get(step.key) ?? null) : null;
      this.put(step.key, step.value, step.lease);
      return { type: 'put', prev };
    }
    const gone = this.range(step.key, step.end);
    for (const { key } of gone) this.remove(key);
    return { type: 'delete', deleted: gone.length, prevs: step.prevKv ? gone : [] };
  }

  holds({ key, target, result, operand }: Condition): boolean {
    const kv = this.get(key);
    // A key that is not there has no value, and equals nothing by it.
    if (target === 'value' && kv === undefined) return false;
    const actual = kv?.[target] ?? 0;
    if (result === '=') return actual === operand;
    if (result === '!=') return actual !== operand;
    return result === '<' ? actual < operand : actual > operand;
  }
}

export class Model {
  readonly #keys = new Map<string, Kv[]>();
  readonly #changes: (readonly Change[])[] = [[], []];

  /** The newest revision; an empty store is at 1. */
  get revision(): number {
    return this.#changes.length - 1;
  }

  changesAt(revision: number): readonly Change[] {
    return this.#changes[revision] ?? [];
  }

  /** The key as of a revision; undefined when it is not there. */
  at(key: string, revision: number): Kv | undefined {
    const versions = this.#keys.get(key) ?? [];
    let low = 0;
    let high = versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((versions[middle]?.mod ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    const kv = versions[low - 1];
    return kv === undefined || kv.version === 0 ? undefined : kv;
  }

  range(of: { readonly key: string; readonly end: string; readonly at: number }): Kv[] {
    const names = of.end === '' ? [of.key] : [...this.#keys.keys()].sort();
    return names.flatMap((name) => {
      const kv = within(name, of.key, of.end) ? this.at(name, of.at) : undefined;
      return kv === undefined ? [] : [kv];
    });
  }

  /** Keys that hang on a lease as of a revision. */
  leased(lease: string, at: number): string[] {
    return [...this.#keys.keys()].filter((key) => this.at(key, at)?.lease === lease).sort();
  }

  /** Leases with keys as of a revision. */
  leases(at: number): Set<string> {
    const out = new Set<string>();
    for (const key of this.#keys.keys()) out.add(this.at(key, at)?.lease ?? '0');
    out.delete('0');
    return out;
  }

  /** Adds a revision. @throws HistoryViolation when its changes cannot follow from what was before */
  append(revision: number, changes: readonly Change[]): void {
    if (revision !== this.revision + 1 || changes.length === 0) {
      throw new HistoryViolation(`revision ${revision} does not follow ${this.revision}`);
    }
    for (const { type, kv } of changes) {
      const before = this.at(kv.key, revision - 1);
      const expected =
        type === 'delete'
          ? dead(kv.key, revision)
          : { create: before?.create ?? revision, version: (before?.version ?? 0) + 1 };
      const wrong =
        kv.mod !== revision ||
        kv.create !== expected.create ||
        kv.version !== expected.version ||
        (type === 'delete' && before === undefined);
      if (wrong) {
        throw new HistoryViolation(`impossible change at ${revision}: ${JSON.stringify(kv)}`);
      }
    }
    for (const { kv } of changes) {
      const versions = this.#keys.get(kv.key) ?? [];
      versions.push(kv);
      this.#keys.set(kv.key, versions);
    }
    this.#changes.push(changes);
  }

  /** What a request does and answers when the newest revision is `at`. */
  evaluate(request: Request, at: number): Evaluation {
    const view = new View(this, at);
    if (request.type === 'txn') {
      const succeeded = request.compare.every((condition) => view.holds(condition));
      const steps = succeeded ? request.success : request.failure;
      const results = steps.map((step) => view.run(step));
      return { changes: view.changes, result: { type: 'txn', succeeded, results } };
    }
    if (request.type === 'revoke') {
      for (const key of this.leased(request.lease, at)) view.remove(key);
      return { changes: view.changes, result: DONE };
    }
    if (request.type === 'compact' || request.type === 'grant' || request.type === 'renew') {
      return { changes: [], result: DONE };
    }
    const result = view.run(request);
    return { changes: view.changes, result };
  }
}

/** The model of an agreed sequence, revisions 2, 3, … @throws HistoryViolation when one is missing or impossible */
export function modelOf(agreed: ReadonlyMap<number, readonly Change[]>): Model {
  const model = new Model();
  let last = 1;
  for (const revision of agreed.keys()) last = Math.max(last, revision);
  for (let revision = 2; revision <= last; revision += 1) {
    model.append(revision, agreed.get(revision) ?? []);
  }
  return model;
}
