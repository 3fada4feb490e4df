/**
 * The repository's own lint: what Biome and the compiler cannot see. Run as a test (`tidy.test.ts`); each finding names the
 * file, the line and what to do instead.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '..');

/** One thing to mend. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;
const LINE_CHARS_MAX = 130;

/** Allowed imports between packages: each may import those listed, nothing else of the project. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  platform: [],
  api: [],
  etcd: ['platform'],
  client: ['api', 'platform'],
  apiserver: ['api', 'etcd', 'platform', 'client'],
  scheduler: ['api', 'client', 'platform'],
  'controller-manager': ['api', 'client', 'platform'],
  'cloud-controller-manager': ['api', 'client', 'controller-manager', 'platform'],
  kubelet: ['api', 'client', 'platform'],
  proxy: ['api', 'client', 'platform'],
  dns: ['api', 'client', 'platform'],
  cluster: ['api', 'client', 'kubelet', 'platform'],
  bench: ['api', 'platform', 'scheduler'],
  chaos: ['etcd', 'platform'],
};

interface Banned {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Whether the rule holds in this file. */
  readonly where: (file: string) => boolean;
}

const isTest = (file: string): boolean =>
  /\.(test|e2e|bench)\.ts$/.test(file) || file.includes('/testing/') || file.startsWith('tests/');
const ownsTheWorld = (file: string): boolean =>
  file.endsWith('/main.ts') ||
  file.endsWith('-main.ts') ||
  file.includes('/runtime/') ||
  file.startsWith('packages/platform/src/') ||
  file.startsWith('scripts/') ||
  /^packages\/\w+\/scripts\//.test(file);

const BANNED: readonly Banned[] = [
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)/,
    instead: 'take a Clock',
    where: (file) => !isTest(file) && !ownsTheWorld(file),
  },
  {
    pattern: /\bMath\.random\(/,
    instead: 'take a Random',
    where: (file) => !ownsTheWorld(file),
  },
  {
    pattern: /(?<![.\w])set(Timeout|Interval)\(/,
    instead: 'take a Clock; in tests wait for a condition',
    where: (file) => !ownsTheWorld(file) && !isTest(file),
  },
  {
    pattern: /\bconsole\.(log|error|warn|info|debug)\(/,
    instead: 'use the logger, or the command’s Io',
    where: (file) => !ownsTheWorld(file) && !isTest(file),
  },
  {
    pattern: /\b(TODO|FIXME|XXX)\b(?!\.)/,
    instead: 'do it, or write it in the docs',
    where: (file) => !file.startsWith('scripts/tidy'),
  },
  {
    pattern: /\bcatch\s*(\([^)]*\))?\s*\{\s*\}/,
    instead: 'handle the error, or say in a comment why it does not matter',
    where: () => true,
  },
  {
    pattern: /\b(test|it|describe)\.(only|todo)\(/,
    instead: 'run every test',
    where: (file) => !file.startsWith('scripts/tidy'),
  },
];

/** Tracked and new files, generated ones left out. */
export function sourceFiles(): string[] {
  const list = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts'], {
    cwd: root,
    encoding: 'utf8',
  });
  return list
    .split('\n')
    .filter((file) => file !== '' && !file.includes('/generated/') && existsSync(join(root, file)));
}

const packageOf = (file: string): string | undefined => /^packages\/([^/]+)\//.exec(file)?.[1];

function importsOf(text: string): { specifier: string; line: number }[] {
  const found: { specifier: string; line: number }[] = [];
  for (const match of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
    const line = text.slice(0, match.index).split('\n').length;
    found.push({ specifier: match[1] ?? '', line });
  }
  return found;
}

function layerFindings(file: string, text: string): Finding[] {
  const own = packageOf(file);
  if (own === undefined) return [];
  const allowed = new Set([own, ...(LAYERS[own] ?? [])]);
  return importsOf(text)
    .map(({ specifier, line }) => ({ line, target: /^@kubets\/([^/]+)/.exec(specifier)?.[1] }))
    .filter(({ target }) => target !== undefined && !allowed.has(target) && !isTest(file))
    .map(({ target, line }) => ({
      file,
      line,
      message: `${own} may not import ${target}; see LAYERS in scripts/tidy.ts`,
    }));
}

