/** Objects as maps from texts of clients, who may call their keys `__proto__` or `constructor`. */

/** What an object itself has under a key; nothing is inherited. */
export function getOwn<T>(object: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Sets a key that came from outside: `__proto__` is a key like any other, and no prototype. */
export function setOwn(target: object, key: string, value: unknown): void {
  if (key !== '__proto__') {
    (target as Record<string, unknown>)[key] = value;
    return;
  }
  Object.defineProperty(target, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** Sets a key that is not there yet. */
export function addOwn(target: object, key: string, value: unknown): void {
  if (!Object.hasOwn(target, key)) setOwn(target, key, value);
}

/** A table that is asked with texts of clients: it has what is written in it, and inherits nothing. */
export function lookup<T>(table: Record<string, T>): Readonly<Record<string, T>> {
  return Object.freeze(Object.setPrototypeOf(table, null) as Record<string, T>);
}
