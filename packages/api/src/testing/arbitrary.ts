/** Random objects of a schema type: decodable, mostly nonsense. */
import type { JsonObject } from '../meta.ts';
import { findType, type TypeRef } from '../schema/schema.ts';

/** A source of numbers in [0, 1). */
export type Next = () => number;

const MAX_DEPTH = 9;
const WORDS = ['', 'a', 'Bad_', 'x.y', 'ClusterIP', 'Never', 'In', '10.0.0.1', '/p', 'app/v1', '*'];
const QUANTITIES = ['0', '1', '-1', '100m', '1.5', '1Gi', '3k'];

/** A small seeded generator, so that a failure can be run again. */
export function numbers(seed: number): Next {
  let state = seed >>> 0;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function pick<T>(list: readonly T[], next: Next): T {
  const item = list[Math.floor(next() * list.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

function valueFor(ref: TypeRef, next: Next, depth: number): unknown {
  switch (ref.kind) {
    case 'string':
      return pick(WORDS, next);
    case 'bool':
      return next() < 0.5;
    case 'int32':
    case 'int64':
      return Math.floor(next() * 200) - 20;
    case 'double':
      return next();
    case 'bytes':
      return pick(['', 'AAAA', 'bnVsbA=='], next);
    case 'time':
    case 'microTime':
      return '2024-01-02T03:04:05Z';
    case 'quantity':
      return pick(QUANTITIES, next);
    case 'intOrString':
      return next() < 0.5 ? Math.floor(next() * 100) : pick(['50%', 'http', '1x%', ''], next);
    case 'list':
      return Array.from({ length: Math.floor(next() * 3) }, () =>
        valueFor(ref.of, next, depth + 1),
      );
    case 'map':
      return next() < 0.4 ? {} : { [pick(WORDS, next)]: valueFor(ref.of, next, depth + 1) };
    case 'struct':
      return structOf(ref.name, next, depth + 1);
    default:
      return {};
  }
}

function structOf(typeName: string, next: Next, depth: number): JsonObject {
  const out: JsonObject = {};
  const keep = depth > MAX_DEPTH ? 0 : depth < 3 ? 0.75 : 0.35;
  for (const field of findType(typeName)?.fields.values() ?? []) {
    if (next() < keep) out[field.name] = valueFor(field.type, next, depth);
  }
  return out;
}

/** A random object of the type. */
export function arbitraryObject(typeName: string, next: Next): JsonObject {
  return structOf(typeName, next, 0);
}
