/**
 * APIService objects come to life here: one is made for each version this server has itself, and those that name a service
 * are probed, shown in discovery and get the requests for their version. Every apiserver does all of it for itself.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type APIService,
  type Endpoints,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KindRegistry,
  type Service,
} from '@kubets/api';
import { type Clock, errorMessage, type Logger, type Random, type Timer } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import type { BackgroundTask, CacheChange, CacheView, ResourceStore } from '../ports.ts';
import { rfc3339 } from '../registry/time.ts';
import { GVR } from '../resources.ts';
import { failedProbe, judge, PASSED, type Settled, withVerdict } from './availability.ts';
import { type Description, descriptionBy, NO_DESCRIPTION } from './description.ts';
import { ExtensionServer, type ProxyIdentity } from './extension-server.ts';
import { localPriority } from './priorities.ts';

export interface ApiServicesOptions {
  readonly store: ResourceStore;
  readonly kinds: KindRegistry;
  readonly identity: ProxyIdentity;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A version that another server has. */
export interface Extension {
  readonly group: string;
  readonly version: string;
  readonly api: APIService;
  readonly server: ExtensionServer;
  /** The server's own discovery document; undefined until it has answered once. */
  resources: object | undefined;
  /** How the server describes itself. */
  openApi: Description;
}

/** Who looks after an APIService: `onstart` those of built-in versions, `true` those of definitions. */
const MANAGED = 'kube-aggregator.kubernetes.io/automanaged';
/** Served by the aggregator itself in the stock server, and so without an object. */
const OWN_GROUP = 'apiregistration.k8s.io';

export const nameOf = (group: string, version: string): string => `${version}.${group}`;

export class ApiServices implements BackgroundTask {
  readonly name = 'api-services';
  readonly #o: ApiServicesOptions;
  readonly #view: CacheView<APIService>;
  readonly #extensions = new Map<string, Extension>();
  readonly #waiting = new Set<string>();
  readonly #undo: (() => void)[] = [];
  #revision = 0;
  #kindsAt = -1;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #started = false;
  #stopped = false;
  #watchesBackends = false;

  constructor(options: ApiServicesOptions) {
    this.#o = options;
    this.#view = options.store.cache<APIService>(GVR.apiServices);
    this.#undo.push(this.#view.onChange((change) => this.#changed(change)));
    this.#undo.push(options.kinds.onChange(() => this.#kick()));
  }

  /** A number that changes whenever what extension servers show does. */
  get revision(): number {
    return this.#revision;
  }

  whenSynced(): Promise<void> {
    return this.#view.whenSynced();
  }

  /** Whether no version is another server's. */
  get isEmpty(): boolean {
    return this.#extensions.size === 0;
  }

  /** The extension that has a version; undefined when this server has it. */
  find(group: string, version: string): Extension | undefined {
    return this.#extensions.get(nameOf(group, version));
  }

  all(): readonly Extension[] {
    return [...this.#extensions.values()];
  }

  start(): void {
    this.#started = true;
    this.#recheckIn(LIMITS.extensionRecheckMs);
    this.#kick();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const undo of this.#undo) undo();
    await this.#running;
    for (const { server } of this.#extensions.values()) server.close();
  }

  #changed({ type, object }: CacheChange<APIService>): void {
    const name = object.metadata.name ?? '';
    const before = this.#extensions.get(name);
    if (type === 'DELETED' || !object.spec?.service) {
      before?.server.close();
      if (this.#extensions.delete(name)) this.#revision += 1;
    } else this.#extend(name, object, before);
    if (type === 'DELETED') this.#kindsAt = -1;
    else this.#waiting.add(name);
    this.#kick();
  }

  #extend(name: string, api: APIService, before: Extension | undefined): void {
    const { group = '', version = '' } = api.spec ?? {};
    this.#revision += 1;
    if (before && JSON.stringify(before.api.spec) === JSON.stringify(api.spec)) {
      this.#extensions.set(name, { ...before, api });
      return;
    }
    before?.server.close();
    const server = new ExtensionServer(api, this.#o);
    const known = { resources: undefined, openApi: NO_DESCRIPTION };
    this.#extensions.set(name, { group, version, api, server, ...known });
    this.#watchBackends();
  }

  /** Services and endpoints are followed from the first extension on. */
  #watchBackends(): void {
    if (this.#watchesBackends) return;
    this.#watchesBackends = true;
    const follow = ({ object }: CacheChange): void => {
      for (const [name, { api }] of this.#extensions) {
        const { namespace, name: service } = api.spec?.service ?? {};
        const { metadata } = object;
        if (metadata.namespace !== namespace || metadata.name !== service) continue;
        this.#waiting.add(name);
        this.#kick();
      }
    };
    const { store } = this.#o;
    this.#undo.push(store.cache<Service>(GVR.services).onChange(follow));
    this.#undo.push(store.cache<Endpoints>(GVR.endpoints).onChange(follow));
  }

  #recheckIn(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#o.clock.setTimeout(() => {
      for (const name of this.#extensions.keys()) this.#waiting.add(name);
      this.#recheckIn(LIMITS.extensionRecheckMs);
      this.#kick();
    }, ms);
  }

