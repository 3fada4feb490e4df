/** A certificate and its key in one file, replaced whole: a reader never sees one without the other. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '@kubets/platform';
import type { KeyPairPem } from '@kubets/platform/pki';

const PRIVATE_FILE = 0o600;
const PRIVATE_DIR = 0o700;

const blocks = (text: string, label: string): string => {
  const found = text.match(
    new RegExp(`-----BEGIN ${label}-----[\\s\\S]+?-----END ${label}-----`, 'g'),
  );
  return found === null ? '' : `${found.join('\n')}\n`;
};

/** @returns undefined when there is no such file, or it holds no pair */
export function readPairFile(file: string): KeyPairPem | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const pair = { cert: blocks(text, 'CERTIFICATE'), key: blocks(text, '(?:EC )?PRIVATE KEY') };
  return pair.cert === '' || pair.key === '' ? undefined : pair;
}

export function writePairFile(file: string, { cert, key }: KeyPairPem): void {
  mkdirSync(dirname(file), { recursive: true, mode: PRIVATE_DIR });
  const draft = `${file}.tmp`;
  writeFileSync(draft, `${cert}${key}`, { mode: PRIVATE_FILE, flush: true });
  renameSync(draft, file);
}
