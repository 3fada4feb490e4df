/** Field selectors: `metadata.name=x,status.phase!=Running`. */
import { badRequest } from '../errors.ts';
import { getOwn } from '../own.ts';

export interface FieldRequirement {
  field: string;
  operator: '=' | '!=';
  value: string;
}

/** All requirements must hold; an empty list selects everything. */
export type ParsedFieldSelector = readonly FieldRequirement[];

/** Splits at commas that are not escaped; escapes stay. */
function splitTerms(text: string): string[] {
  return text.match(/(?:\\.|[^,\\])+/gs) ?? [];
}

function unescapeValue(value: string, term: string): string {
  if (/(^|[^\\])(\\\\)*\\[^\\,=]/.test(value) || /(^|[^\\])(\\\\)*\\$/.test(value)) {
    throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
  }
  return value.replace(/\\([\\,=])/g, '$1');
}

function parseTerm(term: string, whole: string): FieldRequirement {
  for (let i = 0; i < term.length; i += 1) {
    if (term[i] === '\\') {
      i += 1;
      continue;
    }
    const operator = ['!=', '==', '='].find((o) => term.startsWith(o, i));
    if (!operator) continue;
    const value = unescapeValue(term.slice(i + operator.length), term);
    return { field: term.slice(0, i), operator: operator === '!=' ? '!=' : '=', value };
  }
  throw badRequest(`invalid selector: '${whole}'; can't understand '${term}'`);
}

/** Throws ApiError (BadRequest) with the stock server's message. */
export function parseFieldSelector(text: string): ParsedFieldSelector {
  return splitTerms(text).map((term) => parseTerm(term, text));
}

/** Do the object's selectable fields (see `selectableFields`) satisfy the selector? */
export function matchesFields(
  selector: ParsedFieldSelector,
  fields: Readonly<Record<string, string>>,
): boolean {
  return selector.every(
    (r) => ((getOwn(fields, r.field) ?? '') === r.value) === (r.operator === '='),
  );
}

/** The one value an object must have in this field, when the selector says so. */
export function requiredValue(selector: ParsedFieldSelector, field: string): string | undefined {
  return selector.find((r) => r.field === field && r.operator === '=')?.value;
}
