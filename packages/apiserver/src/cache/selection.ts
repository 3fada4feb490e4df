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
  /** Namespace, name, label and field selectors together; without what {@link shown} decides. */
  matches(entry: CacheEntry): boolean;
  /**
   * The label and field selectors, where only an entry in the request's version can tell: a webhook may change
   * labels and moves the fields that a definition's versions name. Asked after the conversion.
   */
  readonly shown?: ((entry: CacheEntry) => boolean) | undefined;
}

/** Everything in a namespace ('' for all). */
export function wholeNamespace(namespace: string): Selection {
  const matches = (entry: CacheEntry): boolean => namespace === '' || entry.namespace === namespace;
  return { namespace, name: undefined, indexed: undefined, selective: false, matches };
}
