/** The kinds that extension servers have: those of APIServices that name a service. */
import type { APIService } from '@kubets/api';
import type { Api, DiscoveredResource, Informer } from '@kubets/client';
import type { Clock, Logger, Timer } from '@kubets/platform';
import { EXTENSION_KINDS_PERIOD_MS } from '../limits.ts';
import type { CustomKind } from './custom-kinds.ts';
import { nameOf } from './meta.ts';

/** An extension's kind, and what can be done with its objects. */
export interface ExtensionKind extends CustomKind {
  readonly verbs: readonly string[];
}

/** The group and version that another server has; undefined for versions of the apiserver itself. */
export function extensionVersionOf({ spec }: APIService): string | undefined {
  return spec?.service ? `${spec.group}/${spec.version}` : undefined;
}

/** Asks what a version has. @throws ApiError */
export async function extensionKindsOf(api: Api, gv: string): Promise<ExtensionKind[]> {
  const { resources } = await api.discover(gv);
  const whole = resources.filter(({ name }) => !name.includes('/'));
  return whole.map(({ name: resource, kind, namespaced, verbs }: DiscoveredResource) => ({
    ...{ gv, resource, kind, namespaced, verbs },
  }));
}

export interface ExtensionKindsDeps {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Follows what extension servers have. A server that does not answer keeps the kinds it had: that says nothing of its
 * objects. Only an APIService that goes takes its kinds along.
 */
export class ExtensionKinds {
  readonly #deps: ExtensionKindsDeps;
  readonly #changed: (name: string, kinds: readonly ExtensionKind[]) => void;
  readonly #versions = new Map<string, string>();
  readonly #off: () => void;
  #timer: Timer | undefined;
  #stopped = false;

  /** @param changed gets the name of an APIService and what its version has; nothing once it is gone */
  constructor(
    deps: ExtensionKindsDeps,
    services: Informer<APIService>,
    changed: (name: string, kinds: readonly ExtensionKind[]) => void,
  ) {
    this.#deps = deps;
    this.#changed = changed;
    this.#off = services.on({
      add: (service) => this.#set(nameOf(service), extensionVersionOf(service)),
      update: (_old, service) => this.#set(nameOf(service), extensionVersionOf(service)),
      delete: (service) => this.#set(nameOf(service), undefined),
    });
    this.#askAgain();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#off();
  }

  #set(name: string, gv: string | undefined): void {
    const before = this.#versions.get(name);
    if (gv === undefined) {
      if (this.#versions.delete(name)) this.#changed(name, []);
      return;
    }
    this.#versions.set(name, gv);
    if (before !== undefined && before !== gv) this.#changed(name, []);
    void this.#ask(name, gv);
  }

  /** Servers may learn new kinds, and nothing tells of it. */
  #askAgain(): void {
    this.#timer = this.#deps.clock.setTimeout(() => {
      for (const [name, gv] of this.#versions) void this.#ask(name, gv);
      this.#askAgain();
    }, EXTENSION_KINDS_PERIOD_MS);
  }

  async #ask(name: string, gv: string): Promise<void> {
    try {
      const kinds = await extensionKindsOf(this.#deps.api, gv);
      if (!this.#stopped && this.#versions.get(name) === gv) this.#changed(name, kinds);
    } catch (error) {
      this.#deps.log.debug(
        { apiService: name, err: error },
        'an extension server is not known yet',
      );
    }
  }
}
