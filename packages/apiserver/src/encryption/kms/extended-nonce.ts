/**
 * AES-GCM with a key of its own for every value, derived from one seed: `info (32) | nonce (12) | sealed | tag (16)`, as upstream
 * writes values whose seed a service keeps (enhancement proposal 3299). No seed is worn out by the number of values.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { AES_GCM } from '../providers.ts';

export const SEED_BYTES = 32;
const INFO_BYTES = 32;
/** RFC 5869, section 2.3: the only block there is when the key is as long as the hash. */
const FIRST_BLOCK = Buffer.from([1]);

const keyOf = (seed: Buffer, info: Buffer): Buffer =>
  createHmac('sha256', seed).update(info).update(FIRST_BLOCK).digest();

export function sealBySeed(seed: Buffer, plain: Buffer, about: Buffer): Buffer {
  const info = randomBytes(INFO_BYTES);
  return Buffer.concat([info, AES_GCM.seal(keyOf(seed, info), plain, about)]);
}

/** Throws when the bytes were not sealed so. */
export function openBySeed(seed: Buffer, sealed: Buffer, about: Buffer): Buffer {
  if (sealed.length < INFO_BYTES)
    throw new Error('the stored data was shorter than the required size');
  const info = sealed.subarray(0, INFO_BYTES);
  return AES_GCM.open(keyOf(seed, info), sealed.subarray(INFO_BYTES), about);
}
