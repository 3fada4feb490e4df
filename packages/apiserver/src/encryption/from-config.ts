/** Encryption as the flags describe it, and what notices that the file has changed. */
import type { Clock, Logger, Timer } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import type { BackgroundTask } from '../ports.ts';
import type { Store } from '../storage/store.ts';
import { parseEncryption, readEncryptionFile } from './config.ts';
import { EncryptedStore } from './encrypted-store.ts';

interface EncryptionFlags {
  readonly encryptionProviderConfig: string;
  readonly encryptionProviderConfigAutomaticReload: boolean;
}

interface Parts {
  readonly clock: Clock;
  readonly log: Logger;
}

/** @throws ConfigError */
export function encryptionOf(
  flags: EncryptionFlags,
  store: Store,
  parts: Parts,
): { store: Store; tasks: readonly BackgroundTask[] } {
  const { encryptionProviderConfig: file, encryptionProviderConfigAutomaticReload: reload } = flags;
  if (file === '') return { store, tasks: [] };
  const text = readEncryptionFile(file);
  const encrypted = new EncryptedStore(store, parseEncryption(text, file));
  const tasks = reload ? [new Reload({ ...parts, file, text, encrypted })] : [];
  return { store: encrypted, tasks };
}

interface ReloadOptions extends Parts {
  readonly file: string;
  readonly text: string;
  readonly encrypted: EncryptedStore;
}

/** Looks at the file now and then; one that cannot be used changes nothing. */
class Reload implements BackgroundTask {
  readonly name = 'encryption-reload';
  readonly #o: ReloadOptions;
  #text: string;
  #timer: Timer | undefined;

  constructor(options: ReloadOptions) {
    this.#o = options;
    this.#text = options.text;
  }

  start(): void {
    this.#timer = this.#o.clock.setInterval(() => this.#look(), LIMITS.encryptionReloadMs);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
  }

  #look(): void {
    const { file, encrypted, log } = this.#o;
    try {
      const text = readEncryptionFile(file);
      if (text === this.#text) return;
      encrypted.configure(parseEncryption(text, file));
      this.#text = text;
      log.info({ file }, 'the encryption configuration is taken over');
    } catch (err) {
      log.error({ file, err }, 'the encryption configuration cannot be used; the old one stays');
    }
  }
}
