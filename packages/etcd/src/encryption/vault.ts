/**
 * Encryption at rest: AES-256-GCM over what goes to disk, record by record.
 *
 * ```
 *  | magic 8 | key 8 | session 16 | number 8 | encrypted … | tag 16 |
 * ```
 * A process encrypts with a key of its own, derived from the first key of the file and a random session; within the session
 * records are numbered, and the number is the nonce. So no nonce is ever used twice with a key, however many records there are
 * (random nonces would run out after some 2^32). `key` says which key of the file; what a record is bound to (`place`) is
 * authenticated with it, so that records cannot change places.
 */

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { ConfigError } from '@kubets/platform';
import { StorageError } from '../errors.ts';

const CIPHER = 'aes-256-gcm';
const MAGIC = Buffer.from('\x89KVAULT\x01', 'latin1');
const KEY_ID_BYTES = 8;
const SESSION_BYTES = 16;
const NUMBER_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SESSION_AT = MAGIC.length + KEY_ID_BYTES;
const NUMBER_AT = SESSION_AT + SESSION_BYTES;
const HEAD_BYTES = NUMBER_AT + NUMBER_BYTES;
const KEY_BYTES = 32;
/** Derived keys kept: one for every start of a member whose records are still on its disk. */
const SESSIONS_KEPT = 1_000;

/** Bytes a record grows by. */
export const VAULT_OVERHEAD_BYTES: number = HEAD_BYTES + TAG_BYTES;

/** A record is encrypted with a key that is not there. */
export class MissingKeyError extends ConfigError {}

/** How a key is called: it says nothing of the key itself. */
export function keyIdOf(key: Buffer): string {
  const hash = createHash('sha256').update('kubets key id').update(key);
  return hash.digest().subarray(0, KEY_ID_BYTES).toString('hex');
}

/** Whether these bytes are an encrypted record. Nothing we store unencrypted begins as they do. */
export function isSealed(record: Uint8Array): boolean {
  // Most records are told apart by their first byte, without making a view of each.
  if (record[0] !== MAGIC[0] || record.length < VAULT_OVERHEAD_BYTES) return false;
  return MAGIC.equals(record.subarray(0, MAGIC.length));
}

function derive(key: Buffer, session: Buffer): KeyObject {
  return createSecretKey(
    Buffer.from(hkdfSync('sha256', key, session, 'kubets etcd at rest', KEY_BYTES)),
  );
}

/** @throws MissingKeyError when a record is encrypted and nobody has a key */
export function refuseSealed(record: Uint8Array): void {
  if (!isSealed(record)) return;
  const id = Buffer.from(record.subarray(MAGIC.length, SESSION_AT)).toString('hex');
  throw new MissingKeyError(`the data is encrypted with key ${id}: give --encryption-key-file`);
}

export class Vault {
  private readonly keys: ReadonlyMap<string, Buffer>;
  /** The one that encrypts. */
  readonly primaryId: string;
  private readonly head: Buffer;
  private readonly own: KeyObject;
  private readonly sessions = new Map<string, KeyObject>();
  private number = 0n;

  /** @param keys of 32 bytes each; the first encrypts, all decrypt */
  constructor(keys: readonly Buffer[]) {
    const [primary] = keys;
    if (primary === undefined || keys.some((key) => key.length !== KEY_BYTES)) {
      throw new RangeError('a vault needs keys of 32 bytes');
    }
    this.keys = new Map(keys.map((key) => [keyIdOf(key), key]));
    this.primaryId = keyIdOf(primary);
    const session = randomBytes(SESSION_BYTES);
    this.head = Buffer.concat([MAGIC, Buffer.from(this.primaryId, 'hex'), session]);
    this.own = derive(primary, session);
  }

  /** @param place what the record is bound to: the same must be given to open it */
  seal(plain: Uint8Array, place: Uint8Array): Buffer {
    const out = Buffer.allocUnsafe(plain.length + VAULT_OVERHEAD_BYTES);
    this.head.copy(out);
    out.writeBigUInt64BE(this.number++, NUMBER_AT);
    const cipher = createCipheriv(CIPHER, this.own, nonceOf(out));
    cipher.setAAD(place);
    out.set(cipher.update(plain), HEAD_BYTES);
    cipher.final();
    out.set(cipher.getAuthTag(), HEAD_BYTES + plain.length);
    return out;
  }

  /**
   * @param record one of {@link seal}'s
   * @throws MissingKeyError, or StorageError when it was changed or belongs elsewhere
   */
  open(record: Buffer, place: Uint8Array): Buffer {
    const tagAt = record.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, this.keyOf(record), nonceOf(record));
    decipher.setAAD(place);
    decipher.setAuthTag(record.subarray(tagAt));
    try {
      const plain = decipher.update(record.subarray(HEAD_BYTES, tagAt));
      decipher.final();
      return plain;
    } catch (error) {
      throw new StorageError('an encrypted record was changed', { cause: error });
    }
  }

  /** Whether a record is encrypted as it should be by now. */
  isCurrent(record: Uint8Array): boolean {
    const id = this.head.subarray(MAGIC.length, SESSION_AT);
    return isSealed(record) && id.equals(record.subarray(MAGIC.length, SESSION_AT));
  }

  private keyOf(record: Buffer): KeyObject {
    const name = record.toString('latin1', MAGIC.length, NUMBER_AT);
    const known = this.sessions.get(name);
    if (known !== undefined) return known;
    const id = record.toString('hex', MAGIC.length, SESSION_AT);
    const key = this.keys.get(id);
    if (key === undefined) {
      throw new MissingKeyError(
        `the data is encrypted with key ${id}, which is not in --encryption-key-file (it has ${[...this.keys.keys()].join(', ')})`,
      );
    }
    const derived = derive(key, record.subarray(SESSION_AT, NUMBER_AT));
    if (this.sessions.size >= SESSIONS_KEPT) this.sessions.clear();
    this.sessions.set(name, derived);
    return derived;
  }
}

function nonceOf(record: Buffer): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  record.copy(nonce, NONCE_BYTES - NUMBER_BYTES, NUMBER_AT, HEAD_BYTES);
  return nonce;
}
