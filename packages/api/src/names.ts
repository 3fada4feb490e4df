/** Names out of a prefix: `generateName` and hashes. */

/** No vowels and no look-alikes, so that no words come out. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAX_NAME_LENGTH = 63;

/** Five random characters; `next` gives numbers in [0, 1). */
export function randomSuffix(next: () => number): string {
  let out = '';
  for (let i = 0; i < SUFFIX_LENGTH; i += 1) {
    out += ALPHABET[Math.floor(next() * ALPHABET.length)];
  }
  return out;
}

/** `generateName` plus a suffix, cut so that the whole stays within 63 characters. */
export function generateName(prefix: string, next: () => number): string {
  return prefix.slice(0, MAX_NAME_LENGTH - SUFFIX_LENGTH) + randomSuffix(next);
}

/** The digits of a number, written in the alphabet of generated names: `pod-template-hash`. */
export function safeEncode(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text)) out += ALPHABET[byte % ALPHABET.length];
  return out;
}
