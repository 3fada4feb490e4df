/** Encryption as the flags describe it, and what notices that the file has changed. */
import type { Clock, Logger, Metrics, Timer } from '@kubets/platform';
import type { HealthCheck } from '../discovery/health.ts';
import type { BackgroundTask } from '../ports.ts';
import { ReloadFigures, WatchedFile } from '../settings/watched-file.ts';
import type { Store } from '../storage/store.ts';
import { parseEncryption, type Rule, readEncryptionFile } from './config.ts';
import { EncryptedStore } from './encrypted-store.ts';
import type { KmsSettings } from './kms/config.ts';
import { KmsPlugin } from './kms/plugin.ts';
import { kmsService } from './kms/service.ts';

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

interface Encryption {
  readonly store: Store;
  readonly tasks: readonly BackgroundTask[];
  /** Whether the services that keep keys are well, under the stock server's name. */
  readonly checks: readonly HealthCheck[];
}

/** @throws ConfigError */
export function encryptionOf(
  flags: EncryptionFlags,
  store: Store,
  { metrics, serverId, clock, log }: Parts,
): Encryption {
  const { encryptionProviderConfig: file, encryptionProviderConfigAutomaticReload: reload } = flags;
  if (file === '') return { store, tasks: [], checks: [] };
  const text = readEncryptionFile(file);
  const services = new Services({ clock, log });
  const encrypted = new EncryptedStore(store, services.take(services.read(text, file)));
  const checks = services.isEmpty && !reload ? [] : [services.check()];
  if (!reload) return { store: encrypted, tasks: [services], checks };
  const figures = metrics && new ReloadFigures(metrics, { subject: 'encryption', serverId, clock });
  const watch = new WatchedFile({
    ...{ name: 'encryption-reload', file, text, figures, clock, log },
    take(now) {
      const next = services.read(now, file);
      const use = (): void => encrypted.configure(services.take(next));
      return next.plugins.length === 0 ? use() : services.whenWell(next).then(use);
    },
    again: true,
  });
  return { store: encrypted, tasks: [services, watch], checks };
}

/** Rules, and the services that keep keys for them. */
interface Read {
  readonly rules: readonly Rule[];
  readonly plugins: readonly KmsPlugin[];
}

/** How long services of a former configuration may still be asked by requests under way. */
const LEAVE_MS = 10_000;

/** The services of the configuration that holds. Those that are used before tasks start are asked when they are. */
class Services implements BackgroundTask {
  readonly name = 'kms-providers';
  readonly #o: { readonly clock: Clock; readonly log: Logger };
  #now: readonly KmsPlugin[] = [];
  #isStarted = false;
  readonly #leaving = new Map<KmsPlugin, Timer>();

  constructor(o: { readonly clock: Clock; readonly log: Logger }) {
    this.#o = o;
  }

  get isEmpty(): boolean {
    return this.#now.length === 0;
  }

  start(): void {
    this.#isStarted = true;
    for (const plugin of this.#now) plugin.start();
  }

  async stop(): Promise<void> {
    for (const timer of this.#leaving.values()) timer.cancel();
    const all = [...this.#now, ...this.#leaving.keys()];
    await Promise.all(all.map((plugin) => plugin.stop()));
  }

  /** @throws ConfigError */
  read(text: string, file: string): Read {
    const plugins: KmsPlugin[] = [];
    const kmsOf = ({ name, endpoint, timeoutMs }: KmsSettings): KmsPlugin => {
      const service = kmsService(endpoint, timeoutMs, this.#o.clock);
      const plugin = new KmsPlugin({ name, service, ...this.#o });
      plugins.push(plugin);
      return plugin;
    };
    try {
      return { rules: parseEncryption(text, file, kmsOf), plugins };
    } catch (error) {
      for (const plugin of plugins) void plugin.stop();
      throw error;
    }
  }

  /** A configuration whose services are not well is not taken; its own are let go. */
  async whenWell({ plugins }: Read): Promise<void> {
    try {
      await Promise.all(plugins.map((plugin) => plugin.probe()));
    } catch (error) {
      await Promise.all(plugins.map((plugin) => plugin.stop()));
      throw error;
    }
  }

  /** Lets the services go, after a while, that held until now. @returns the rules */
  take({ rules, plugins }: Read): readonly Rule[] {
    for (const plugin of this.#now) {
      plugin.retire();
      const close = (): void => {
        this.#leaving.delete(plugin);
        void plugin.stop();
      };
      this.#leaving.set(plugin, this.#o.clock.setTimeout(close, LEAVE_MS));
    }
    this.#now = plugins;
    if (this.#isStarted) this.start();
    return rules;
  }

  check(): HealthCheck {
    return {
      name: this.name,
      liveness: true,
      check: async () => {
        for (const plugin of this.#now) await plugin.check();
      },
    };
  }
}
