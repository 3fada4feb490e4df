import type { KubeObject } from '@kubets/api';
import type { Clock } from '@kubets/platform';
import { EXPECTATION_TIMEOUT_MS } from '../limits.ts';
import { keyOf } from '../objects/meta.ts';

interface Write {
  version: string;
  sinceMs: number;
}

/**
 * Versions of objects a controller wrote for an owner, until its cache shows them. A controller that
 * sizes several objects against each other must not decide on a cache that lacks its own last step:
 * it would take the step again, from the wrong place.
 */
export class OwnWrites {
  readonly #byOwner = new Map<string, Map<string, Write>>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An answer to a write came in. */
  wrote(owner: string, object: KubeObject): void {
    const writes = this.#byOwner.get(owner) ?? new Map<string, Write>();
    this.#byOwner.set(owner, writes);
    const version = object.metadata.resourceVersion ?? '';
    writes.set(keyOf(object), { version, sinceMs: this.#clock.monotonicMs() });
  }

  /** The cache saw the object go: what was written to it does not matter any more. */
  gone(owner: string, object: KubeObject): void {
    const writes = this.#byOwner.get(owner);
    writes?.delete(keyOf(object));
    if (writes?.size === 0) this.#byOwner.delete(owner);
  }

  forget(owner: string): void {
    this.#byOwner.delete(owner);
  }

  /**
   * Whether the cache shows all writes for the owner. Ones it shows are forgotten, as are those whose
   * event did not come within {@link EXPECTATION_TIMEOUT_MS}.
   */
  areVisible(owner: string, cached: (key: string) => KubeObject | undefined): boolean {
    const writes = this.#byOwner.get(owner);
    if (!writes) return true;
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { version, sinceMs }] of writes) {
      const seen = cached(key)?.metadata.resourceVersion;
      const isVisible = seen !== undefined && isAtLeast(seen, version);
      if (isVisible || nowMs - sinceMs > EXPECTATION_TIMEOUT_MS) writes.delete(key);
    }
    if (writes.size > 0) return false;
    this.#byOwner.delete(owner);
    return true;
  }
}

/** Versions of one resource are numbers that grow. Ones that are not numbers only compare as equal. */
function isAtLeast(seen: string, wanted: string): boolean {
  if (seen === wanted) return true;
  if (!/^\d+$/.test(seen) || !/^\d+$/.test(wanted)) return false;
  return BigInt(seen) >= BigInt(wanted);
}
