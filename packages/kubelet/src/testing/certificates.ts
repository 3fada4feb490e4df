/** Certificates for tests of the door: made once, good for a hundred years, worth nothing outside. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsMaterial } from '@kubets/platform';

const read = (name: string): Buffer => readFileSync(join(import.meta.dirname, 'testdata', name));

const material = (who: string): TlsMaterial => ({
  cert: read(`${who}.crt`),
  key: read(`${who}.key`),
  ca: read('ca.crt'),
});

/** The door's own. */
export const doorTls = (): TlsMaterial => material('door');
/** Somebody the authority knows. */
export const clientTls = (): TlsMaterial => material('client');
/** Somebody it does not. */
export const strangerTls = (): TlsMaterial => material('stranger');
