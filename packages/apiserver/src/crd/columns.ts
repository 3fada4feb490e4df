/** The columns of a custom resource's tables. */
import {
  ageDescription,
  type CustomResourceColumnDefinition,
  type ExactInteger,
  humanDuration,
  isInt64,
  isJsonObject,
  isNumeric,
  type KubeObject,
  parseTime,
  type RulesColumn,
} from '@kubets/api';
import { goFloat } from './go-values.ts';
import { findAll, type JsonPath, parseJsonPath } from './json-path.ts';

type Cell = string | ExactInteger | boolean | null;
type Definition = CustomResourceColumnDefinition;

const AGE: Definition = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** The columns after the name, and the function that fills them. */
export function columnsOf(definitions: readonly Definition[] | undefined): {
  columns: RulesColumn[];
  cells: (object: KubeObject, nowMs: number) => Cell[];
} {
  const wanted = definitions?.length ? definitions : [{ ...AGE, description: ageDescription() }];
  const paths = wanted.map(({ jsonPath }) => parseJsonPath(jsonPath) ?? []);
  const columns = wanted.map((one) => ({
    name: one.name,
    type: one.type,
    format: one.format ?? '',
    description:
      one.description || `Custom resource definition column (in JSONPath format): ${one.jsonPath}`,
    priority: one.priority ?? 0,
  }));
  const cells = (object: KubeObject, nowMs: number): Cell[] =>
    wanted.map((one, i) => cellOf(object, one, paths[i] ?? [], nowMs));
  return { columns, cells };
}

function cellOf(object: KubeObject, column: Definition, path: JsonPath, nowMs: number): Cell {
  const [first] = findAll(object, path);
  if (first === undefined) return null;
  switch (column.type) {
    case 'integer':
      if (typeof first === 'bigint') return first;
      return typeof first === 'number' ? Math.trunc(first) : null;
    case 'number':
      return isNumeric(first) ? Number(first) : null;
    case 'boolean':
      return typeof first === 'boolean' ? first : null;
    case 'date':
      return typeof first === 'string' ? ageOf(first, nowMs) : null;
    default:
      return textOf(first);
  }
}

function ageOf(text: string, nowMs: number): string {
  if (text === '' || text === 'null') return '<unknown>';
  try {
    return humanDuration(nowMs - parseTime(text).ms);
  } catch {
    return '<invalid>';
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null) return '<no value>';
  if (typeof value === 'object') return jsonText(value);
  return typeof value === 'number' && !isInt64(value) ? goFloat(value) : String(value);
}

/** JSON as Go writes it: members by name, and what would be markup in a page escaped. */
function jsonText(value: unknown): string {
  const byName = (_key: string, one: unknown): unknown =>
    isJsonObject(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one;
  return JSON.stringify(value, byName).replaceAll(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
