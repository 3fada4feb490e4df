import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The release of the programs on this host. */
export function ownRelease(): string {
  const file = join(import.meta.dirname, '..', '..', 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
