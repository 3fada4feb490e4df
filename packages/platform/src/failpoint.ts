import { ConfigError } from './errors.ts';

/** Thrown by a failpoint armed with `error`. */
export class FailpointError extends Error {
  override readonly name = 'FailpointError';
}

type Action =
  | { readonly kind: 'crash' }
  | { readonly kind: 'error' }
  | { readonly kind: 'sleep'; ms: number };

const armed = new Map<string, Action>();

function parseAction(name: string, text: string): Action {
  if (text === 'crash' || text === 'error') return { kind: text };
  const match = /^delay\((\d+)\)$/.exec(text);
  if (match?.[1] !== undefined) return { kind: 'sleep', ms: Number(match[1]) };
  throw new ConfigError(
    `failpoint ${name}: unknown action "${text}"; use crash, error or delay(MS)`,
  );
}

/**
 * A named point beside a dangerous line where tests can make the process die, fail or stall. Costs one map lookup while
 * nothing is armed.
 * @throws FailpointError when armed with `error`
 */
export function failpoint(name: string): void {
  if (armed.size === 0) return;
  const action = armed.get(name);
  if (action === undefined) return;
  if (action.kind === 'crash') process.kill(process.pid, 'SIGKILL');
  if (action.kind === 'error') throw new FailpointError(`failpoint ${name}`);
  // A stall blocks on purpose: it stands for a disk or a processor that does not answer.
  if (action.kind === 'sleep') {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, action.ms);
  }
}

/** Arms one failpoint; the function returned disarms it. */
export function armFailpoint(name: string, action: string): () => void {
  armed.set(name, parseAction(name, action));
  return () => armed.delete(name);
}

/** Arms a list such as `wal.beforeSync=crash,raft.beforeSend=delay(50)`. */
export function armFailpoints(list: readonly string[]): void {
  for (const item of list) {
    const [name, action] = item.split('=', 2);
    if (!name || action === undefined) {
      throw new ConfigError(`--failpoints: "${item}" is not NAME=ACTION`);
    }
    armFailpoint(name, action);
  }
}
