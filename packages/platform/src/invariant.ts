/** A condition the code relies on does not hold: continuing would be guessing, so the process ends. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

const plain = (value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

/**
 * Stays on in production. For what cannot happen unless the code is wrong; faults of the outside world are handled instead.
 * @throws InvariantError with the facts in its message
 */
export function invariant(
  condition: unknown,
  what: string,
  facts?: Record<string, unknown>,
): asserts condition {
  if (condition) return;
  const shown =
    facts === undefined ? '' : ` ${JSON.stringify(facts, (_key, value) => plain(value))}`;
  throw new InvariantError(`invariant broken: ${what}${shown}`);
}

/** Makes the compiler complain where a union has grown and a switch has not. */
export function assertNever(value: never): never {
  throw new InvariantError(`unexpected value: ${JSON.stringify(value)}`);
}