  #kick(): void {
    if (!this.#started || this.#stopped || this.#running !== undefined) return;
    if (this.#waiting.size === 0 && this.#kindsAt === this.#o.kinds.revision) return;
    this.#running = this.#work().finally(() => {
      this.#running = undefined;
      if (!this.#stopped) this.#kick();
    });
  }

  async #work(): Promise<void> {
    await this.#view.whenSynced();
    await this.#registerLocal();
    const names = [...this.#waiting];
    this.#waiting.clear();
    while (names.length > 0 && !this.#stopped) {
      const some = names.splice(0, LIMITS.extensionConcurrency);
      await Promise.all(some.map((name) => this.#attempt(name, () => this.#settle(name))));
    }
  }

  async #attempt(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isNotFound(error) || isAlreadyExists(error) || this.#stopped) return;
      const err = errorMessage(error);
      if (!isConflict(error)) this.#o.log.warn({ apiService: name, err }, 'APIService: retrying');
      this.#kindsAt = -1;
      this.#recheckIn(LIMITS.extensionRetryMs);
    }
  }

  /** Objects for the versions this server has, and none for those a definition no longer brings. */
  async #registerLocal(): Promise<void> {
    const { kinds, store } = this.#o;
    if (this.#kindsAt === kinds.revision) return;
    this.#kindsAt = kinds.revision;
    const wanted = new Map<string, APIService>();
    for (const { group, version, rules } of kinds.all()) {
      const name = nameOf(group, version);
      if (group === OWN_GROUP || wanted.has(name)) continue;
      wanted.set(name, localService(group, version, rules?.unstructured === true));
    }
    for (const [name, api] of wanted) {
      if (this.#stopped) return;
      if (this.#view.get('', name) !== undefined) continue;
      await this.#attempt(name, async () => void (await store.create(GVR.apiServices, api)));
    }
    for (const { metadata } of this.#view.list()) {
      const { name = '', labels } = metadata;
      if (labels?.[MANAGED] !== 'true' || wanted.has(name) || this.#stopped) continue;
      const ref = { ...GVR.apiServices, namespace: '', name };
      await this.#attempt(name, () => store.delete(ref));
    }
  }

  async #settle(name: string): Promise<void> {
    const { store, clock } = this.#o;
    const api = this.#view.get('', name);
    if (api === undefined) return;
    const verdict = await this.#verdictOn(api, name);
    const next = withVerdict(api.status?.conditions ?? [], verdict, rfc3339(clock.now()));
    if (next === undefined) return;
    const status = { ...api.status, conditions: next };
    await store.update(GVR.apiServices, { ...api, status }, 'status');
  }

  async #verdictOn(api: APIService, name: string): Promise<Settled> {
    const { store } = this.#o;
    const { namespace = '', name: service = '' } = api.spec?.service ?? {};
    const extension = this.#extensions.get(name);
    const isLocal = extension === undefined;
    if (!isLocal) await this.#backendsSynced();
    const verdict = judge(
      api,
      isLocal ? undefined : store.cache<Service>(GVR.services).get(namespace, service),
      isLocal ? undefined : store.cache<Endpoints>(GVR.endpoints).get(namespace, service),
    );
    if (!('probe' in verdict)) return verdict;
    return extension === undefined ? PASSED : this.#probe(extension);
  }

  async #backendsSynced(): Promise<void> {
    const { store } = this.#o;
    await Promise.all([
      store.cache(GVR.services).whenSynced(),
      store.cache(GVR.endpoints).whenSynced(),
    ]);
  }

  async #probe(extension: Extension): Promise<Settled> {
    const { group, version, server } = extension;
    const path = `/apis/${group}/${version}`;
    try {
      const resources = await server.fetch(path);
      const openApi = await descriptionBy(server, path.slice(1));
      this.#learn(extension, { resources, openApi });
      return PASSED;
    } catch (error) {
      this.#recheckIn(LIMITS.extensionRetryMs);
      return failedProbe(urlText(server, path), errorMessage(error));
    }
  }

  #learn(of: Extension, found: Pick<Extension, 'resources' | 'openApi'>): void {
    const name = nameOf(of.group, of.version);
    const now = this.#extensions.get(name);
    if (now === undefined || now.server !== of.server) return;
    const known = { resources: now.resources, openApi: now.openApi };
    if (isDeepStrictEqual(known, found)) return;
    this.#revision += 1;
    this.#extensions.set(name, { ...now, ...found });
  }
}

/** Whether the condition says that requests can be passed on. */
export function isAvailable({ status }: APIService): boolean {
  return status?.conditions?.some((c) => c.type === 'Available' && c.status === 'True') === true;
}

function localService(group: string, version: string, isCustom: boolean): APIService {
  const labels = { [MANAGED]: isCustom ? 'true' : 'onstart' };
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: nameOf(group, version), labels },
    spec: { group, version, ...localPriority(group, version) },
  };
}

function urlText(server: ExtensionServer, path: string): string {
  try {
    return server.urlOf(path);
  } catch {
    // Its address went away; the error tells of it.
    return path;
  }
}
