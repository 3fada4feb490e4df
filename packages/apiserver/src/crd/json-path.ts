/** The simple JSONPath of printer columns, scales and selectable fields: `.a.b[0]['c']`, `[*]`, `[?(@.type=="Ready")]`. */
import {
  type ExactInteger,
  exactInteger,
  getOwn,
  isJsonObject,
  isNumeric,
  setOwn,
} from '@kubets/api';

type Step =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | {
      readonly kind: 'where';
      readonly path: readonly Step[];
      readonly op: string;
      readonly value: unknown;
    };

export type JsonPath = readonly Step[];

const STEP =
  /\.?\['((?:[^'\\]|\\.)*)'\]|\.?\["((?:[^"\\]|\\.)*)"\]|\[(-?\d+)\]|(\[\*\]|\.\*)|\[\?\(@((?:\.[\w\\.-]+|\['[^']*'\])+)\s*(==|!=|<=|>=|<|>)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|-?\d+(?:\.\d+)?|true|false)\)\]|\.((?:[^.[\]\\]|\\.)+)/y;

/** The steps of a path, or undefined when it is none of the forms served. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps: Step[] = [];
  let at = 0;
  while (at < text.length) {
    STEP.lastIndex = at;
    const found = STEP.exec(text);
    if (found === null) return undefined;
    at = STEP.lastIndex;
    const step = stepOf(found);
    if (step === undefined) return undefined;
    steps.push(step);
  }
  return steps;
}

const plain = (text: string): string => text.replaceAll(/\\(.)/g, '$1');

function stepOf(found: RegExpExecArray): Step | undefined {
  const [, single, double, index, all, where, op, literal, name] = found;
  const quoted = single ?? double ?? name;
  if (quoted !== undefined) return { kind: 'name', name: plain(quoted) };
  if (index !== undefined) return { kind: 'index', index: Number(index) };
  if (all !== undefined) return { kind: 'all' };
  if (where === undefined || op === undefined || literal === undefined) return undefined;
  const path = parseJsonPath(where);
  return path && { kind: 'where', path, op, value: literalOf(literal) };
}

function literalOf(text: string): unknown {
  if (/^["']/.test(text)) return plain(text.slice(1, -1));
  return text === 'true' || text === 'false' ? text === 'true' : numberOf(text);
}

const numberOf = (text: string): ExactInteger =>
  /^-?\d+$/.test(text) ? exactInteger(BigInt(text)) : Number(text);

/** Everything a path finds, in order. */
export function findAll(value: unknown, path: JsonPath): unknown[] {
  let found: unknown[] = [value];
  for (const step of path) found = found.flatMap((one) => next(one, step));
  return found;
}

function memberOf(value: unknown, name: string): unknown[] {
  const member = isJsonObject(value) ? getOwn(value, name) : undefined;
  return member === undefined ? [] : [member];
}

function next(value: unknown, step: Step): unknown[] {
  switch (step.kind) {
    case 'name':
      return memberOf(value, step.name);
    case 'index': {
      const item = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case 'all':
      return Array.isArray(value) ? value : isJsonObject(value) ? Object.values(value) : [];
    case 'where':
      if (!Array.isArray(value)) return [];
      return value.filter((item) => holds(findAll(item, step.path)[0], step.op, step.value));
  }
}

function holds(left: unknown, op: string, right: unknown): boolean {
  if (op === '==') return left === right;
  if (op === '!=') return left !== right;
  const areNumbers = isNumeric(left) && isNumeric(right);
  if (!areNumbers && (typeof left !== typeof right || left === undefined)) return false;
  const [a, b] = [left as number, right as number];
  if (op === '<') return a < b;
  if (op === '<=') return a <= b;
  return op === '>' ? a > b : a >= b;
}

/** Sets the value at a path of names, making objects on the way. */
export function setAt(object: object, path: JsonPath, value: unknown): void {
  let at = object as Record<string, unknown>;
  path.forEach((step, i) => {
    if (step.kind !== 'name') return;
    if (i === path.length - 1) setOwn(at, step.name, value);
    else {
      const present = getOwn(at, step.name);
      const inner = isJsonObject(present) ? present : {};
      setOwn(at, step.name, inner);
      at = inner;
    }
  });
}
