/**
 * No guide names a command or a flag that is not there. What the commands do when they are followed to the letter is tried by
 * `tests/guides.long.ts` and `tests/vm-compose.long.ts`, which take more than CI has.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kubets } from './support/cluster.ts';
import { Guide } from './support/guide.ts';
import { repo } from './support/shell.ts';

const docs = readdirSync(join(repo, 'docs')).filter((name) => name.endsWith('.md'));
const FILES = ['README.md', 'deploy/README.md', ...docs.map((name) => `docs/${name}`)];

interface Line {
  readonly file: string;
  readonly text: string;
  /** The command's own name, such as `etcd member add`. */
  readonly path: readonly string[];
  readonly flags: readonly string[];
}

/** Words of a command up to the first that is a flag, a value or a place for one. */
function lineOf(file: string, text: string): Line | undefined {
  const [program, ...words] = text.replace(/^npx /, '').split(/\s+/);
  if (program !== 'kubets') return undefined;
  const end = words.findIndex((word) => !/^[a-z][a-z-]*$/.test(word));
  const path = end < 0 ? words : words.slice(0, end);
  const flags = words.flatMap((word) => /^--[a-z-]+/.exec(word)?.[0] ?? []);
  return path.length === 0 ? undefined : { file, text, path, flags };
}

/** `a|b` in a text stands for both. */
function spelledOut(text: string): string[] {
  const choice = text.split(' ').find((word) => /^[a-z-]+(\|[a-z-]+)+$/.test(word));
  if (choice === undefined) return [text];
  return choice.split('|').flatMap((one) => spelledOut(text.replace(choice, one)));
}

const lines = FILES.flatMap((file) =>
  new Guide(file)
    .untried()
    .flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
    .flatMap((text) => spelledOut(text.replace(/ *#.*/, '').trim()))
    .flatMap((text) => lineOf(file, text) ?? []),
);

test('every command and flag the guides name is there', async (t) => {
  const byPath = Map.groupBy(lines, (line) => line.path.join(' '));
  t.diagnostic(`${byPath.size} commands in ${FILES.length} files`);
  assert.ok(byPath.size > 30);
  for (const [path, uses] of byPath) {
    const { out, err } = await kubets([...path.split(' '), '--help']);
    const help = out + err;
    const [first] = uses;
    assert.doesNotMatch(help, /unknown command/, `${first?.file}: "${first?.text}"`);
    assert.match(help, /usage: |flags|options/i, `${first?.file}: "${first?.text}"`);
    for (const { file, text, flags } of uses)
      for (const flag of flags) assert.ok(help.includes(flag), `${file}: "${text}" has no ${flag}`);
  }
});
