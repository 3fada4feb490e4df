/** Encryption as the flags describe it, and what notices that the file has changed. */
import type { Clock, Logger, Metrics } from '@kubets/platform';
import type { BackgroundTask } from '../ports.ts';
import { ReloadFigures, WatchedFile } from '../settings/watched-file.ts';
import type { Store } from '../storage/store.ts';
import { parseEncryption, readEncryptionFile } from './config.ts';
import { EncryptedStore } from './encrypted-store.ts';

interface EncryptionFlags {
  readonly encryptionProviderConfig: string;
  readonly encryptionProviderConfigAutomaticReload: boolean;
}

interface Parts {
  readonly metrics?: Metrics | undefined;
  /** How this server is named among the apiservers. */
  readonly serverId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** @throws ConfigError */
export function encryptionOf(
  flags: EncryptionFlags,
  store: Store,
  { metrics, serverId, clock, log }: Parts,
): { store: Store; tasks: readonly BackgroundTask[] } {
  const { encryptionProviderConfig: file, encryptionProviderConfigAutomaticReload: reload } = flags;
  if (file === '') return { store, tasks: [] };
  const text = readEncryptionFile(file);
  const encrypted = new EncryptedStore(store, parseEncryption(text, file));
  if (!reload) return { store: encrypted, tasks: [] };
  const figures = metrics && new ReloadFigures(metrics, { subject: 'encryption', serverId, clock });
  const watch = new WatchedFile({
    ...{ name: 'encryption-reload', file, text, figures, clock, log },
    take: (now) => encrypted.configure(parseEncryption(now, file)),
    again: true,
  });
  return { store: encrypted, tasks: [watch] };
}
