/** Watchers of everything, one a member, that open a new stream from where they were whenever theirs ends. */
import { delay } from '@kubets/platform';
import { EtcdCaller } from './etcd-caller.ts';
import type { Recorder } from './recorder.ts';

const REOPEN_MS = 50;
const LOOK_MS = 10;

class Follower {
  readonly #caller: EtcdCaller;
  readonly #recorder: Recorder;
  #stop: (() => void) | undefined;
  #closed = false;
  reached: number;

  constructor(url: string, recorder: Recorder, start: number) {
    this.#caller = new EtcdCaller(url);
    this.#recorder = recorder;
    this.reached = start - 1;
  }

  open(): void {
    if (this.#closed) return;
    this.#stop = this.#recorder.watch(this.#caller, {
      start: this.reached + 1,
      prevKv: true,
      onReached: (revision) => {
        this.reached = Math.max(this.reached, revision);
      },
      onEnd: () => void this.#reopen(),
    });
  }

  async #reopen(): Promise<void> {
    await delay(REOPEN_MS);
    this.open();
  }

  close(): void {
    this.#closed = true;
    this.#stop?.();
    this.#caller.close();
  }
}

export class Watchers {
  readonly #recorder: Recorder;
  readonly #followers: Follower[];
  readonly #urls: readonly string[];
  readonly #start: number;

  /** @param start the first revision of the run */
  constructor(urls: readonly string[], recorder: Recorder, start: number) {
    this.#recorder = recorder;
    this.#urls = urls;
    this.#start = start;
    this.#followers = urls.map((url) => new Follower(url, recorder, start));
    for (const follower of this.#followers) follower.open();
  }

  /**
   * Waits until every watcher, and a new one at each member that asks for everything once more, has come as far as the
   * store.
   * @returns the names of members whose watchers did not come that far
   */
  async finish(newest: number, timeoutMs: number): Promise<string[]> {
    const again = this.#urls.map((url) => new Follower(url, this.#recorder, this.#start));
    for (const follower of again) follower.open();
    const all = [...this.#followers, ...again];
    const giveUpMs = performance.now() + timeoutMs;
    while (all.some((one) => one.reached < newest) && performance.now() < giveUpMs) {
      await delay(LOOK_MS);
    }
    const late = all.flatMap((one, n) =>
      one.reached < newest ? (this.#urls[n % this.#urls.length] ?? []) : [],
    );
    for (const follower of again) follower.close();
    return [...new Set(late)];
  }

  close(): void {
    for (const follower of this.#followers) follower.close();
  }
}
