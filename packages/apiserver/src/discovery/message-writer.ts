/**
 * Protobuf messages from JSON values whose names are not those of a Kubernetes schema: a message is a table of fields, a field
 * its number and how it is written.
 */
import { getOwn, type JsonObject } from '@kubets/api';

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const MORE = 0x80;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  // Not by shifts, which are done on 32 bits.
  while (rest >= MORE) {
    bytes.push((rest % MORE) | MORE);
    rest = Math.floor(rest / MORE);
  }
  return Buffer.from([...bytes, rest]);
}

const tag = (number: number, wireType: number): Buffer => varint((number << 3) | wireType);

/** A field that holds text or a message. */
export function delimited(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([tag(number, DELIMITED), varint(bytes.length), bytes]);
}

/** Writes a JSON value as one field of a message, or as several. */
export type Write = (number: number, value: unknown) => Buffer;
/** The fields of a message by their names in JSON. */
export type Shape = Readonly<Record<string, readonly [number: number, write: Write]>>;

export const text: Write = (number, value) => delimited(number, String(value));
export const flag: Write = (number, value) =>
  value === true ? Buffer.concat([tag(number, VARINT), varint(1)]) : Buffer.alloc(0);
/** A whole number that is not below zero. */
export const whole: Write = (number, value) =>
  Buffer.concat([tag(number, VARINT), varint(Number(value))]);
export const double: Write = (number, value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(Number(value));
  return Buffer.concat([tag(number, FIXED64), bytes]);
};
export const many =
  (write: Write): Write =>
  (number, value) =>
    Buffer.concat((Array.isArray(value) ? value : [value]).map((one) => write(number, one)));
/** Free-form values travel as YAML text; JSON is that, too. */
export const anything: Write = (number, value) => delimited(number, text(2, JSON.stringify(value)));
/** A message around a single field. */
export const wrapped =
  (inner: number, write: Write): Write =>
  (number, value) =>
    delimited(number, write(inner, value));
/** A map: repeated messages of a name and a value. */
export const named =
  (write: Write): Write =>
  (number, value) =>
    Buffer.concat(
      Object.entries(value as JsonObject).map(([name, one]) =>
        delimited(number, Buffer.concat([text(1, name), write(2, one)])),
      ),
    );

/** @param extensions the number of the field for names that begin with `x-` */
export const message =
  (shape: () => Shape, extensions?: number): Write =>
  (number, value) => {
    const parts: Buffer[] = [];
    for (const [name, one] of Object.entries(value as JsonObject)) {
      const field = getOwn(shape(), name);
      if (field) parts.push(field[1](field[0], one));
      else if (extensions !== undefined && name.startsWith('x-')) {
        parts.push(named(anything)(extensions, { [name]: one }));
      }
    }
    return delimited(number, Buffer.concat(parts));
  };

/** A message's bytes, without the head of a field. */
export function messageBytes(shape: Shape, value: JsonObject): Buffer {
  const parts = Object.entries(value).map(([name, one]) => {
    const field = getOwn(shape, name);
    return field === undefined ? Buffer.alloc(0) : field[1](field[0], one);
  });
  return Buffer.concat(parts);
}
