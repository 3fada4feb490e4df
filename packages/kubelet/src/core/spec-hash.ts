import { createHash } from 'node:crypto';
import type { Container } from '@kubets/api';

const HASH_CHARS = 8;

/** Fingerprint of what may not change under a running container: its name and image. */
export function specHash(container: Container): string {
  const text = JSON.stringify([container.name, container.image ?? '']);
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARS);
}
