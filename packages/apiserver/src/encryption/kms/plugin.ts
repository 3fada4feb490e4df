/**
 * Values whose keys come from a seed that a service outside keeps (KMS v2, enhancement proposal 3299): the service seals the
 * seed, and what it made of it lies beside each value. It is asked once for a new seed and once for every other seed that values
 * in the store were sealed with; not for every value.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type Clock, errorMessage, type Logger, type Timer } from '@kubets/platform';
import { ExpiringCache } from '../../outbound/expiring-cache.ts';
import type { BackgroundTask } from '../../ports.ts';
import { hashLabel } from '../../settings/watched-file.ts';
import { Pending } from '../pending.ts';
import { AES_GCM, ENCRYPTED_PREFIX, type Opened, type Provider } from '../providers.ts';
import { openBySeed, SEED_BYTES, sealBySeed } from './extended-nonce.ts';
import {
  checkKeyId,
  checkSource,
  decodeSealed,
  encodeSealed,
  KEY,
  type KeySource,
  SEED,
} from './sealed-object.ts';
import type { KmsService } from './service.ts';

/** As the stock server has them. */
const WELL_MS = 60_000;
const UNWELL_MS = 10_000;
const WRITES_MS = 180_000;
const NOT_AGAIN_MS = 3_000;
const KEYS_MS = 24 * 3_600_000;
/** One for each start of each apiserver and each key of the service, until values are written anew. */
const KEYS = 4_096;
const VERSIONS: ReadonlySet<string> = new Set(['v2', 'v2beta1']);

export interface KmsPluginOptions {
  readonly name: string;
  readonly service: KmsService;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What new values are sealed with. */
interface State {
  readonly seed: Buffer;
  readonly source: KeySource;
  /** By the monotonic clock; the service must have confirmed its key within that time. */
  expiresMs: number;
}

export class KmsPlugin implements Provider, BackgroundTask {
  readonly name: string;
  readonly prefix: string;
  readonly #o: KmsPluginOptions;
  readonly #keys: ExpiringCache<Buffer>;
  readonly #asking = new Map<string, Promise<void>>();
  #state: State | undefined;
  #probing: Promise<void> | undefined;
  #failed: { readonly error: unknown; readonly atMs: number } | undefined;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(options: KmsPluginOptions) {
    this.#o = options;
    this.name = `kms-${options.name}`;
    this.prefix = `${ENCRYPTED_PREFIX}kms:v2:${options.name}:`;
    this.#keys = new ExpiringCache({ clock: options.clock, limit: KEYS });
  }

  /** Asks the service for its key from time to time. */
  start(): void {
    void this.probe().catch(() => undefined);
  }

