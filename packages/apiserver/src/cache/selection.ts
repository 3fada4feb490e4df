/** Which entries of a cache a list or watch is about. */
import type { CacheEntry } from './entry.ts';

/** A compiled scope and selectors. */
export interface Selection {
  /** '' means all namespaces. */
  readonly namespace: string;
  /** Set when a field selector names one object, or a request one object. */
  readonly name: string | undefined;
  /** An equality on an indexed field, which lets the cache look up instead of scan. */
  readonly indexed: { readonly field: string; readonly value: string } | undefined;
  /** Whether label or field selectors are there (they forbid a remaining item count). */
  readonly selective: boolean;
  /** Namespace, name, label and field selectors together. */
  matches(entry: CacheEntry): boolean;
}

/** Everything in a namespace ('' for all). */
export function wholeNamespace(namespace: string): Selection {
  const matches = (entry: CacheEntry): boolean => namespace === '' || entry.namespace === namespace;
  return { namespace, name: undefined, indexed: undefined, selective: false, matches };
}
