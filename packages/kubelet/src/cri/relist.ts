/** Notices containers and sandboxes that changed by themselves, by listing them periodically and comparing. */
import { type Clock, errorMessage, type Logger, type Timer } from '@kubets/platform';
import type { CriContainerItem, CriSandboxItem } from './messages.ts';

export interface Listing {
  readonly sandboxes: readonly CriSandboxItem[];
  readonly containers: readonly CriContainerItem[];
}

export interface RelistOptions {
  readonly list: () => Promise<Listing>;
  readonly uidOf: (labels: Readonly<Record<string, string>>) => string;
  readonly onChange: (uid: string) => void;
  /** A listing has ended well; it began at that time of the monotonic clock. */
  readonly onListed?: (startMs: number) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly periodMs: number;
}

/** One line per pod that says which objects it has in which state. */
export function fingerprints(
  listing: Listing,
  uidOf: RelistOptions['uidOf'],
): ReadonlyMap<string, string> {
  const parts = new Map<string, string[]>();
  for (const item of [...listing.sandboxes, ...listing.containers]) {
    const uid = uidOf(item.labels);
    if (uid === '') continue;
    const list = parts.get(uid) ?? [];
    list.push(`${item.id}=${item.state}`);
    parts.set(uid, list);
  }
  return new Map([...parts].map(([uid, list]) => [uid, list.sort().join(',')]));
}

/** Pods whose fingerprint differs, in either direction. */
export function changedPods(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const uids = new Set([...before.keys(), ...after.keys()]);
  return [...uids].filter((uid) => before.get(uid) !== after.get(uid));
}

/** Runs until stopped. A failed listing is logged once per outage and tried again. */
export function startRelist(options: RelistOptions): { stop(): void } {
  const { clock, log, periodMs } = options;
  let known: ReadonlyMap<string, string> = new Map();
  let timer: Timer | undefined;
  let stopped = false;
  let failing = false;

  const round = async (): Promise<void> => {
    const startMs = clock.monotonicMs();
    try {
      const now = fingerprints(await options.list(), options.uidOf);
      options.onListed?.(startMs);
      if (stopped) return;
      const changed = changedPods(known, now);
      known = now;
      if (failing) log.info('container runtime answers again');
      failing = false;
      for (const uid of changed) options.onChange(uid);
    } catch (error) {
      if (!failing && !stopped) log.warn({ error: errorMessage(error) }, 'cannot list containers');
      failing = true;
    }
    if (!stopped) timer = clock.setTimeout(() => void round(), periodMs);
  };
  void round();
  return {
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