function bannedFindings(file: string, lines: readonly string[]): Finding[] {
  const rules = BANNED.filter((rule) => rule.where(file));
  return lines.flatMap((line, i) =>
    rules
      .filter((rule) => rule.pattern.test(line) && !/^\s*(\*|\/\/)/.test(line))
      .map((rule) => ({ file, line: i + 1, message: `${rule.pattern.source}: ${rule.instead}` })),
  );
}

function sizeFindings(file: string, lines: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  if (lines.length > FILE_LINES_MAX && !isTest(file)) {
    findings.push({ file, line: 1, message: `${lines.length} lines; split it by role` });
  }
  lines.forEach((line, i) => {
    if (line.length <= LINE_CHARS_MAX) return;
    if (/['"`]/.test(line)) return; // A text is not broken for its length: it is searched for whole.
    findings.push({ file, line: i + 1, message: `${line.length} characters in a line` });
  });
  return findings;
}

/** Functions too long to hold in the head. Relies on the formatter: a body ends at the indentation of its start. */
export function longFunctions(file: string, lines: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  const starts = [
    /^(\s*)(?:export )?(?:async )?function\b/,
    /^(\s*)(?:static |async |get |set )*#?\w+\(.*\).*\{$/,
    /^(\s*)(?:export )?(?:const|let) \w+ = (?:async )?\(.*=> \{$/,
  ];
  lines.forEach((line, i) => {
    const match = starts.map((start) => start.exec(line)).find((found) => found !== null);
    if (
      match === undefined ||
      /^\s*(if|for|while|switch|return|catch|else|describe|it|test|before|after)\b/.test(line)
    )
      return;
    const indent = match[1] ?? '';
    const end = lines.findIndex((other, j) => j > i && other.startsWith(`${indent}}`));
    if (end - i <= FUNCTION_LINES_MAX) return;
    findings.push({ file, line: i + 1, message: `a function of ${end - i} lines; split it` });
  });
  return findings;
}

/** Imports that lead back to where they started, within one package. */
export function importCycles(files: readonly string[], read: (file: string) => string): string[][] {
  const graph = new Map<string, string[]>();
  for (const file of files) {
    const targets = importsOf(read(file).replace(/import type [^;]+;/g, ''))
      .filter(({ specifier }) => specifier.startsWith('.'))
      .map(({ specifier }) => join(file, '..', specifier));
    graph.set(file, targets);
  }
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) cycles.push([...path.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  return cycles;
}

/** Source files nothing imports and nobody runs. */
export function deadFiles(files: readonly string[], read: (file: string) => string): string[] {
  const imported = new Set<string>();
  for (const file of files) {
    for (const { specifier } of importsOf(read(file))) {
      if (specifier.startsWith('.')) imported.add(join(file, '..', specifier));
    }
  }
  const isEntry = (file: string): boolean =>
    isTest(file) ||
    /(^|\/|-)(main|index)\.ts$/.test(file) ||
    /^packages\/[\w-]+\/scripts\//.test(file) ||
    file.startsWith('scripts/');
  return files.filter((file) => !imported.has(file) && !isEntry(file));
}

/** Everything there is to mend. */
export function tidy(): Finding[] {
  const files = sourceFiles();
  const texts = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
  const read = (file: string): string => texts.get(file) ?? '';
  const perFile = files.flatMap((file) => {
    const text = read(file);
    const lines = text.split('\n');
    return [
      ...sizeFindings(file, lines),
      ...(isTest(file) ? [] : longFunctions(file, lines)),
      ...bannedFindings(file, lines),
      ...layerFindings(file, text),
    ];
  });
  const cycles = importCycles(files, read).map((cycle) => ({
    file: cycle[0] ?? '',
    line: 1,
    message: `import cycle: ${cycle.join(' → ')}`,
  }));
  const dead = deadFiles(files, read).map((file) => ({
    file,
    line: 1,
    message: 'nothing imports this file; remove it',
  }));
  return [...perFile, ...cycles, ...dead];
}
