/** Which node answers for an address. Pure. */

const OFFSET = 0x81_1c_9d_c5;
const PRIME = 0x01_00_01_93;
const SHIFTS = [16, 13, 16] as const;
const MIX = 0x45_d9_f3_b;

/** FNV-1a with a final mix, so that names that differ in their last digit only are spread. */
function score(text: string): number {
  let hash = OFFSET;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), PRIME);
  }
  for (const shift of SHIFTS) hash = Math.imul(hash ^ (hash >>> shift), MIX);
  return hash >>> 0;
}

export interface SpeakerInput {
  readonly address: string;
  /** Who answers now. */
  readonly current: string | undefined;
  /** Names of nodes that could. */
  readonly candidates: readonly string[];
}

/**
 * Who answers stays as long as it can: every change costs open connections. Without any candidate it stays, too, since nobody is
 * better. Otherwise the candidate with the highest score for this address: addresses spread over nodes, and a node that goes
 * moves only those it had (rendezvous hashing).
 */
export function chooseSpeaker({ address, current, candidates }: SpeakerInput): string | undefined {
  if (current !== undefined && (candidates.length === 0 || candidates.includes(current))) {
    return current;
  }
  let best: { name: string; score: number } | undefined;
  for (const name of [...candidates].sort()) {
    const own = score(`${address}@${name}`);
    if (best === undefined || own > best.score) best = { name, score: own };
  }
  return best?.name;
}
