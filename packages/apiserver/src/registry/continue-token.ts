/** Where a list that a limit cut goes on: opaque to clients, the stock server's shape inside. */
import { badRequest, goJsonError } from '@kubets/api';

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
  const text = Buffer.from(token, 'base64url').toString('utf8');
  let parsed: { v?: unknown; rv?: unknown; start?: unknown };
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    throw badContinue(goJsonError(text));
  }
  const { v, rv, start } = parsed;
  if (v !== VERSION) throw badContinue('server does not recognize this encoded version');
  if (typeof rv !== 'number' || !Number.isInteger(rv) || rv === 0) {
    throw badContinue(`incorrect encoded start resourceVersion (version ${VERSION})`);
  }
  if (typeof start !== 'string' || start === '') {
    throw badContinue(`encoded start key empty (version ${VERSION})`);
  }
  const path = start.startsWith('/') ? start.slice(1) : start;
  if (path.split('/').includes('..')) throw badContinue('the start key is outside of the list');
  return { revision: rv < 0 ? undefined : BigInt(rv), start: path };
}

function badContinue(why: string): Error {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}
