/** Label selectors: the text form of queries and the object form of specs, compiled to requirements. */

import { badRequest } from '../errors.ts';
import { type FieldError, invalid } from '../field-error.ts';
import { lookup } from '../own.ts';
import { labelValue, qualifiedName } from '../validation/names.ts';

export type LabelOperator = 'in' | 'notin' | 'exists' | '!' | '=' | '==' | '!=' | 'gt' | 'lt';

export interface LabelRequirement {
  key: string;
  operator: LabelOperator;
  values: readonly string[];
}

/** All requirements must hold; an empty list selects everything. */
export interface ParsedLabelSelector {
  readonly requirements: readonly LabelRequirement[];
  /** Selects nothing, whatever the labels. */
  readonly nothing?: boolean;
}

export const EVERYTHING: ParsedLabelSelector = { requirements: [] };
export const NOTHING: ParsedLabelSelector = { requirements: [], nothing: true };

type Labels = Readonly<Record<string, string>> | undefined;

function requirementHolds(r: LabelRequirement, labels: Labels): boolean {
  const has = labels !== undefined && Object.hasOwn(labels, r.key);
  const value = has ? (labels[r.key] ?? '') : '';
  switch (r.operator) {
    case 'in':
    case '=':
    case '==':
      return has && r.values.includes(value);
    case 'notin':
    case '!=':
      return !has || !r.values.includes(value);
    case 'exists':
      return has;
    case '!':
      return !has;
    default: {
      if (!has || !/^[+-]?\d+$/.test(value)) return false;
      const difference = BigInt(value) - BigInt(r.values[0] ?? '0');
      return r.operator === 'gt' ? difference > 0n : difference < 0n;
    }
  }
}

/** Do the labels satisfy the selector? */
export function matchesLabels(selector: ParsedLabelSelector, labels: Labels): boolean {
  if (selector.nothing) return false;
  return selector.requirements.every((r) => requirementHolds(r, labels));
}

interface Token {
  kind:
    | 'end'
    | 'identifier'
    | '('
    | ')'
    | ','
    | '!'
    | '='
    | '=='
    | '!='
    | '>'
    | '<'
    | 'in'
    | 'notin';
  text: string;
}

const SPECIAL = /^(==|!=|=|!|\(|\)|,|>|<)/;

function tokenize(text: string): Token[] {
  const out: Token[] = [];
  let rest = text.trimStart();
  while (rest !== '') {
    const special = SPECIAL.exec(rest)?.[0];
    const word = special ?? /^[^\s=!(),><]+/.exec(rest)?.[0] ?? rest;
    const kind = special ?? (word === 'in' || word === 'notin' ? word : 'identifier');
    out.push({ kind: kind as Token['kind'], text: word });
    rest = rest.slice(word.length).trimStart();
  }
  return out;
}

const END: Token = { kind: 'end', text: '' };

class Parser {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(text: string) {
    this.tokens = tokenize(text);
  }

  private peek(): Token {
    return this.tokens[this.at] ?? END;
  }

  private next(): Token {
    const token = this.peek();
    this.at += 1;
    return token;
  }

  private fail(found: Token, expected: string): never {
    throw badRequest(`unable to parse requirement: found '${found.text}', expected: ${expected}`);
  }

  parse(): LabelRequirement[] {
    const out: LabelRequirement[] = [];
    if (this.peek().kind === 'end') return out;
    for (;;) {
      out.push(this.requirement());
      const token = this.next();
      if (token.kind === 'end') return out;
      if (token.kind !== ',') this.fail(token, "',' or 'end of string'");
      const after = this.peek();
      if (after.kind !== 'identifier' && after.kind !== '!' && !this.isWord(after)) {
        this.fail(after, "identifier after ','");
      }
    }
  }

  /** `in` and `notin` are ordinary words where a key or value stands. */
  private isWord(token: Token): boolean {
    return token.kind === 'identifier' || token.kind === 'in' || token.kind === 'notin';
  }

  private requirement(): LabelRequirement {
    const absent = this.peek().kind === '!';
    if (absent) this.next();
    const key = this.next();
    if (!this.isWord(key)) this.fail(key, 'identifier');
    const next = this.peek();
    if (absent || next.kind === 'end' || next.kind === ',') {
      return newRequirement(key.text, absent ? '!' : 'exists', []);
    }
    return this.withOperator(key.text);
  }

  private withOperator(key: string): LabelRequirement {
    const token = this.next();
    switch (token.kind) {
      case 'in':
      case 'notin':
        return newRequirement(key, token.kind, this.valueSet());
      case '=':
      case '==':
      case '!=':
        return newRequirement(key, token.kind, [this.exactValue()]);
      case '>':
        return newRequirement(key, 'gt', [this.exactValue()]);
      case '<':
        return newRequirement(key, 'lt', [this.exactValue()]);
      default:
        return this.fail(token, 'in, notin, =, ==, !=, gt, lt');
    }
  }

