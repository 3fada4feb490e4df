// Plain JavaScript for any Node.js from 20 on: brings node_modules in step with package-lock.json.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const OLDEST_NODE = 20;

function fail(line) {
  process.stderr.write(`kubets: ${line}\n`);
  process.exit(1);
}

/** npm writes a hidden lockfile when it is done; older than ours means the install is missing, partial or outdated. */
function isInstalled() {
  const done = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(done) || !existsSync(join(root, 'node_modules', '.bin', 'node'))) return false;
  if (statSync(done).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs) return true;
  return sameVersions(done);
}

function sameVersions(done) {
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const have = JSON.parse(readFileSync(done, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, one]) =>
      !path.startsWith('node_modules/') ||
      one.optional ||
      one.link ||
      have[path]?.version === one.version,
  );
}

/** Installs dependencies when they are not there yet. */
export async function setUp() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < OLDEST_NODE) {
    fail(
      `Node.js ${process.versions.node} is too old; install Node.js ${OLDEST_NODE} or newer and run this again`,
    );
  }
  if (process.platform !== 'linux') {
    fail(
      `${process.platform} is not supported; run this on Linux (x64 or arm64), in a virtual machine for instance`,
    );
  }
  if (isInstalled()) return;
  process.stderr.write('kubets: installing dependencies (npm ci) …\n');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (npm.error) fail(`cannot run npm (${npm.error.message}); install npm and run this again`);
  if (npm.status !== 0) fail('npm ci failed (see above); mend that and run this again');
}
