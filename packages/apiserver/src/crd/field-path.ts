/** Paths to fields of a schema: `.spec.size`, `.spec.labels['a.b']`. */
import { join } from './schema-validation.ts';
import { additionalSchema, type Schema } from './structural.ts';

/** Where a path leads, and how messages write it. */
export interface FieldPath {
  readonly path: string;
  readonly schema: Schema | undefined;
}

const TOKEN = /'(?:[^'\\]|\\.)*'|[.[\]]|[^.[\]']+|'/g;
const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\u000b',
  "'": "'",
  '\\': '\\',
};

const END = 'unexpected end of JSON path';
const NO_FIELD = 'does not refer to a valid field';

class Walk {
  path = '';
  schema: Schema | undefined;
  readonly #tokens: string[];

  constructor(text: string, schema: Schema) {
    this.#tokens = text.match(TOKEN) ?? [];
    this.schema = schema;
  }

  /** @returns what is wrong with the path, in the stock server's words */
  fault(allowKeys: boolean): string | undefined {
    while (this.#tokens.length > 0) {
      const token = this.#tokens.shift() ?? '';
      const wrong = token === '.' ? this.#dot() : this.#bracket(token, allowKeys);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  #dot(): string | undefined {
    const name = this.#tokens.shift();
    return name === undefined ? END : this.#step(name);
  }

  #bracket(token: string, allowKeys: boolean): string | undefined {
    if (token !== '[') return `expected [ or . but got: ${token}`;
    if (!allowKeys) return 'array notation is not allowed';
    const quoted = this.#tokens.shift();
    if (quoted === undefined) return END;
    if (!/^'.*'$/s.test(quoted) || quoted.length < 2) {
      return `expected single quoted string but got ${quoted}`;
    }
    let bad: string | undefined;
    const name = quoted.slice(1, -1).replaceAll(/\\(.)/gs, (whole, char: string) => {
      const made = ESCAPES[char];
      if (made === undefined) bad ??= whole;
      return made ?? '';
    });
    if (bad !== undefined) return `invalid string literal: invalid escape char ${bad}`;
    const wrong = this.#step(name);
    if (wrong !== undefined) return wrong;
    const end = this.#tokens.shift();
    if (end === undefined) return END;
    return end === ']' ? undefined : `expected ] but got ${end}`;
  }

  #step(name: string): string | undefined {
    const { properties } = this.schema ?? {};
    if (properties !== undefined) {
      if (!Object.hasOwn(properties, name)) return NO_FIELD;
      this.path = join(this.path, name);
      this.schema = properties[name];
      return undefined;
    }
    const values = additionalSchema(this.schema);
    if (values === undefined) return NO_FIELD;
    this.path = `${this.path}[${name}]`;
    this.schema = values;
    return undefined;
  }
}

/**
 * The field a path leads to.
 * @param allowKeys whether `['key']` may stand in it
 * @returns the field, or what is wrong with the path
 */
export function fieldPath(text: string, schema: Schema, allowKeys = true): FieldPath | string {
  const walk = new Walk(text, schema);
  return walk.fault(allowKeys) ?? { path: walk.path, schema: walk.schema };
}
