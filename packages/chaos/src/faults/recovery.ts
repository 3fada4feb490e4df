/** Bringing members back. */
import { delay } from '@kubets/platform';
import { ChaosError } from '../errors.ts';
import type { Target } from '../ports.ts';
import { CallFailed, EtcdCaller } from '../workload/etcd-caller.ts';

const LOOK_MS = 10;
const TRY_MS = 500;
const LAST_WORDS = 3;
const WORD_CHARS = 300;

/** The last lines a member has written, warnings and worse if there are some, cut to a bearable length. */
export function lastWords(target: Target, member: string): string {
  const lines = target.output(member).trim().split('\n');
  const loud = lines.filter((line) => !line.includes('"level":30'));
  const chosen = (loud.length > 0 ? loud : lines).slice(-LAST_WORDS);
  return chosen.map((line) => line.slice(0, WORD_CHARS)).join(' / ');
}

/** Starts a member if it does not run. */
export async function setMember(target: Target, member: string): Promise<void> {
  if (target.pid(member) === undefined) await target.start(member);
}

/** Waits until a member answers a read that needs the others' consent. Starts it again once, should it end meanwhile. */
export async function waitServing(
  target: Target,
  member: string,
  timeoutMs: number,
): Promise<void> {
  const url = target.members.find((one) => one.name === member)?.clientUrl;
  if (url === undefined) throw new ChaosError(`there is no member ${member}`);
  const caller = new EtcdCaller(url);
  const giveUpMs = performance.now() + timeoutMs;
  try {
    while (!(await serves(caller))) {
      const gone = target.pid(member) === undefined;
      if (gone || performance.now() > giveUpMs) {
        const what = gone ? 'ended by itself' : `does not serve after ${timeoutMs} ms`;
        throw new ChaosError(`${member} ${what}; its last words: ${lastWords(target, member)}`);
      }
      await delay(LOOK_MS);
    }
  } finally {
    caller.close();
  }
}

async function serves(caller: EtcdCaller): Promise<boolean> {
  try {
    await caller.call('KV', 'Range', { key: Buffer.from('health') }, TRY_MS);
    return true;
  } catch (error) {
    if (error instanceof CallFailed) return false;
    throw error;
  }
}
