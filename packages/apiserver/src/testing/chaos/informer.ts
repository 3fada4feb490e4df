/**
 * An informer over REST that trusts nobody: it lists, watches, resumes at another server when a watch ends, lists again when
 * its version is gone, and writes down everything that must not be.
 */
import type { Rest } from './rest.ts';

export interface Meta {
  readonly name: string;
  readonly resourceVersion: string;
  readonly uid?: string;
}
export interface Item {
  readonly metadata: Meta;
}

const GONE = 410;
const PAUSE_MS = 50;

export class Informer {
  /** Versions by name, as it believes them to be. */
  readonly objects = new Map<string, string>();
  /** What must not have been. */
  readonly faults: string[] = [];
  /** Versions of all events seen. */
  readonly seen = new Set<string>();
  /** A list skips events: those up to its version may be missing. */
  listedAt = 0n;
  lists = 0;
  resumes = 0;
  readonly #o: { rest: Rest; urls: readonly string[]; path: string };
  readonly #stop = new AbortController();
  #version = 0n;
  #turn: number;
  #running: Promise<void> | undefined;

  /** @param first the server it begins with */
  constructor(o: { rest: Rest; urls: readonly string[]; path: string; first: number }) {
    this.#o = o;
    this.#turn = o.first;
  }

  get version(): bigint {
    return this.#version;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let mustList = true;
    while (!this.#stop.signal.aborted) {
      const url = this.#o.urls[this.#turn % this.#o.urls.length] ?? '';
      this.#turn += 1;
      if (mustList && !(await this.#list(url))) {
        await pause();
        continue;
      }
      mustList = await this.#watch(url);
      await pause();
    }
  }

  /** @returns whether it worked */
  async #list(url: string): Promise<boolean> {
    try {
      const { status, json } = await this.#o.rest.ask('GET', `${url}${this.#o.path}`);
      if (status !== 200) return false;
      const { resourceVersion } = json.metadata as { resourceVersion: string };
      const version = BigInt(resourceVersion);
      if (version < this.#version) this.#fault(`a list of ${version} after ${this.#version}`);
      this.objects.clear();
      for (const { metadata } of json.items as Item[]) {
        this.objects.set(metadata.name, metadata.resourceVersion);
      }
      this.#version = version;
      this.listedAt = version;
      this.lists += 1;
      return true;
    } catch {
      // The server is away: the other one is next.
      return false;
    }
  }

  /** @returns whether its version is gone, so that it has to list */
  async #watch(url: string): Promise<boolean> {
    let gone = false;
    this.resumes += 1;
    const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${this.#version}`;
    const onLine = (line: string): void => {
      const { type, object } = JSON.parse(line) as {
        type: string;
        object: Item & { code?: number };
      };
      if (type === 'ERROR') gone = object.code === GONE;
      else this.#take(type, object.metadata);
    };
    const path = `${url}${this.#o.path}?${query}&timeoutSeconds=10`;
    await this.#o.rest.watch(path, { onLine, stop: this.#stop.signal });
    return gone;
  }

  #take(type: string, { name, resourceVersion }: Meta): void {
    const version = BigInt(resourceVersion);
    const isEarlier = type === 'BOOKMARK' ? version < this.#version : version <= this.#version;
    if (isEarlier) this.#fault(`${type} ${name} of ${version} after ${this.#version}`);
    this.#version = version;
    if (type === 'BOOKMARK') return;
    this.seen.add(resourceVersion);
    const known = this.objects.has(name);
    if (type === 'ADDED' && known) this.#fault(`${name} was added twice, again at ${version}`);
    if (type !== 'ADDED' && !known)
      this.#fault(`${type} ${name}, which is not there, at ${version}`);
    if (type === 'DELETED') this.objects.delete(name);
    else this.objects.set(name, resourceVersion);
  }

  #fault(text: string): void {
    this.faults.push(text);
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
