/** What stands in the store for a value whose key a service keeps: upstream's EncryptedObject of KMS v2, in protobuf. */
import { nameRules } from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import { wireFields } from '../../protobuf/wire.ts';
import { BackWriter } from '../../protobuf/writer.ts';

/** What the key of values is made from, as the service sealed it. */
export interface KeySource {
  /** The service's name of its own key. */
  readonly keyId: string;
  readonly sealed: Buffer;
  /** What the service wants to see again. */
  readonly annotations: Readonly<Record<string, Buffer>>;
  /** 0: a key of AES-GCM; 1: a seed of such keys. */
  readonly type: number;
}

export interface SealedObject {
  readonly data: Buffer;
  readonly source: KeySource;
}

export const KEY = 0;
export const SEED = 1;
const FIELD = { data: 1, keyId: 2, sealed: 3, annotations: 4, type: 5 } as const;
const ENTRY = { key: 1, value: 2 } as const;
const KEY_ID_BYTES = 1_024;
const SEALED_BYTES = 1_024;
const ANNOTATIONS_BYTES = 32 * 1_024;

/** @throws Error */
export function checkKeyId(keyId: string): void {
  if (keyId === '') throw new Error('keyID is empty');
  const size = Buffer.byteLength(keyId);
  if (size > KEY_ID_BYTES) {
    throw new Error(`keyID is ${size} bytes, which exceeds the max size of ${KEY_ID_BYTES}`);
  }
}

/** @throws Error when no value may be kept so */
export function checkSource({ keyId, sealed, annotations, type }: KeySource): void {
  if (type !== KEY && type !== SEED) throw new Error(`unknown encryptedDEKSourceType: ${type}`);
  const dek = 'failed to validate encrypted DEK source: encrypted DEK source is';
  if (sealed.length === 0) throw new Error(`${dek} empty`);
  if (sealed.length > SEALED_BYTES) {
    const limit = `which exceeds the max size of ${SEALED_BYTES}`;
    throw new Error(`${dek} ${sealed.length} bytes, ${limit}`);
  }
  try {
    checkKeyId(keyId);
  } catch (error) {
    throw new Error(`failed to validate key id: ${errorMessage(error)}`);
  }
  let size = 0;
  for (const [name, value] of Object.entries(annotations)) {
    const wrong = nameRules.dns1123Subdomain(name)[0];
    const short = name.includes('.')
      ? undefined
      : 'should be a domain with at least two segments separated by dots';
    const why = wrong ?? short;
    if (why !== undefined) {
      const where = `annotations: Invalid value: ${JSON.stringify(name)}`;
      throw new Error(`failed to validate annotations: ${where}: ${why}`);
    }
    size += Buffer.byteLength(name) + value.length;
  }
  if (size > ANNOTATIONS_BYTES) {
    const what = `total size of annotations is ${size}`;
    throw new Error(
      `failed to validate annotations: ${what}, which exceeds the max size of ${ANNOTATIONS_BYTES}`,
    );
  }
}

export function encodeSealed({ data, source }: SealedObject): Buffer {
  const out = new BackWriter();
  if (source.type !== KEY) out.intField(FIELD.type, source.type);
  for (const [name, value] of Object.entries(source.annotations).reverse()) {
    const before = out.length;
    out.bytesField(ENTRY.value, value);
    out.textField(ENTRY.key, name);
    out.messageField(FIELD.annotations, before);
  }
  out.bytesField(FIELD.sealed, source.sealed);
  out.textField(FIELD.keyId, source.keyId);
  out.bytesField(FIELD.data, data);
  return out.take();
}

/** @throws Error for bytes that are no such object */
export function decodeSealed(bytes: Buffer): SealedObject {
  let data: Buffer = NOTHING;
  let sealed: Buffer = NOTHING;
  let [keyId, type] = ['', KEY];
  const annotations: Record<string, Buffer> = Object.create(null);
  for (const field of wireFields(bytes)) {
    if (field.number === FIELD.data) data = field.bytes;
    else if (field.number === FIELD.keyId) keyId = field.bytes.toString('utf8');
    else if (field.number === FIELD.sealed) sealed = field.bytes;
    else if (field.number === FIELD.type) type = Number(field.integer);
    else if (field.number === FIELD.annotations) {
      const [name, value] = entryOf(field.bytes);
      annotations[name] = value;
    }
  }
  if (data.length === 0) throw new Error('encrypted data is empty');
  const source = { keyId, sealed, annotations, type };
  checkSource(source);
  return { data, source };
}

const NOTHING = Buffer.alloc(0);

function entryOf(bytes: Buffer): [name: string, value: Buffer] {
  let name = '';
  let value: Buffer = NOTHING;
  for (const field of wireFields(bytes)) {
    if (field.number === ENTRY.key) name = field.bytes.toString('utf8');
    else if (field.number === ENTRY.value) value = field.bytes;
  }
  return [name, value];
}
