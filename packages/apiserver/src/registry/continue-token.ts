/** Where a list that a limit cut goes on: opaque to clients, the stock server's shape inside. */
import { badRequest, goJsonError, isJsonObject, type JsonObject } from '@kubets/api';

export interface ContinueAt {
  /** The snapshot all pages show; undefined: whatever is newest (after the snapshot was compacted). */
  readonly revision: bigint | undefined;
  /** First key of the next page, below the kind's prefix. */
  readonly start: string;
}

const VERSION = 'meta.k8s.io/v1';

export function encodeContinue(at: ContinueAt): string {
  const rv = at.revision === undefined ? -1 : Number(at.revision);
  return Buffer.from(JSON.stringify({ v: VERSION, rv, start: at.start })).toString('base64url');
}

/** @throws ApiError BadRequest for anything this server did not make */
export function decodeContinue(token: string): ContinueAt {
  const { v, rv, start } = fieldsOf(token);
  if (v !== VERSION) throw badContinue(`server does not recognize this encoded version ${v}`);
  if (rv === 0) throw badContinue(`incorrect encoded start resourceVersion (version ${VERSION})`);
  if (start === '') throw badContinue(`encoded start key empty (version ${VERSION})`);
  const path = start.startsWith('/') ? start.slice(1) : start;
  // No way out of the list, and none that leads to the same place as another one.
  if (path.split('/').some((part) => ['', '.', '..'].includes(part))) throw badContinue(start);
  return { revision: rv < 0 ? undefined : BigInt(rv), start: path };
}

interface Fields {
  readonly v: string;
  readonly rv: number;
  readonly start: string;
}

function fieldsOf(token: string): Fields {
  refuseOtherText(token);
  const bytes = Buffer.from(token, 'base64url');
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw badContinue(goJsonError(bytes));
  }
  if (parsed === null) return { v: '', rv: 0, start: '' };
  if (!isJsonObject(parsed)) throw unfit(wordOf(parsed), 'value', 'storage.continueToken');
  return {
    v: text(parsed, 'v'),
    rv: integer(parsed.rv),
    start: text(parsed, 'start'),
  };
}

/** What is no base64 as tokens are written, without padding. */
function refuseOtherText(token: string): void {
  const odd = token.search(/[^\w-]/);
  const cut = token.length % 4 === 1 ? token.length - 1 : -1;
  const at = odd >= 0 ? odd : cut;
  if (at >= 0) throw badContinue(`illegal base64 data at input byte ${at}`);
}

function text(fields: JsonObject, name: string): string {
  const value = fields[name] ?? '';
  if (typeof value === 'string') return value;
  throw unfit(wordOf(value), `struct field continueToken.${name}`, 'string');
}

function integer(value: unknown = 0): number {
  if (value === null) return 0;
  if (Number.isInteger(value)) return value as number;
  const word = typeof value === 'number' ? `number ${value}` : wordOf(value);
  throw unfit(word, 'struct field continueToken.rv', 'int64');
}

const wordOf = (value: unknown): string => {
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? 'array' : typeof value;
};

function unfit(word: string, where: string, type: string): Error {
  return badContinue(`json: cannot unmarshal ${word} into Go ${where} of type ${type}`);
}

function badContinue(why: string): Error {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}
