import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { warmPrograms } from './warm.ts';
import { leavesFirst, relativeImports } from './warm-order.ts';

const dir = mkdtempSync(join(tmpdir(), 'kubets-warm-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const write = (file: string, text: string): void => {
  const path = join(dir, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};

write('packages/package.json', '{"type":"module"}');
write('packages/api/src/leaf.ts', 'export const leaf: number = 1;\n');
write(
  'packages/api/src/heavy.ts',
  "import { leaf } from './leaf.ts';\nexport const x: number = leaf;\n",
);
write('packages/api/src/heavy.test.ts', "throw new Error('tests are not programs');\n");
write(
  'packages/tool/src/main.ts',
  'const words: string[] = process.argv;\nexport default words;\n',
);

const said: string[] = [];
const options = {
  cacheDir: join(dir, 'cache'),
  nodeBinary: process.execPath,
  nodeFlags: [],
  packagesDir: join(dir, 'packages'),
  roles: ['tool'],
  say: (line: string) => said.push(line),
};
const stamp = join(options.cacheDir, 'warm-stamp');

test('modules come after what they import, and types are no imports', () => {
  const graph: Record<string, string[]> = { a: ['b', 'x'], b: ['c'], c: ['a'], d: [] };
  const order = leavesFirst(['d', 'a', 'b', 'c'], (file) => graph[file] ?? []);
  assert.deepEqual(order, ['d', 'c', 'b', 'a']);
  const source = [
    "import type { T } from './types.ts';",
    "import {\n  a,\n} from './a.ts';",
    "export * from './b.ts';",
    "import { join } from 'node:path';",
  ].join('\n');
  assert.deepEqual(relativeImports(source), ['./a.ts', './b.ts']);
});

test('without a cache nothing happens', async () => {
  await warmPrograms({ ...options, cacheDir: undefined, nodeBinary: '/nowhere' });
  assert.ok(!existsSync(options.cacheDir));
});

test('programs that cannot be compiled are tried again the next time, silently', async () => {
  await warmPrograms({ ...options, nodeBinary: join(dir, 'no-such-node') });
  assert.ok(!existsSync(stamp));
  assert.deepEqual(said, []);
});

test('a cache that cannot be written is said, and the start goes on', async () => {
  write('file', '');
  await warmPrograms({ ...options, cacheDir: join(dir, 'file') });
  assert.equal(said.length, 1);
  assert.match(said[0] ?? '', /cannot be kept in/);
});

test('the cache is filled once, and again when a source changes', async () => {
  const { NODE_COMPILE_CACHE: before } = process.env;
  await warmPrograms(options);
  assert.ok(existsSync(stamp));
  const [folder = ''] = readdirSync(options.cacheDir).filter((name) => name !== 'warm-stamp');
  // JavaScript and compiled code of three files; the two of the lazy package under the names of `require` besides.
  assert.ok(readdirSync(join(options.cacheDir, folder)).length >= 8);
  assert.equal(process.env.NODE_COMPILE_CACHE, before);
  rmSync(join(options.cacheDir, folder), { recursive: true });
  await warmPrograms(options);
  assert.ok(!existsSync(join(options.cacheDir, folder)), 'the stamp still fits');
  write('packages/tool/src/main.ts', 'export const changed: number = 1;\n');
  await warmPrograms(options);
  assert.ok(existsSync(join(options.cacheDir, folder)));
});
