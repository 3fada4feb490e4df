import { canonicalJson } from './json.ts';

/** Letters of generated names: no vowels and no look-alikes, so no words and no misreadings. */
const SAFE_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a over UTF-8, 32 bits, unsigned. */
export function fnv1a32(text: string): number {
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, FNV_PRIME);
  }
  return hash >>> 0;
}

/** Replaces every character by one that may stand in a name; equal in, equal out. */
export function safeEncode(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    out += SAFE_LETTERS[text.charCodeAt(i) % SAFE_LETTERS.length];
  }
  return out;
}

/**
 * Name-safe hash of a JSON value (at most 10 letters), the same in every process and release:
 * it depends on the canonical text only. `salt` gives another hash after a collision.
 */
export function safeHash(value: unknown, salt?: number): string {
  const text = salt === undefined ? canonicalJson(value) : `${canonicalJson(value)}#${salt}`;
  return safeEncode(String(fnv1a32(text)));
}

/** Fixed-length variant for name suffixes. */
export function shortHash(value: unknown, length: number): string {
  const number = fnv1a32(canonicalJson(value));
  let rest = number;
  let out = '';
  for (let i = 0; i < length; i++) {
    out += SAFE_LETTERS[rest % SAFE_LETTERS.length];
    rest = Math.floor(rest / SAFE_LETTERS.length);
  }
  return out;
}
