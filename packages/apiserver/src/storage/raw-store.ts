/** Raw keys beside the API's objects, for the apiserver's own parts. */
import { STORE_PAGE_KEYS } from '../limits.ts';
import type { RawStore } from '../ports.ts';
import type { Store, StoredValue } from './store.ts';

export function rawStore(store: Store): RawStore {
  return {
    async get(key) {
      const { value } = await store.get(key);
      return { value: value?.value, revision: value?.revision ?? 0n };
    },
    async list(prefix) {
      const all: StoredValue[] = [];
      let page = await store.page(prefix, { limit: STORE_PAGE_KEYS });
      for (;;) {
        all.push(...page.values);
        const last = page.values.at(-1);
        if (!page.more || last === undefined) return all;
        const from = `${last.key}\0`;
        page = await store.page(prefix, { limit: STORE_PAGE_KEYS, from });
      }
    },
    async compareAndSwap(key, value, expected, o = {}) {
      const written = await store.swap(key, value, expected, o);
      return written.ok ? written.revision : undefined;
    },
    async delete(key) {
      for (;;) {
        const { value } = await store.get(key);
        if (value === undefined) return;
        const gone = await store.remove(key, value.revision);
        if (gone.ok) return;
      }
    },
  };
}
