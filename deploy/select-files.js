// Copies what an image needs: `node select-files.js FROM TO`. Run by the Dockerfile with the project's own Node.js.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const [from, to] = process.argv.slice(2);

const isNeeded = (path) =>
  !/\.(test\.ts|bench\.ts|d\.ts|d\.mts|d\.cts|map|md|markdown|flow)$/.test(path) &&
  !/\/(testdata|\.github|benchmarks?|examples?|prebuilds\/(darwin|win32|android)[^/]*)$/.test(path);

function copy(path) {
  mkdirSync(dirname(join(to, path)), { recursive: true });
  cpSync(join(from, path), join(to, path), { recursive: true, filter: isNeeded });
}

/** Packages that run, by the lock file: the rest are for development, or carry the Node.js that is copied by itself. */
function installed() {
  const { packages } = JSON.parse(readFileSync(join(from, 'package-lock.json'), 'utf8'));
  return Object.entries(packages)
    .filter(([path, one]) => path.startsWith('node_modules/') && !one.dev && !one.devOptional)
    .filter(([path, one]) => !one.link && !/^node_modules\/node-linux-/.test(path))
    .map(([path]) => path);
}

for (const path of ['package.json', 'proto', 'packages']) copy(path);
for (const path of installed()) {
  // Optional ones may be missing; a dependency inside another one's folder has been copied with it.
  if (existsSync(join(from, path))) copy(path);
}
mkdirSync(join(to, 'node_modules/@kubets'), { recursive: true });
for (const name of readdirSync(join(from, 'packages'))) {
  symlinkSync(`../../packages/${name}`, join(to, 'node_modules/@kubets', name));
}
mkdirSync(join(to, 'node_modules/.bin'), { recursive: true });
cpSync(process.execPath, join(to, 'node_modules/.bin/node'), { dereference: true });
mkdirSync(join(to, 'bin'), { recursive: true });
for (const name of ['kubets', 'health', 'node']) {
  cpSync(join(from, 'deploy', 'image', name), join(to, 'bin', name));
  chmodSync(join(to, 'bin', name), 0o755);
}
