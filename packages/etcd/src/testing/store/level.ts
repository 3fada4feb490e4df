/**
 * A LevelDB that keeps its promises and nothing more: batches are atomic; those that were not written with `sync` when the
 * power failed are lost from some point on, and a synced one makes all before it durable.
 */
import type { Random } from '@kubets/platform';
import type { Db } from '../../storage/load.ts';
import type { SimLoop } from '../sim/loop.ts';

type Content = Map<string, Buffer>;
type Change = (content: Content) => void;

export interface SimLevelOptions {
  readonly loop: SimLoop;
  readonly random: Random;
  readonly writeMs: () => number;
}

/** The bytes as a string whose order is theirs. */
function nameOf(key: Buffer): string {
  return key.toString('latin1');
}

interface Bounds {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

export class SimLevel {
  readonly #options: SimLevelOptions;
  #durable: Content = new Map();
  #visible: Content = new Map();
  #unsynced: Change[] = [];
  #life = 0;

  constructor(options: SimLevelOptions) {
    this.#options = options;
  }

  /** The power fails: of what was not synced, a random first part survives. */
  crash(): void {
    this.#life += 1;
    const kept = this.#options.random.int(this.#unsynced.length + 1);
    for (const change of this.#unsynced.slice(0, kept)) change(this.#durable);
    this.#unsynced = [];
    this.#visible = new Map(this.#durable);
  }

  /** Flips a bit of a stored record. @returns false when there is none */
  damage(): boolean {
    const { random } = this.#options;
    const names = [...this.#durable.keys()].filter((name) => !name.endsWith('current')).sort();
    const name = names[random.int(Math.max(1, names.length))];
    const value = name === undefined ? undefined : this.#durable.get(name);
    if (name === undefined || value === undefined || value.length === 0) return false;
    const copy = Buffer.from(value);
    const at = random.int(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << random.int(8));
    this.#durable.set(name, copy);
    this.#visible = new Map(this.#durable);
    return true;
  }

  #write(change: Change, sync: boolean, life: number): Promise<void> {
    // A process that has died does nothing any more.
    if (life !== this.#life) return new Promise(() => undefined);
    this.#unsynced.push(change);
    return new Promise((resolve) => {
      this.#options.loop.schedule(this.#options.writeMs(), () => {
        if (life !== this.#life) return;
        change(this.#visible);
        if (sync) this.#sync(change);
        resolve();
      });
    });
  }

  #sync(upTo: Change): void {
    const covered = this.#unsynced.indexOf(upTo) + 1;
    for (const done of this.#unsynced.splice(0, covered)) done(this.#durable);
  }

  /** The database as a process that starts now has it. */
  mount(): Db {
    const life = this.#life;
    const between = ({ gte, lt }: Bounds): string[] =>
      [...this.#visible.keys()].filter((n) => n >= nameOf(gte) && n < nameOf(lt)).sort();
    return {
      open: async () => undefined,
      close: async () => undefined,
      get: async (key: Buffer) => this.#visible.get(nameOf(key)),
      put: (key: Buffer, value: Buffer, { sync }: { sync: boolean }) =>
        this.#write((content) => content.set(nameOf(key), Buffer.from(value)), sync, life),
      clear: (bounds: Bounds) => {
        const names = between(bounds);
        const change: Change = (content) => {
          for (const name of names) content.delete(name);
        };
        return this.#write(change, false, life);
      },
      iterator: (bounds: Bounds) => {
        const names = between(bounds);
        return {
          nextv: async (count: number) =>
            names
              .splice(0, count)
              .map((n): [Buffer, Buffer] => [
                Buffer.from(n, 'latin1'),
                this.#visible.get(n) ?? Buffer.alloc(0),
              ]),
          close: async () => undefined,
        };
      },
      batch: () => this.#batch(life),
    };
  }

  #batch(life: number) {
    const changes: Change[] = [];
    return {
      get length() {
        return changes.length;
      },
      put(key: Buffer, value: Buffer) {
        changes.push((content) => content.set(nameOf(key), Buffer.from(value)));
      },
      del(key: Buffer) {
        changes.push((content) => content.delete(nameOf(key)));
      },
      write: ({ sync }: { sync: boolean }) =>
        this.#write(
          (content) => {
            for (const change of changes) change(content);
          },
          sync,
          life,
        ),
    };
  }
}
