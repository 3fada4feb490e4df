/** The columns of a custom resource's tables. */
import {
  ageDescription,
  type CustomResourceColumnDefinition,
  humanDuration,
  isJsonObject,
  type KubeObject,
  type RulesColumn,
} from '@kubets/api';
import { findAll, type JsonPath, parseJsonPath } from './json-path.ts';

type Cell = string | number | boolean | null;
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
  if (first === undefined || first === null) return null;
  switch (column.type) {
    case 'integer':
      return typeof first === 'number' ? Math.trunc(first) : null;
    case 'number':
      return typeof first === 'number' ? first : null;
    case 'boolean':
      return typeof first === 'boolean' ? first : null;
    case 'date':
      return ageOf(first, nowMs);
    default:
      return textOf(first);
  }
}

function ageOf(value: unknown, nowMs: number): string {
  if (typeof value !== 'string') return '<unknown>';
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? '<invalid>' : humanDuration(nowMs - ms);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) || isJsonObject(value) ? JSON.stringify(value) : String(value);
}
