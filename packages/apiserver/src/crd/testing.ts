/** A server's inner half with custom resources, on a store in memory, for tests. */
import {
  builtinKinds,
  type CustomResourceDefinition,
  type JSONSchemaProps,
  type KindDef,
  KindRegistry,
  type KubeObject,
} from '@kubets/api';
import { type Clock, seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { CacheSet } from '../cache/cache-set.ts';
import type { Target, WriteContext } from '../registry/context.ts';
import { InternalStore } from '../registry/internal-store.ts';
import { Registry } from '../registry/registry.ts';
import { MemoryStore } from '../storage/memory-store.ts';
import { rawStore } from '../storage/raw-store.ts';
import { NO_ADMISSION } from '../testing/index.ts';
import { DEFINITIONS } from './controller.ts';
import { DEFINITION_RULES, Definitions, kindsOf } from './index.ts';

export const GROUP = 'example.com';

/** A definition of widgets. */
export function definition(
  schema: JSONSchemaProps,
  version: object = {},
  spec: object = {},
): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          ...version,
        },
      ],
      ...spec,
    },
  };
}

/** One apiserver's view of a store; several may share one. */
export class CrdServer {
  readonly kinds: KindRegistry;
  readonly caches: CacheSet;
  readonly objects: InternalStore;
  readonly registry: Registry;
  readonly definitions: Definitions;
  readonly warnings: string[] = [];
  readonly ctx: WriteContext;

  constructor(store: MemoryStore = new MemoryStore(), clock: Clock = systemClock) {
    const random = seededRandom(3);
    const log = silentLogger;
    const withRules = (def: KindDef): KindDef =>
      def.kind === 'CustomResourceDefinition' ? { ...def, rules: DEFINITION_RULES } : def;
    this.kinds = new KindRegistry(builtinKinds.all().map(withRules));
    const storageKind = (def: KindDef): KindDef =>
      this.kinds.forKind({ ...def.storageVersion, kind: def.kind }) ?? def;
    this.caches = new CacheSet({ store, clock, random, log, storageKind });
    let uids = 0;
    const newUid = (): string => {
      uids += 1;
      return `00000000-0000-4000-8000-${String(uids).padStart(12, '0')}`;
    };
    const { caches, kinds } = this;
    this.registry = new Registry({
      ...{ store, caches, kinds, clock, random, newUid, log },
      admission: NO_ADMISSION,
      hooks: [],
      allowPrivileged: true,
      eventTtlSeconds: 3_600,
      deleteWorkers: 8,
    });
    this.objects = new InternalStore({
      registry: () => this.registry,
      caches,
      raw: rawStore(store),
      kindOf: (gvr) => kinds.forResource(gvr),
    });
    const dropCache = (def: KindDef): void => caches.drop(def);
    this.definitions = new Definitions({
      ...{ store: this.objects, kinds, dropCache, clock, log },
      kindsOf: (crd) => kindsOf(crd, { store: this.objects, clock }),
    });
    this.definitions.start();
    const user = { name: 'tester', uid: '', groups: ['system:masters'], extra: {} };
    const warn = (text: string): unknown => this.warnings.push(text);
    this.ctx = { user, dryRun: false, options: {}, warn };
  }

  async close(): Promise<void> {
    await this.definitions.stop();
    this.caches.close();
  }

  /** Resolves once a definition meets a condition; undefined stands for "it is gone". */
  until(
    met: (crd: CustomResourceDefinition | undefined) => boolean,
    name = `widgets.${GROUP}`,
  ): Promise<void> {
    const view = this.objects.cache<CustomResourceDefinition>(DEFINITIONS);
    return new Promise((resolve) => {
      let undo: (() => void) | undefined;
      const look = (): void => {
        if (!met(view.get('', name))) return;
        undo?.();
        resolve();
      };
      undo = view.onChange(look);
      look();
    });
  }

  /** Creates a definition and waits until its kind is served. */
  async define(crd: CustomResourceDefinition): Promise<void> {
    await this.objects.create(DEFINITIONS, crd);
    await this.until((now) => this.kindOf(crd) !== undefined && now !== undefined);
  }

  kindOf(crd: CustomResourceDefinition, version = 'v1'): KindDef | undefined {
    const { group, names } = crd.spec;
    return this.kinds.forResource({ group, version, resource: names.plural });
  }

  /** A widget, by version and name. */
  widget(name = '', o: { version?: string; subresource?: string } = {}): Target {
    const { version = 'v1', subresource = '' } = o;
    const def = this.kinds.forResource({ group: GROUP, version, resource: 'widgets' });
    if (def === undefined) throw new Error('widgets are not served');
    return { def, namespace: def.namespaced ? 'default' : '', name, subresource };
  }

  async create(name: string, fields: object = {}, metadata: object = {}): Promise<KubeObject> {
    const target = this.widget();
    const { apiVersion, kind } = target.def;
    const json = JSON.stringify({ apiVersion, kind, metadata: { name, ...metadata }, ...fields });
    const made = await this.registry.create(target, { json, validation: 'Warn' }, this.ctx);
    return made.object;
  }

  async merge(name: string, patch: object, subresource = ''): Promise<KubeObject> {
    const request = { type: 'merge', patch, validation: 'Warn' } as const;
    const target = this.widget(name, { subresource });
    return (await this.registry.patch(target, request, this.ctx)).object;
  }
}
