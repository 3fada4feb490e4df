/** Short names for what the kernel holds. */
import { createHash } from 'node:crypto';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const BITS = 5;

/** The first characters of the SHA-256 in base 32. */
export function hash(text: string, length: number): string {
  const bytes = createHash('sha256').update(text).digest();
  let out = '';
  for (let bit = 0; out.length < length; bit += BITS) {
    const at = bit >> 3;
    const window = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    out += BASE32.charAt((window >> (16 - BITS - (bit & 7))) & 31);
  }
  return out;
}
