/** What operations take and give, in either version of the documents. */
import type { JsonObject } from '../meta.ts';
import { type Dialect, documentTypeName } from './dialect.ts';

export interface MediaTypes {
  readonly takes: readonly string[];
  readonly gives: readonly string[];
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const WRITTEN = ['application/json', 'application/yaml'];
const WATCHED = ['application/json;stream=watch', `${PROTOBUF};stream=watch`];
const PATCHES = ['application/json-patch+json', 'application/merge-patch+json'];
const STRATEGIC = 'application/strategic-merge-patch+json';
const APPLY = 'application/apply-patch+yaml';

/** The forms of what is sent and answered. Kinds of definitions are not spoken as protobuf. */
export function mediaTypes(
  action: string,
  { isBuiltin, isText }: { isBuiltin: boolean; isText: boolean },
): MediaTypes {
  const patches = [...PATCHES, ...(isBuiltin ? [STRATEGIC] : []), APPLY];
  const takes = action === 'patch' ? patches : isBuiltin ? ['*/*'] : WRITTEN;
  const gives = [...(isText ? ['text/plain'] : []), ...WRITTEN, ...(isBuiltin ? [PROTOBUF] : [])];
  const isWatched = action === 'list' && isBuiltin;
  return { takes, gives: isWatched ? [...gives, ...WATCHED] : gives };
}

const schemaOf = (typeName: string | undefined, d: Dialect): JsonObject =>
  typeName === undefined ? { type: 'string' } : { $ref: d.prefix + documentTypeName(typeName) };

const contentOf = (types: readonly string[], schema: JsonObject): JsonObject =>
  Object.fromEntries(types.map((type) => [type, { schema }]));

/** The body of a request: a parameter in version 2, a part of its own in version 3. */
export function bodyOf(
  action: string,
  typeName: string | undefined,
  { takes }: MediaTypes,
  d: Dialect,
): { parameters: JsonObject[]; request: JsonObject } {
  if (action === 'get' || action === 'list' || typeName === undefined) {
    return { parameters: [], request: {} };
  }
  const schema = schemaOf(typeName, d);
  const required = action.startsWith('delete') ? {} : { required: true };
  if (!d.v3) {
    return { parameters: [{ in: 'body', name: 'body', ...required, schema }], request: {} };
  }
  return {
    parameters: [],
    request: { requestBody: { content: contentOf(takes, schema), ...required } },
  };
}

/** The good answers of an action, by code. */
const ANSWERS: Readonly<Record<string, readonly (readonly [code: string, text: string])[]>> = {
  post: [
    ['201', 'Created'],
    ['202', 'Accepted'],
  ],
  put: [['201', 'Created']],
  patch: [['201', 'Created']],
  delete: [['202', 'Accepted']],
};

/** The answers to a request, by code. */
export function responsesOf(
  action: string,
  typeName: string | undefined,
  { gives }: MediaTypes,
  d: Dialect,
): JsonObject {
  const schema = schemaOf(typeName, d);
  const answer = d.v3 ? { content: contentOf(gives, schema) } : { schema };
  const codes = [['200', 'OK'] as const, ...(ANSWERS[action] ?? [])];
  const good = codes.map(([code, description]) => [code, { description, ...answer }] as const);
  return { ...Object.fromEntries(good), '401': { description: 'Unauthorized' } };
}
