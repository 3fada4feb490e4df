/**
 * OpenAPI v2 in its protobuf form (the messages of gnostic's `OpenAPIv2.proto`), which is the only one kubectl asks for: it reads
 * there what kinds exist before it says that one does not.
 */
import { isJsonObject, type JsonObject } from '@kubets/api';
import {
  anything,
  flag,
  many,
  message,
  messageBytes,
  named,
  type Shape,
  text,
  type Write,
  wrapped,
} from './message-writer.ts';

export const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

const schema: Write = message(() => SCHEMA, 31);
const boolOrSchema: Write = (number, value) =>
  isJsonObject(value) ? wrapped(1, schema)(number, value) : wrapped(2, flag)(number, value);

const SCHEMA: Shape = {
  $ref: [1, text],
  format: [2, text],
  title: [3, text],
  description: [4, text],
  default: [5, anything],
  pattern: [13, text],
  uniqueItems: [16, flag],
  required: [19, many(text)],
  enum: [20, many(anything)],
  additionalProperties: [21, boolOrSchema],
  type: [22, wrapped(1, many(text))],
  items: [23, wrapped(1, schema)],
  allOf: [24, many(schema)],
  properties: [25, wrapped(1, named(schema))],
};

const PARAMETER: Shape = {
  required: [1, flag],
  in: [2, text],
  description: [3, text],
  name: [4, text],
};
const QUERY: Shape = { ...PARAMETER, type: [6, text], format: [7, text], uniqueItems: [20, flag] };
const PATH: Shape = { ...PARAMETER, type: [5, text], format: [6, text], uniqueItems: [19, flag] };
const BODY: Shape = {
  description: [1, text],
  name: [2, text],
  in: [3, text],
  required: [4, flag],
  schema: [5, schema],
};

/** By place: the field of the union, and what it holds. */
const PLACES: Readonly<Record<string, Write>> = {
  header: wrapped(
    2,
    wrapped(
      1,
      message(() => PATH),
    ),
  ),
  query: wrapped(
    2,
    wrapped(
      3,
      message(() => QUERY),
    ),
  ),
  path: wrapped(
    2,
    wrapped(
      4,
      message(() => PATH),
    ),
  ),
  body: wrapped(
    1,
    message(() => BODY),
  ),
};
const parameter: Write = (number, value) => {
  const place = PLACES[String((value as JsonObject).in)];
  return place === undefined ? Buffer.alloc(0) : wrapped(1, place)(number, value);
};

const RESPONSE: Shape = { description: [1, text], schema: [2, wrapped(1, schema)] };
const responses = wrapped(
  1,
  named(
    wrapped(
      1,
      message(() => RESPONSE),
    ),
  ),
);

const OPERATION: Shape = {
  tags: [1, many(text)],
  description: [3, text],
  operationId: [5, text],
  produces: [6, many(text)],
  consumes: [7, many(text)],
  parameters: [8, many(parameter)],
  responses: [9, responses],
  schemes: [10, many(text)],
};
const operation = message(() => OPERATION, 13);

const PATH_ITEM: Shape = {
  get: [2, operation],
  put: [3, operation],
  post: [4, operation],
  delete: [5, operation],
  options: [6, operation],
  head: [7, operation],
  patch: [8, operation],
  parameters: [9, many(parameter)],
};

const INFO: Shape = { title: [1, text], version: [2, text] };
const pathItem = message(() => PATH_ITEM, 10);

const DOCUMENT: Shape = {
  swagger: [1, text],
  info: [2, message(() => INFO)],
  paths: [8, wrapped(2, named(pathItem))],
  definitions: [9, wrapped(1, named(schema))],
};

/** The document, which is an OpenAPI v2 document as JSON has it, as protobuf bytes. */
export function openApiV2Protobuf(document: object): Buffer {
  return messageBytes(DOCUMENT, document as JsonObject);
}
