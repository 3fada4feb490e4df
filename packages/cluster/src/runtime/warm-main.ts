/**
 * Fills NODE_COMPILE_CACHE: `node warm-main.ts import|require PACKAGES_DIR ROLE…`. Node.js keeps what it makes of a TypeScript
 * file under the name the file was asked by, which differs between `import` and `require`; modules that are loaded at
 * first use are required. One process can ask for a file in one way only, so there are two.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { leavesFirst, relativeImports } from './warm-order.ts';

const [mode = '', packagesDir = '', ...roles] = process.argv.slice(2);
/** The package whose heavy half is loaded at first use. */
const LAZY_PACKAGE = join(packagesDir, 'api', 'src');

function sources(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|-main\.ts$|(^|\/)testing\//.test(file))
    .map((file) => join(dir, file));
}

async function importAll(): Promise<void> {
  // Every program prints its help and returns.
  process.argv.splice(2, process.argv.length, '--help');
  const mains = roles.map((role) => join(packagesDir, role, 'src', 'main.ts'));
  for (const file of [...sources(LAZY_PACKAGE), ...mains]) await import(pathToFileURL(file).href);
}

function requireAll(): void {
  const load = createRequire(import.meta.url);
  const importsOf = (file: string): string[] =>
    relativeImports(readFileSync(file, 'utf8')).map((one) => resolve(dirname(file), one));
  for (const file of leavesFirst(sources(LAZY_PACKAGE), importsOf)) load(file);
}

if (mode === 'import') await importAll();
else requireAll();
