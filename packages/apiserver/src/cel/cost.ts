/**
 * What an expression costs at most, before it was ever evaluated, in the units of cel-go's estimator: 1 a variable or
 * field, a tenth of a character, and so on. Of what is not known it takes the least, so that nothing is refused in error.
 */
import { isJsonObject, type JSONSchemaProps } from '@kubets/api';
import type { ASTNode } from '@marcbachmann/cel-js';
import { mostElements } from './sizes.ts';

type Schema = JSONSchemaProps;
type Scope = ReadonlyMap<string, Schema | undefined>;

/** Characters are gone through ten for one unit. */
const PER_CHARACTER = 0.1;
const PER_PATTERN_CHARACTER = 0.25;
const LIST_COST = 10;
const MAP_COST = 30;

const traversal = (size: number, factor = PER_CHARACTER): number => Math.ceil(size * factor);

/** What the loop of a macro does for each element, beside the expression itself. */
const LOOPS: Readonly<Record<string, number>> = {
  all: 3,
  exists: 4,
  exists_one: 2,
  map: LIST_COST + 2,
  filter: LIST_COST + 3,
};

const COMPARED = new Set(['==', '!=', '<', '<=', '>', '>=']);

/** The most an expression about a value of the schema costs. */
export function estimatedCost(ast: ASTNode, self: Schema): number {
  return costOf(
    ast,
    new Map([
      ['self', self],
      ['oldSelf', self],
    ]),
  );
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;

/** The nodes right below one. */
function operands({ args }: ASTNode): ASTNode[] {
  const list: unknown[] = Array.isArray(args) ? args.flat(2) : [args];
  return list.filter(isNode);
}

const sum = (nodes: readonly ASTNode[], scope: Scope): number =>
  nodes.reduce((total, node) => total + costOf(node, scope), 0);

function costOf(node: ASTNode, scope: Scope): number {
  const { op } = node;
  const inner = operands(node);
  if (op === 'value') return 0;
  if (op === 'id') return 1;
  if (op === 'list') return LIST_COST + sum(inner, scope);
  if (op === 'map') return MAP_COST + sum(inner, scope);
  if (op === '&&' || op === '||') return sum(inner, scope);
  if (op === '?:') {
    const [condition, ...either] = inner.map((one) => costOf(one, scope));
    return (condition ?? 0) + Math.max(0, ...either);
  }
  if (op === 'rcall' || op === 'call') return callCost(node, scope);
  const [left, right] = inner;
  const sizes = [left, right].map((one) => (one ? sizeOf(one, scope) : undefined));
  return sum(inner, scope) + operatorCost(op, sizes);
}

function operatorCost(op: string, [left = 1, right = 1]: (number | undefined)[]): number {
  if (COMPARED.has(op)) return Math.max(1, traversal(Math.min(left, right)));
  if (op === '+') return Math.max(1, traversal(left + right));
  return op === 'in' ? right : 1;
}

function callCost(node: ASTNode, scope: Scope): number {
  const args = node.args as unknown[];
  const name = String(args[0]);
  const loop = LOOPS[name];
  if (node.op === 'rcall' && loop !== undefined) return loopCost(node, loop, scope);
  const inner = operands(node);
  if (name === 'has') return sum(inner, scope);
  const [target, first] = inner;
  const size = (target && sizeOf(target, scope)) ?? 1;
  const other = (first && sizeOf(first, scope)) ?? 1;
  return sum(inner, scope) + Math.max(1, functionCost(name, size, other));
}

const TRAVERSED = new Set(
  'lowerAscii upperAscii substring trim replace split join url isURL quantity isQuantity format'.split(
    ' ',
  ),
);
const COUNTED = new Set(['isSorted', 'sum', 'min', 'max', 'indexOf', 'lastIndexOf']);

function functionCost(name: string, size: number, other: number): number {
  if (name === 'contains') return traversal(size) * traversal(other);
  if (name === 'startsWith' || name === 'endsWith') return traversal(other);
  if (name === 'matches' || name === 'find' || name === 'findAll') {
    return traversal(size + 1) * traversal(other, PER_PATTERN_CHARACTER);
  }
  if (TRAVERSED.has(name)) return traversal(size);
  return COUNTED.has(name) ? size : 1;
}

/** A macro goes through what it is called on; its variables stand for the elements. */
function loopCost(node: ASTNode, perElement: number, scope: Scope): number {
  const [, range, given] = node.args as [string, ASTNode, unknown[]];
  const inside = given.filter(isNode);
  const [variable, ...bodies] = inside;
  const within = new Map(scope);
  if (variable?.op === 'id') within.set(String(variable.args), elementOf(schemaOf(range, scope)));
  const body = sum(bodies, within) + perElement;
  return costOf(range, scope) + 1 + (sizeOf(range, scope) ?? 1) * body;
}

/** What a macro's variable stands for: items of a list, keys of a map. */
function elementOf(schema: Schema | undefined): Schema | undefined {
  if (schema?.type !== 'array') return schema === undefined ? undefined : { type: 'string' };
  return isJsonObject(schema.items) ? (schema.items as Schema) : undefined;
}

/** How many elements or characters a value has at most; undefined: nobody knows. */
function sizeOf(node: ASTNode, scope: Scope): number | undefined {
  if (node.op === 'value') {
    return typeof node.args === 'string' ? Buffer.byteLength(node.args) : undefined;
  }
  if (node.op === 'list') return operands(node).length;
  const [name, range] = Array.isArray(node.args) ? (node.args as unknown[]) : [];
  if (node.op === 'rcall' && (name === 'map' || name === 'filter') && isNode(range)) {
    return sizeOf(range, scope);
  }
  const schema = schemaOf(node, scope);
  return schema && mostElements(schema);
}

function schemaOf(node: ASTNode, scope: Scope): Schema | undefined {
  if (node.op === 'id') return scope.get(String(node.args));
  if (!['.', '.?', '[]', '[?]'].includes(node.op)) return undefined;
  const [target, name] = node.args as unknown as [ASTNode, unknown];
  const of = isNode(target) ? schemaOf(target, scope) : undefined;
  if (of === undefined) return undefined;
  if (typeof name === 'string' && of.properties?.[name]) return of.properties[name];
  if (of.type === 'array') return elementOf(of);
  return isJsonObject(of.additionalProperties) ? (of.additionalProperties as Schema) : undefined;
}
