/** Functions of the language: their signatures, and what they do. */
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  paramType,
  STRING,
  TIMESTAMP,
  type Type,
  typeType,
  UINT,
} from './types.ts';

/** What a function does with its arguments, the target of a method first. @throws EvaluationFailure */
export type Run = (...args: unknown[]) => unknown;

/** One way to call a function. */
export interface Overload {
  readonly isMethod: boolean;
  /** The target of a method is the first. */
  readonly params: readonly Type[];
  readonly result: Type;
  readonly run: Run;
  /** Whether parts of the types are open, the same everywhere. */
  readonly isGeneric: boolean;
}

const NAMED: ReadonlyMap<string, Type> = new Map(
  [DYN, NULL, BOOL, INT, UINT, DOUBLE, STRING, BYTES, DURATION, TIMESTAMP].map((type) => [
    type.kind,
    type,
  ]),
);

const TOKEN = /[\w.]+|[(),]/g;

/** Reads types: `list(A)`, `map(string, dyn)`; single capital letters stand for any type. */
class TypeReader {
  readonly #tokens: string[];
  readonly #own: ReadonlyMap<string, Type>;
  isGeneric = false;

  constructor(text: string, own: ReadonlyMap<string, Type>) {
    this.#tokens = text.match(TOKEN) ?? [];
    this.#own = own;
  }

  get more(): boolean {
    return this.#tokens.length > 0;
  }

  next(): Type {
    const name = this.#tokens.shift() ?? '';
    const params = this.#params();
    const [first = DYN, second = DYN] = params;
    if (name === 'list') return listOf(first);
    if (name === 'map') return mapOf(first, second);
    if (name === 'optional') return optionalOf(first);
    if (name === 'type') return typeType(first);
    if (/^[A-Z]$/.test(name)) {
      this.isGeneric = true;
      return paramType(name);
    }
    const type = NAMED.get(name) ?? this.#own.get(name);
    if (type === undefined) throw new Error(`no type ${name}`);
    return type;
  }

  #params(): Type[] {
    if (this.#tokens[0] !== '(') return [];
    this.#tokens.shift();
    return this.list();
  }

  /** Up to the closing parenthesis. */
  list(): Type[] {
    const types: Type[] = [];
    while (this.#tokens[0] !== ')') {
      if (this.#tokens[0] === ',') this.#tokens.shift();
      types.push(this.next());
    }
    this.#tokens.shift();
    return types;
  }

  open(): void {
    this.#tokens.shift();
  }
}

/** A type whose values expressions may make: `Name{field: value}`. */
export interface StructType {
  readonly type: Type;
  /** @throws EvaluationFailure for fields that cannot be */
  make(fields: ReadonlyMap<string, unknown>): unknown;
}

/** Everything expressions may call and every type they may name. */
export class Library {
  readonly #functions = new Map<string, Overload[]>();
  readonly #types = new Map<string, Type>();

  /** A type that brings its name along. */
  addType(type: Type): this {
    this.#types.set(type.name, type);
    return this;
  }

  /**
   * Adds a way to call a function.
   * @param signature `string -> (int) string` of a method, `(string) int` of a function
   */
  add(name: string, signature: string, run: Run): this {
    const [first = '', second] = signature.split('->');
    const reader = new TypeReader(second ?? first, this.#types);
    reader.open();
    const params = reader.list();
    const result = reader.next();
    const target = second === undefined ? undefined : new TypeReader(first, this.#types);
    const types = target === undefined ? params : [target.next(), ...params];
    const isGeneric = reader.isGeneric || target?.isGeneric === true;
    const made = { isMethod: target !== undefined, params: types, result, run, isGeneric };
    const known = this.#functions.get(name);
    if (known === undefined) this.#functions.set(name, [made]);
    else known.push(made);
    return this;
  }

  function(name: string): readonly Overload[] | undefined {
    return this.#functions.get(name);
  }

  /** Types whose values can be made; by themselves libraries have none. */
  struct(_name: string): StructType | undefined {
    return undefined;
  }

  type(name: string): Type | undefined {
    return this.#types.get(name);
  }
}