  /** Asks for no new seeds any more; values are still opened. */
  retire(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  async stop(): Promise<void> {
    this.retire();
    await this.#probing?.catch(() => undefined);
    this.#o.service.close();
  }

  seal(plain: Buffer, about: Buffer): Buffer {
    const state = this.#state;
    if (state === undefined || this.#nowMs() > state.expiresMs) throw this.#unready();
    const data = sealBySeed(state.seed, plain, about);
    return Buffer.concat([Buffer.from(this.prefix), encodeSealed({ data, source: state.source })]);
  }

  open(sealed: Buffer, about: Buffer): Opened {
    const { data, source } = decodeSealed(sealed.subarray(this.prefix.length));
    const id = idOf(source);
    const key = this.#keys.get(id);
    if (key === undefined) throw new Pending(this.#ask(id, source));
    const open = source.type === SEED ? openBySeed : AES_GCM.open;
    const now = this.#state?.source;
    const isCurrent = now === undefined || (now.keyId === source.keyId && source.type !== KEY);
    return { value: open(key, data, about), stale: !isCurrent };
  }

  /** Asks the service whether it is well; takes a new seed if its key is another. Rejects when it is not well. */
  probe(): Promise<void> {
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  /** Rejects while the service is unwell. Does not ask more often than every few seconds. */
  async check(): Promise<void> {
    const failed = this.#failed;
    if (failed && this.#nowMs() - failed.atMs < NOT_AGAIN_MS) throw failed.error;
    if (this.#state === undefined || failed) await this.probe();
  }

  /** Why nothing can be sealed; what was found out a moment ago is not asked again. */
  #unready(): unknown {
    const failed = this.#failed;
    if (failed && this.#nowMs() - failed.atMs < NOT_AGAIN_MS) return failed.error;
    return new Pending(this.probe());
  }

  async #probe(): Promise<void> {
    const { log, name, clock } = this.#o;
    this.#timer?.cancel();
    let wait = WELL_MS;
    try {
      await this.#look();
      this.#failed = undefined;
    } catch (error) {
      wait = UNWELL_MS;
      const why = `kms provider ${name}: ${errorMessage(error)}`;
      this.#failed = { error: new Error(why), atMs: this.#nowMs() };
      log.warn({ provider: name, err: error }, 'the service that keeps keys is not well');
      throw this.#failed.error;
    } finally {
      if (!this.#isOver) this.#timer = clock.setTimeout(() => this.start(), wait);
    }
  }

  async #look(): Promise<void> {
    const { service } = this.#o;
    // From before the call: the time is the longest that a key the service has given up is still used.
    const expiresMs = this.#nowMs() + WRITES_MS;
    const { version, healthz, key_id: keyId } = await service.status();
    if (healthz !== 'ok') throw new Error(`got unexpected healthz status: ${healthz}`);
    if (!VERSIONS.has(version)) {
      throw new Error(`expected KMSv2 API version v2, got ${version}`);
    }
    checkKeyId(keyId);
    if (this.#state?.source.keyId === keyId) this.#state.expiresMs = expiresMs;
    else await this.#renew(keyId, expiresMs);
  }

  /** A new seed, sealed by the key the service says it has. */
  async #renew(keyId: string, expiresMs: number): Promise<void> {
    const { service, log, name } = this.#o;
    const seed = randomBytes(SEED_BYTES);
    const { ciphertext, annotations, ...made } = await service.encrypt(randomUUID(), seed);
    const source = { keyId: made.key_id, sealed: ciphertext, annotations, type: SEED };
    checkSource(source);
    if (source.keyId !== keyId) {
      const [said, has] = [hashLabel(keyId), hashLabel(source.keyId)];
      throw new Error(`the key is ${said} by its status, but ${has} encrypted`);
    }
    this.#state = { seed, source, expiresMs };
    this.#keys.set(idOf(source), seed, KEYS_MS);
    log.info({ provider: name, key: hashLabel(keyId) }, 'values are sealed with a new seed');
  }

  #ask(id: string, { keyId, sealed, annotations, type }: KeySource): Promise<void> {
    const asked = this.#asking.get(id);
    if (asked) return asked;
    const ask = async (): Promise<void> => {
      const request = { ciphertext: sealed, key_id: keyId, annotations };
      const key = await this.#o.service.decrypt(randomUUID(), request).catch((error: unknown) => {
        throw new Error(`failed to decrypt DEK, error: ${errorMessage(error)}`);
      });
      if (type === SEED && key.length < SEED_BYTES) {
        throw new Error(`invalid seed length ${key.length} used for key generation`);
      }
      this.#keys.set(id, key, KEYS_MS);
    };
    const asking = ask().finally(() => this.#asking.delete(id));
    this.#asking.set(id, asking);
    return asking;
  }

  #nowMs(): number {
    return this.#o.clock.monotonicMs();
  }
}

/** Names what a key is made from: every byte of it counts. */
function idOf({ keyId, sealed, annotations, type }: KeySource): string {
  const hash = createHash('sha256');
  const add = (bytes: Buffer | string): void => {
    hash.update(`${Buffer.byteLength(bytes)}:`).update(bytes);
  };
  add(String(type));
  add(keyId);
  add(sealed);
  for (const name of Object.keys(annotations).sort()) {
    add(name);
    add(annotations[name] ?? '');
  }
  return hash.digest('hex');
}
