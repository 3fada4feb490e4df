/** Faults of the network between members. Clients still reach everybody: who is cut off must not tell them anything wrong. */
import { ChaosError } from '../errors.ts';
import type { Target } from '../ports.ts';
import { type Breakage, breakGuarded, type Guarded } from '../runtime/guard.ts';
import { shell } from '../runtime/shell.ts';

/** One link, one way: what `from` sends does not reach `to`. */
export interface Link {
  readonly from: string;
  readonly to: string;
}

/** Links from and to a member. */
export function linksOf(member: string, others: readonly string[], way: 'in' | 'out' | 'both') {
  const into = others.map((other): Link => ({ from: other, to: member }));
  const out = others.map((other): Link => ({ from: member, to: other }));
  if (way === 'in') return into;
  return way === 'out' ? out : [...into, ...out];
}

function addressOf(target: Target, member: string): string {
  const address = target.members.find((one) => one.name === member)?.address;
  if (address !== undefined) return address;
  throw new ChaosError(`${member} has no network of its own`);
}

/**
 * Rules that drop packets at their receiver: the sender notices nothing, as on a real network. `share` under 1 drops that
 * share of them, by chance.
 */
function rules(target: Target, links: readonly Link[], share: number): [string, string] {
  const inject: string[] = [];
  const undo: string[] = [];
  for (const { from, to } of links) {
    const chance = share < 1 ? ` -m statistic --mode random --probability ${share}` : '';
    const rule = `INPUT -s ${addressOf(target, from)}${chance} -j DROP`;
    const iptables = `${target.inNetwork(to)} iptables -w`;
    inject.push(`${iptables} -A ${rule}`);
    undo.push(`while ${iptables} -D ${rule} 2>/dev/null; do :; done`);
  }
  return [inject.join('\n'), undo.join('\n')];
}

export function cutLinks(
  target: Target,
  links: readonly Link[],
  options: { readonly expiresMs: number; readonly share?: number },
): Promise<Guarded> {
  const { expiresMs, share = 1 } = options;
  const [inject, undo] = rules(target, links, share);
  return breakGuarded({ what: 'change the rules of the network', inject, undo, expiresMs });
}

const DELAY_MS = 120;
const JITTER_MS = 40;
/** What a slow link lets through where the kernel cannot delay packets: they wait in a queue for their turn. */
const SLOW = 'rate 400kbit burst 8k latency 400ms';

/** Delays everything a member sends: by `netem` where the kernel has it, else by a slow link whose queue fills. */
export async function delayMember(
  target: Target,
  member: string,
  expiresMs: number,
): Promise<Guarded & { readonly detail: string }> {
  const device = await deviceOf(target, member);
  const tc = `${target.inNetwork(member)} tc qdisc`;
  const undo = `${tc} del dev ${device} root 2>/dev/null || :`;
  const netem: Breakage = {
    what: 'delay packets with netem',
    inject: `${tc} replace dev ${device} root netem delay ${DELAY_MS}ms ${JITTER_MS}ms`,
    ...{ undo, expiresMs },
  };
  try {
    const guarded = await breakGuarded(netem);
    return { ...guarded, detail: `${DELAY_MS} ± ${JITTER_MS} ms late` };
  } catch (error) {
    if (!(error instanceof ChaosError)) throw error;
    const inject = `${tc} replace dev ${device} root tbf ${SLOW}`;
    const guarded = await breakGuarded({ what: 'slow a link down', inject, undo, expiresMs });
    return { ...guarded, detail: 'link of 400 kbit/s (this kernel has no netem)' };
  }
}

/** The member's device, by its address. */
async function deviceOf(target: Target, member: string): Promise<string> {
  const script = `${target.inNetwork(member)} ip -br -4 addr show`;
  const out = await shell(script, 'look at the network');
  const address = addressOf(target, member);
  const line = out.split('\n').find((one) => one.includes(`${address}/`));
  const device = line?.split(/[\s@]/)[0];
  if (device === undefined) throw new ChaosError(`${member} has no device with ${address}`);
  return device;
}
