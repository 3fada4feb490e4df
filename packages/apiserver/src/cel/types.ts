/** Types of expressions, and how they fit each other: the rules of the language's checker. */

export type Kind =
  | 'dyn'
  | 'error'
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'duration'
  | 'timestamp'
  | 'list'
  | 'map'
  | 'type'
  | 'optional'
  | 'object'
  | 'param';

/** A type. Lists, maps, optionals and types of types have parameters, objects have fields. */
export interface Type {
  readonly kind: Kind;
  /** As expressions write it. */
  readonly name: string;
  readonly params: readonly Type[];
  /** Fields by the names expressions write; only objects have some. */
  readonly fields?: () => ReadonlyMap<string, Type>;
}

const plain = (kind: Kind, name: string = kind): Type => ({ kind, name, params: [] });

export const DYN = plain('dyn');
export const ERROR = plain('error', '!error!');
export const NULL = plain('null', 'null_type');
export const BOOL = plain('bool');
export const INT = plain('int');
export const UINT = plain('uint');
export const DOUBLE = plain('double');
export const STRING = plain('string');
export const BYTES = plain('bytes');
export const DURATION = plain('duration', 'google.protobuf.Duration');
export const TIMESTAMP = plain('timestamp', 'google.protobuf.Timestamp');

export const listOf = (of: Type): Type => ({ kind: 'list', name: 'list', params: [of] });
export const mapOf = (key: Type, of: Type): Type => ({
  kind: 'map',
  name: 'map',
  params: [key, of],
});
export const optionalOf = (of: Type): Type => ({
  kind: 'optional',
  name: 'optional_type',
  params: [of],
});
export const typeType = (of: Type): Type => ({ kind: 'type', name: 'type', params: [of] });
/** What any type may stand for, the same one everywhere in a signature. */
export const paramType = (name: string): Type => plain('param', name);

const NO_FIELDS: ReadonlyMap<string, Type> = new Map();

/** A type with fields, known by its name. */
export const objectType = (
  name: string,
  fields: () => ReadonlyMap<string, Type> = () => NO_FIELDS,
): Type => ({ kind: 'object', name, params: [], fields });

/** A parameter of a type. */
export const inner = (type: Type, at = 0): Type => type.params[at] ?? DYN;

const SHOWN: Readonly<Partial<Record<Kind, string>>> = {
  null: 'null',
  duration: 'duration',
  timestamp: 'timestamp',
};

/** A type as complaints show it: `map(string, list(int))`. */
export function typeText(type: Type): string {
  const name = SHOWN[type.kind] ?? type.name;
  return type.params.length === 0 ? name : `${name}(${type.params.map(typeText).join(', ')})`;
}

/** What parameters of signatures stand for so far; what was tried in vain can be taken back. */
export class Bindings {
  readonly #known = new Map<string, Type>();
  readonly #before: [string, Type | undefined][] = [];

  find(type: Type): Type | undefined {
    return type.kind === 'param' ? this.#known.get(type.name) : undefined;
  }

  set({ name }: Type, type: Type): void {
    this.#before.push([name, this.#known.get(name)]);
    this.#known.set(name, type);
  }

  /** Does work that binds, and takes back what it bound when it fails. */
  attempt(work: () => boolean): boolean {
    const mark = this.#before.length;
    if (work()) return true;
    for (const [name, type] of this.#before.splice(mark).reverse()) {
      if (type === undefined) this.#known.delete(name);
      else this.#known.set(name, type);
    }
    return false;
  }
}

const isSame = (a: Type, b: Type): boolean =>
  a.kind === b.kind && a.name === b.name && a.params.every((one, i) => isSame(one, inner(b, i)));

/** Whether the first is as general as the second, or more. */
function isLessSpecific(a: Type, b: Type): boolean {
  if (a.kind === 'dyn' || a.kind === 'param') return true;
  if (b.kind === 'dyn' || b.kind === 'param' || a.kind !== b.kind) return false;
  if (a.kind === 'type') return true;
  return a.name === b.name && a.params.every((one, i) => isLessSpecific(one, inner(b, i)));
}

export const mostGeneral = (a: Type, b: Type): Type => (isLessSpecific(a, b) ? a : b);

/** A type that stands for itself must not hold itself. */
function isFree(bindings: Bindings, param: Type, within: Type): boolean {
  if (isSame(param, within)) return false;
  if (within.kind === 'param') {
    const known = bindings.find(within);
    return known === undefined || isFree(bindings, param, known);
  }
  return within.params.every((one) => isFree(bindings, param, one));
}

/** Whether a parameter may stand for a type; undefined: it stands for nothing yet, and not for this. */
function bind(bindings: Bindings, type: Type, param: Type): boolean | undefined {
  if (isSame(type, param)) return true;
  const known = bindings.find(param);
  if (known !== undefined) {
    if (isSame(type, known)) return true;
    if (!fits(bindings, type, known)) return false;
    const general = mostGeneral(type, known);
    if (isFree(bindings, param, general)) bindings.set(param, general);
    return true;
  }
  if (!isFree(bindings, param, type)) return undefined;
  bindings.set(param, type);
  return true;
}

const NULLABLE: ReadonlySet<Kind> = new Set([
  'null',
  'object',
  'optional',
  'duration',
  'timestamp',
]);

/** Whether a value of one type may stand where the other is wanted; binds parameters on the way. */
function fits(bindings: Bindings, a: Type, b: Type): boolean {
  if (b.kind === 'param') {
    const bound = bind(bindings, a, b);
    if (bound !== undefined) return bound;
  }
  if (a.kind === 'param') return bind(bindings, b, a) === true;
  const isOpen = ({ kind }: Type): boolean => kind === 'dyn' || kind === 'error';
  if (isOpen(a) || isOpen(b)) return true;
  if (a.kind === 'null') return NULLABLE.has(b.kind);
  if (b.kind === 'null') return NULLABLE.has(a.kind);
  if (a.kind !== b.kind) return false;
  if (a.kind === 'type') return true;
  return a.name === b.name && a.params.every((one, i) => fits(bindings, one, inner(b, i)));
}

/** Whether all types fit theirs; binds parameters only if they do. */
export function assignable(
  bindings: Bindings,
  given: readonly Type[],
  wanted: readonly Type[],
): boolean {
  if (given.length !== wanted.length) return false;
  return bindings.attempt(() => given.every((type, i) => fits(bindings, type, wanted[i] ?? DYN)));
}

/** A type with its parameters filled in; `free` stands for those that stand for nothing. */
export function substituted(bindings: Bindings, type: Type, free?: Type): Type {
  const known = bindings.find(type);
  if (known !== undefined) return substituted(bindings, known, free);
  if (type.kind === 'param') return free ?? type;
  if (type.params.length === 0) return type;
  return { ...type, params: type.params.map((one) => substituted(bindings, one, free)) };
}
