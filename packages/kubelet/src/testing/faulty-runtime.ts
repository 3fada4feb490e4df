/** A runtime that fails now and then, before or after doing what it was asked: a call that failed may have worked. */
import type { Random } from '@kubets/platform';
import { RuntimeFault } from '../errors.ts';
import type { ContainerRuntime } from '../ports.ts';

export interface Faults {
  /** Share of calls that fail, 0 to 1. */
  rate: number;
  /** How many failed so far. */
  count: number;
}

const HARMLESS: ReadonlySet<string | symbol> = new Set(['close', 'watchPods', 'crash', 'version']);

/** Wraps every asynchronous method of a runtime. */
export function faultyRuntime<T extends ContainerRuntime>(
  inner: T,
  random: Random,
  faults: Faults,
): T {
  return new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method = value.bind(target);
      if (HARMLESS.has(name)) return method;
      return async (...args: unknown[]) => {
        if (random.next() >= faults.rate) return method(...args);
        faults.count += 1;
        if (random.next() < 0.5) await method(...args).catch(() => undefined);
        throw new RuntimeFault(`${String(name)} failed on purpose`, { unavailable: true });
      };
    },
  });
}
