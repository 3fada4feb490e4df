/** A copy of the store's sources with one text replaced. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ChaosError } from '../errors.ts';
import type { Planted } from '../self-test/planted.ts';

const PACKAGE = join(import.meta.dirname, '..', '..', '..', 'etcd');
const ROOT = join(PACKAGE, '..', '..');

/** The broken text of its file. @throws ChaosError when the sources have changed so that the bug no longer fits */
export function plant({ name, file, find, replace }: Planted): string {
  const parts = readFileSync(join(PACKAGE, 'src', file), 'utf8').split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new ChaosError(`the planted bug ${name} fits ${parts.length - 1} places of ${file}`);
}

export class BrokenBuild implements Disposable {
  readonly #dir: string;
  /** To be run instead of the store's own. */
  readonly main: string;

  constructor(planted: Planted) {
    const text = plant(planted);
    this.#dir = mkdtempSync(join(tmpdir(), 'kubets-chaos-build-'));
    const copy = join(this.#dir, 'packages', 'etcd');
    mkdirSync(dirname(copy), { recursive: true });
    cpSync(join(PACKAGE, 'src'), join(copy, 'src'), {
      recursive: true,
      filter: (path) => !path.endsWith('.test.ts'),
    });
    cpSync(join(PACKAGE, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(ROOT, 'proto'), join(this.#dir, 'proto'));
    symlinkSync(join(ROOT, 'node_modules'), join(this.#dir, 'node_modules'));
    writeFileSync(join(copy, 'src', planted.file), text);
    this.main = join(copy, 'src', 'main.ts');
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
