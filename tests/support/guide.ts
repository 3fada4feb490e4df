/** Commands of a guide, read out of its Markdown: what is tested is what is printed there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repo } from './shell.ts';

/** A fenced block of shell commands. */
interface Block {
  /** The heading it stands under, without its marks. */
  readonly heading: string;
  /** Its lines, as they are. */
  readonly script: string;
}

function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let open: string[] | undefined;
  for (const line of text.split('\n')) {
    if (open === undefined && line.startsWith('#')) heading = line.replace(/^#+ */, '');
    if (open !== undefined && line.startsWith('```')) {
      blocks.push({ heading, script: open.join('\n') });
      open = undefined;
    } else if (open !== undefined) open.push(line);
    else if (line === '```sh') open = [];
  }
  return blocks;
}

/** What stands between backquotes and begins with one of these words, wherever in the text; each once. */
function mentionsOf(text: string, words: readonly string[]): string[] {
  const prose = text.replace(/```[\s\S]*?```/g, '');
  const quoted = [...prose.matchAll(/`([^`]+)`/g)].map((one) => one[1]?.replace(/\s+/g, ' ') ?? '');
  return [...new Set(quoted.filter((one) => words.includes(one.split(' ')[0] ?? '')))];
}

const PROGRAMS = ['kubets', 'kubectl', 'npx'];

/** A guide, and which of its commands were tried. Headings name the block; the text itself names a command within prose. */
export class Guide {
  readonly #blocks: readonly Block[];
  readonly #mentions: readonly string[];
  readonly #tried = new Set<string>();

  /** @param file its path in the repository */
  constructor(file: string) {
    const text = readFileSync(join(repo, file), 'utf8');
    this.#blocks = blocksOf(text);
    this.#mentions = mentionsOf(text, PROGRAMS);
  }

  /** The n-th block of commands under a heading that has these words. */
  block(heading: string, n = 0): string {
    const found = this.#blocks.filter((one) => one.heading.includes(heading))[n];
    if (found === undefined) throw new Error(`no block ${n} under "${heading}"`);
    this.#tried.add(found.script);
    return found.script;
  }

  /** A command within the text, with other words in the place of some. */
  command(text: string, values: Readonly<Record<string, string>> = {}): string {
    if (!this.#mentions.includes(text)) throw new Error(`the guide has no "${text}"`);
    this.#tried.add(text);
    const put = (all: string, [word, value]: [string, string]) => all.replace(word, value);
    return Object.entries(values).reduce(put, text);
  }

  /** Whether somebody has asked for it here: another guide may name it, too. */
  hasTried(text: string): boolean {
    return this.#tried.has(text);
  }

  /** What nobody has asked for. */
  untried(): string[] {
    const all = [...this.#blocks.map((one) => one.script), ...this.#mentions];
    return all.filter((one) => !this.#tried.has(one));
  }
}

/**
 * Words a command printed, checked against a guide's pattern, in which `…` stands for what differs.
 * @throws Error when no line of them fits
 */
export function printedLine(output: string, pattern: string): string {
  const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const parts = pattern.trim().split('…').map(literal);
  const found = new RegExp(`^\\s*(${parts.join('\\S+')})\\s*$`, 'm').exec(output)?.[1];
  if (found !== undefined) return found;
  throw new Error(`no line like "${pattern.trim()}" in:\n${output}`);
}
