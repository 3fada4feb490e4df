/** Types as functions: `int(x)`, `string(x)`, and what a value's type is. */
import { EvaluationFailure } from '../errors.ts';
import type { Library, Run } from '../signature.ts';
import { durationOf, durationText, timestampOf, timestampText } from '../times.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  STRING,
  TIMESTAMP,
  typeType,
  UINT,
} from '../types.ts';
import { Duration, Timestamp, TypeValue, typeOf, Uint } from '../values.ts';
import { int, timestamp, uint } from './operators.ts';

const SECOND = 1_000_000_000n;

const cannot = (from: string, to: string): EvaluationFailure =>
  new EvaluationFailure(`type conversion error from '${from}' to '${to}'`);

/** A fraction cut to a whole number. */
function whole(value: number, overflow: string): bigint {
  if (!Number.isFinite(value)) throw new EvaluationFailure(overflow);
  return BigInt(Math.trunc(value));
}

const toInt: Run = (value) => {
  if (typeof value === 'number') return int(whole(value, 'integer overflow'));
  if (value instanceof Uint) return int(value.value);
  if (value instanceof Timestamp) return floorSeconds(value.nanos);
  if (value instanceof Duration) return value.nanos / SECOND;
  if (typeof value !== 'string') return value;
  const isInt = /^[+-]?\d+$/.test(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value);
  if (!isInt) throw cannot('string', 'int');
  return BigInt(value);
};

const floorSeconds = (nanos: bigint): bigint => nanos / SECOND - (nanos % SECOND < 0n ? 1n : 0n);

const toUint: Run = (value) => {
  const overflow = 'unsigned integer overflow';
  if (typeof value === 'number') return uint(whole(value, overflow));
  if (typeof value === 'bigint') return uint(value);
  if (typeof value !== 'string') return value;
  if (!/^\d+$/.test(value) || BigInt.asUintN(64, BigInt(value)) !== BigInt(value)) {
    throw cannot('string', 'uint');
  }
  return new Uint(BigInt(value));
};

const FLOAT = /^[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)$/i;

const toDouble: Run = (value) => {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (typeof value !== 'string') return value;
  if (!FLOAT.test(value)) throw cannot('string', 'double');
  if (/nan/i.test(value)) return Number.NaN;
  if (!/inf/i.test(value)) return Number(value);
  return value.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
};

/** A fraction as Go's `%g` writes it. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [digits = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 6) return String(value);
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${digits}e${exponent < 0 ? '-' : '+'}${size}`;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new EvaluationFailure('invalid UTF-8 in bytes, cannot convert to string', {
      cause: error,
    });
  }
}

const toText: Run = (value) => {
  if (typeof value === 'number') return floatText(value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return utf8(value);
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Duration) return durationText(value);
  return typeof value === 'string' ? value : String(value);
};

const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

const toBool: Run = (value) => {
  if (typeof value === 'boolean') return value;
  if (TRUE.includes(String(value))) return true;
  if (FALSE.includes(String(value))) return false;
  throw cannot('string', 'bool');
};

const toBytes: Run = (value) =>
  typeof value === 'string' ? new Uint8Array(Buffer.from(value)) : value;
const toDuration: Run = (value) => {
  if (typeof value === 'bigint') return new Duration(value);
  return typeof value === 'string' ? durationOf(value) : value;
};
const toTimestamp: Run = (value) => {
  if (typeof value === 'bigint') return timestamp(value * SECOND);
  return typeof value === 'string' ? timestampOf(value) : value;
};

/** Functions, what they take, what they do. */
const CONVERSIONS: readonly [string, string, string, Run][] = [
  ['int', 'int', 'int uint double string timestamp duration', toInt],
  ['uint', 'uint', 'uint int double string', toUint],
  ['double', 'double', 'double int uint string', toDouble],
  ['string', 'string', 'string bool bytes double int uint duration timestamp', toText],
  ['bool', 'bool', 'bool string', toBool],
  ['bytes', 'bytes', 'bytes string', toBytes],
  ['duration', 'duration', 'duration string int', toDuration],
  ['timestamp', 'timestamp', 'timestamp string int', toTimestamp],
];

const TYPES = [NULL, BOOL, INT, UINT, DOUBLE, STRING, BYTES, DURATION, TIMESTAMP];

export function addConversions(library: Library): void {
  for (const type of [...TYPES, listOf(DYN), mapOf(DYN, DYN), optionalOf(DYN)]) {
    library.addType(type);
  }
  library.addType(typeType(DYN));
  for (const [name, result, types, run] of CONVERSIONS) {
    for (const type of types.split(' ')) library.add(name, `(${type}) ${result}`, run);
  }
  library
    .add('dyn', '(A) dyn', (value) => value)
    .add('type', '(A) type(A)', (value) => new TypeValue(typeOf(value)));
}
