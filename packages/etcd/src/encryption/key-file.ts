/** The file with the keys: one a line, 32 bytes in base64; the first encrypts, all decrypt. Lines with # are for people. */

import { readFileSync, statSync } from 'node:fs';
import { ConfigError, errorMessage } from '@kubets/platform';
import { Vault } from './vault.ts';

const KEY_BYTES = 32;
const KEYS_MAX = 100;
/** Nobody but the owner. */
const OTHERS = 0o077;

const HINT = 'make one with: (umask 077; openssl rand -base64 32 > FILE)';

function parseKey(line: string, at: string): Buffer {
  const key = Buffer.from(line, 'base64');
  if (key.length === KEY_BYTES && key.toString('base64') === line) return key;
  throw new ConfigError(`${at} is not 32 bytes in base64; ${HINT}`);
}

/** @throws ConfigError when the file cannot be read, is open to others, or holds something else */
export function loadVault(file: string): Vault {
  let text: string;
  try {
    const { mode } = statSync(file);
    if ((mode & OTHERS) !== 0) {
      throw new ConfigError(`others may read it (mode ${(mode & 0o777).toString(8)}): chmod 600`);
    }
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`--encryption-key-file ${file}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const keys: Buffer[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) continue;
    keys.push(parseKey(content, `--encryption-key-file ${file}: line ${at + 1}`));
  }
  if (keys.length === 0) throw new ConfigError(`--encryption-key-file ${file} has no key; ${HINT}`);
  if (keys.length > KEYS_MAX) {
    throw new ConfigError(`--encryption-key-file ${file} has more than ${KEYS_MAX} keys`);
  }
  return new Vault(keys);
}