  private exactValue(): string {
    const next = this.peek();
    if (next.kind === 'end' || next.kind === ',') return '';
    this.next();
    if (!this.isWord(next)) this.fail(next, 'identifier');
    return next.text;
  }

  private valueSet(): string[] {
    const open = this.next();
    if (open.kind !== '(') this.fail(open, "'('");
    const out: string[] = [];
    let wantValue = true;
    for (;;) {
      const token = this.next();
      if (token.kind === ')') {
        if (wantValue) out.push('');
        return [...new Set(out)].sort();
      }
      if (token.kind === ',') {
        if (wantValue) out.push('');
        wantValue = true;
        continue;
      }
      if (!this.isWord(token) || !wantValue) {
        this.fail(token, wantValue ? "',', ')' or identifier" : "',' or ')'");
      }
      out.push(token.text);
      wantValue = false;
    }
  }
}

function requirementErrors(r: LabelRequirement): FieldError[] {
  const out = qualifiedName(r.key).map((m) => invalid('key', r.key, m));
  if (r.operator === 'gt' || r.operator === 'lt') {
    r.values.forEach((v, i) => {
      if (!/^[+-]?\d+$/.test(v)) {
        const text = "for 'Gt', 'Lt' operators, the value must be an integer";
        out.push(invalid(`values[${i}]`, v, text));
      }
    });
  }
  r.values.forEach((v, i) => {
    out.push(...labelValue(v).map((m) => invalid(`values[${i}][${r.key}]`, v, m)));
  });
  return out;
}

function newRequirement(
  key: string,
  operator: LabelOperator,
  values: readonly string[],
): LabelRequirement {
  const r: LabelRequirement = { key, operator, values };
  const errors = requirementErrors(r);
  if (errors.length > 0) {
    const text = errors.length === 1 ? String(errors[0]) : `[${errors.map(String).join(', ')}]`;
    throw badRequest(`unable to parse requirement: ${text}`);
  }
  return r;
}

/** Parses `a=b,c!=d,e in (f,g),!h`. Throws ApiError (BadRequest) with the stock server's message. */
export function parseLabelSelector(text: string): ParsedLabelSelector {
  const requirements = new Parser(text).parse();
  return requirements.length === 0 ? EVERYTHING : { requirements };
}

/** The `matchLabels` and `matchExpressions` of a spec. */
export interface LabelSelectorLike {
  matchLabels?: Record<string, string> | undefined;
  matchExpressions?: { key: string; operator: string; values?: string[] | undefined }[] | undefined;
}

const EXPRESSION_OPERATORS: Readonly<Record<string, LabelOperator>> = lookup({
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
});

/** The compiled form; absent selects nothing, empty selects everything. Throws ApiError when malformed. */
export function labelSelectorOf(selector: LabelSelectorLike | undefined): ParsedLabelSelector {
  if (!selector) return NOTHING;
  const out: LabelRequirement[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    out.push({ key, operator: '=', values: [value] });
  }
  for (const e of selector.matchExpressions ?? []) {
    const operator = EXPRESSION_OPERATORS[e.operator];
    if (!operator) throw badRequest(`"${e.operator}" is not a valid label selector operator`);
    out.push(newRequirement(e.key, operator, e.values ?? []));
  }
  return out.length === 0 ? EVERYTHING : { requirements: out };
}

/** The compiled form of a plain map, as Services and ReplicationControllers have it. */
export function labelSetSelector(labels: Record<string, string> | undefined): ParsedLabelSelector {
  const entries = Object.entries(labels ?? {});
  if (entries.length === 0) return EVERYTHING;
  return { requirements: entries.map(([key, v]) => ({ key, operator: '=', values: [v] })) };
}

function requirementText(r: LabelRequirement): string {
  switch (r.operator) {
    case 'exists':
      return r.key;
    case '!':
      return `!${r.key}`;
    case 'in':
    case 'notin':
      return `${r.key} ${r.operator} (${[...r.values].sort().join(',')})`;
    case 'gt':
      return `${r.key}>${r.values[0]}`;
    case 'lt':
      return `${r.key}<${r.values[0]}`;
    default:
      return `${r.key}${r.operator}${r.values[0] ?? ''}`;
  }
}

/** The text form, sorted by key: what Scale shows as its selector. */
export function formatLabelSelector(selector: ParsedLabelSelector): string {
  const sorted = [...selector.requirements].sort((a, b) => (a.key < b.key ? -1 : 1));
  return sorted.map(requirementText).join(',');
}
