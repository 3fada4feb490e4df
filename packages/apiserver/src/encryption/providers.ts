/**
 * The ways values are encrypted in the store, byte for byte as upstream writes them, so that either server reads what the
 * other wrote: `k8s:enc:PROVIDER:v1:KEY:` and the sealed bytes.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';

/** One key of a provider. */
export interface ProviderKey {
  readonly name: string;
  readonly secret: Buffer;
}

export const ENCRYPTED_PREFIX = 'k8s:enc:';

/** How one provider seals. `about` is the store's key: what was sealed for one place opens in no other. */
interface Cipher {
  seal(secret: Buffer, plain: Buffer, about: Buffer): Buffer;
  /** Throws when the bytes were not sealed so. */
  open(secret: Buffer, sealed: Buffer, about: Buffer): Buffer;
}

const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;
const CBC_IV_BYTES = 16;
const BOX_NONCE_BYTES = 24;

const bitsOf = (secret: Buffer) => (secret.length * 8) as 128 | 192 | 256;
const gcmOf = (secret: Buffer) => `aes-${bitsOf(secret)}-gcm` as const;
const cbcOf = (secret: Buffer) => `aes-${bitsOf(secret)}-cbc`;

export const AES_GCM: Cipher = {
  seal(secret, plain, about) {
    const nonce = randomBytes(GCM_NONCE_BYTES);
    const cipher = createCipheriv(gcmOf(secret), secret, nonce);
    cipher.setAAD(about);
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  },
  open(secret, sealed, about) {
    const tagAt = sealed.length - GCM_TAG_BYTES;
    if (tagAt < GCM_NONCE_BYTES) throw new Error('the value is cut short');
    const nonce = sealed.subarray(0, GCM_NONCE_BYTES);
    const o = { authTagLength: GCM_TAG_BYTES };
    const decipher = createDecipheriv(gcmOf(secret), secret, nonce, o);
    decipher.setAAD(about);
    decipher.setAuthTag(sealed.subarray(tagAt));
    const plain = decipher.update(sealed.subarray(GCM_NONCE_BYTES, tagAt));
    return Buffer.concat([plain, decipher.final()]);
  },
};

const AES_CBC: Cipher = {
  seal(secret, plain) {
    const iv = randomBytes(CBC_IV_BYTES);
    const cipher = createCipheriv(cbcOf(secret), secret, iv);
    return Buffer.concat([iv, cipher.update(plain), cipher.final()]);
  },
  open(secret, sealed) {
    const decipher = createDecipheriv(cbcOf(secret), secret, sealed.subarray(0, CBC_IV_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(CBC_IV_BYTES)), decipher.final()]);
  },
};

const load = createRequire(import.meta.url);
/** Loaded when a configuration wants it. */
const salsa = (): typeof import('@noble/ciphers/salsa.js') => load('@noble/ciphers/salsa.js');

const SECRETBOX: Cipher = {
  seal(secret, plain) {
    const nonce = randomBytes(BOX_NONCE_BYTES);
    return Buffer.concat([nonce, salsa().xsalsa20poly1305(secret, nonce).encrypt(plain)]);
  },
  open(secret, sealed) {
    const nonce = sealed.subarray(0, BOX_NONCE_BYTES);
    const box = salsa().xsalsa20poly1305(secret, nonce);
    return Buffer.from(box.decrypt(sealed.subarray(BOX_NONCE_BYTES)));
  },
};

/** The providers that have keys, and how long those may be. */
export const CIPHERS: Readonly<
  Record<string, { readonly cipher: Cipher; readonly keyBytes: readonly number[] }>
> = {
  aesgcm: { cipher: AES_GCM, keyBytes: [16, 24, 32] },
  aescbc: { cipher: AES_CBC, keyBytes: [16, 24, 32] },
  secretbox: { cipher: SECRETBOX, keyBytes: [32] },
};

/** An opened value. `stale`: it would be written otherwise today. */
export interface Opened {
  readonly value: Buffer;
  readonly stale: boolean;
}

/** One way to write and read values. */
export interface Provider {
  /** What values written by it begin with. */
  readonly prefix: string;
  /** Throws when it cannot be done; `Pending` when it could be later. */
  seal(plain: Buffer, about: Buffer): Buffer;
  /** @param sealed the whole value, which begins with the prefix. Throws as `seal` does. */
  open(sealed: Buffer, about: Buffer): Opened;
}

/** Whether a value begins with a text of plain characters. */
export function startsWith(value: Buffer, text: string): boolean {
  return value.subarray(0, text.length).toString('latin1') === text;
}

/** Values as they are. Reads whatever no other provider has marked. */
export const IDENTITY: Provider = {
  prefix: '',
  seal: (plain) => plain,
  open: (value) => ({ value, stale: false }),
};

/** A provider whose first key writes and all of whose keys read. */
export function keyedProvider(kind: string, keys: readonly ProviderKey[]): Provider {
  const found = CIPHERS[kind];
  const [first] = keys;
  if (found === undefined || first === undefined) throw new Error(`no provider ${kind}`);
  const { cipher } = found;
  const prefix = `${ENCRYPTED_PREFIX}${kind}:v1:`;
  const head = Buffer.from(`${prefix}${first.name}:`);
  return {
    prefix,
    seal: (plain, about) => Buffer.concat([head, cipher.seal(first.secret, plain, about)]),
    open(sealed, about) {
      for (const [at, key] of keys.entries()) {
        const start = Buffer.from(`${prefix}${key.name}:`);
        if (!sealed.subarray(0, start.length).equals(start)) continue;
        const value = cipher.open(key.secret, sealed.subarray(start.length), about);
        return { value, stale: at > 0 };
      }
      throw new Error('the key that the value was encrypted with is not configured');
    },
  };
}
