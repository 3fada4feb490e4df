// Plain JavaScript for any Node.js from 20 on: runs the TypeScript command under the project's own Node.js 24.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(realpathSync(fileURLToPath(import.meta.url)));
const root = join(here, '..', '..', '..');

/** Parts that also run alone: `kubets etcd --data-dir …` is the process itself, with its own flags. */
const COMPONENTS = [
  'etcd',
  'apiserver',
  'scheduler',
  'controller-manager',
  'cloud-controller-manager',
  'kubelet',
  'proxy',
  'dns',
  'chaos',
  'bench',
];

/** How parts are started by `kubets up`, too; what is set already stays. */
const ALLOCATORS = JSON.parse(readFileSync(join(root, 'packages', 'platform', 'allocator.json')));

/** The program behind the first word, and what is left for it to read. */
function programOf(args) {
  const [first, ...rest] = args;
  const isComponent = COMPONENTS.includes(first);
  const name = isComponent ? first : 'cluster';
  const main = join(root, 'packages', name, 'src', 'main.ts');
  return { main, rest: isComponent ? rest : args };
}

/** Runs `kubets ARGS`, passing signals on, and exits as it exits. */
export async function handOver(args) {
  const node = join(root, 'node_modules', '.bin', 'node');
  if (!existsSync(node)) {
    process.stderr.write(
      'kubets: dependencies are not installed; run "npm start" or "npm install" first\n',
    );
    process.exit(1);
  }
  const { main, rest } = programOf(args);
  const cache = process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'kubets');
  const allocator = args[0] === 'apiserver' ? ALLOCATORS.apiserver : ALLOCATORS.others;
  const env = { ...allocator, ...process.env, NODE_COMPILE_CACHE: cache, KUBETS_COMMAND_PIPE: '3' };
  const child = spawn(node, ['--disable-warning=DEP0123', main, ...rest], {
    // Nothing goes through the pipe: its end tells that this process is gone, should it be killed.
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`kubets: cannot run ${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 1));
}
