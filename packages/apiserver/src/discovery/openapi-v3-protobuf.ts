/** OpenAPI v3 in its protobuf form: the messages of gnostic's `OpenAPIv3.proto`. */
import { isJsonObject, type JsonObject } from '@kubets/api';
import {
  anything,
  delimited,
  double,
  flag,
  many,
  message,
  messageBytes,
  named,
  type Shape,
  text,
  type Write,
  whole,
  wrapped,
} from './message-writer.ts';

/** The media type answers have. */
export const OPENAPI_V3_PROTOBUF = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf';

const REFERENCE: Shape = { $ref: [1, text] };
const reference = message(() => REFERENCE);

/** A union of a message and a reference to one. */
const orReference =
  (write: Write): Write =>
  (number, value) =>
    isJsonObject(value) && typeof value.$ref === 'string'
      ? delimited(number, reference(2, value))
      : delimited(number, write(1, value));

const schema = message(() => SCHEMA, 36);
const anySchema = orReference(schema);
const schemaOrBool: Write = (number, value) =>
  delimited(number, isJsonObject(value) ? anySchema(1, value) : flag(2, value));

/** The union has no room for objects and lists. */
const defaultValue: Write = (number, value) => {
  if (typeof value === 'string') return delimited(number, text(3, value));
  if (typeof value === 'boolean') return delimited(number, flag(2, value));
  return isJsonObject(value) || Array.isArray(value) || value === null
    ? Buffer.alloc(0)
    : delimited(number, double(1, value));
};

const SCHEMA: Shape = {
  nullable: [1, flag],
  title: [9, text],
  multipleOf: [10, double],
  maximum: [11, double],
  exclusiveMaximum: [12, flag],
  minimum: [13, double],
  exclusiveMinimum: [14, flag],
  maxLength: [15, whole],
  minLength: [16, whole],
  pattern: [17, text],
  maxItems: [18, whole],
  minItems: [19, whole],
  uniqueItems: [20, flag],
  maxProperties: [21, whole],
  minProperties: [22, whole],
  required: [23, many(text)],
  enum: [24, many(anything)],
  type: [25, text],
  allOf: [26, many(anySchema)],
  oneOf: [27, many(anySchema)],
  anyOf: [28, many(anySchema)],
  not: [29, schema],
  items: [30, wrapped(1, anySchema)],
  properties: [31, wrapped(1, named(anySchema))],
  additionalProperties: [32, schemaOrBool],
  default: [33, defaultValue],
  description: [34, text],
  format: [35, text],
};

const MEDIA_TYPE: Shape = { schema: [1, anySchema] };
const content = wrapped(1, named(message(() => MEDIA_TYPE, 5)));

const PARAMETER: Shape = {
  name: [1, text],
  in: [2, text],
  description: [3, text],
  required: [4, flag],
  schema: [10, anySchema],
};
const parameter = orReference(message(() => PARAMETER, 14));

const REQUEST_BODY: Shape = { description: [1, text], content: [2, content], required: [3, flag] };
const RESPONSE: Shape = { description: [1, text], content: [3, content] };
const response = orReference(message(() => RESPONSE, 5));
const responses: Write = (number, value) => {
  const { default: other, ...byCode } = value as JsonObject;
  const rest = named(response)(2, byCode);
  return delimited(number, other === undefined ? rest : Buffer.concat([response(1, other), rest]));
};

const OPERATION: Shape = {
  tags: [1, many(text)],
  summary: [2, text],
  description: [3, text],
  operationId: [5, text],
  parameters: [6, many(parameter)],
  requestBody: [7, orReference(message(() => REQUEST_BODY, 4))],
  responses: [8, responses],
  deprecated: [10, flag],
};
const operation = message(() => OPERATION, 13);

const PATH_ITEM: Shape = {
  summary: [2, text],
  description: [3, text],
  get: [4, operation],
  put: [5, operation],
  post: [6, operation],
  delete: [7, operation],
  options: [8, operation],
  head: [9, operation],
  patch: [10, operation],
  parameters: [13, many(parameter)],
};

const SECURITY_SCHEME: Shape = {
  type: [1, text],
  description: [2, text],
  name: [3, text],
  in: [4, text],
};

const COMPONENTS: Shape = {
  schemas: [1, wrapped(1, named(anySchema))],
  securitySchemes: [7, wrapped(1, named(orReference(message(() => SECURITY_SCHEME, 9))))],
};

const INFO: Shape = { title: [1, text], description: [2, text], version: [6, text] };

const DOCUMENT: Shape = {
  openapi: [1, text],
  info: [2, message(() => INFO)],
  paths: [4, wrapped(1, named(message(() => PATH_ITEM, 14)))],
  components: [5, message(() => COMPONENTS)],
};

/** The document, which is an OpenAPI v3 document as JSON has it, as protobuf bytes. */
export function openApiV3Protobuf(document: object): Buffer {
  return messageBytes(DOCUMENT, document as JsonObject);
}
