import {
  builtinKinds,
  type CustomResourceDefinition,
  isNotFound,
  type KubeObject,
  type Pod,
  parseApiVersion,
  Quantity,
  type QuotaUsage,
  quotaUsage,
  type ResourceQuota,
  scopeHolds,
  scopesOf,
} from '@kubets/api';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { INDEX } from '../host/informers.ts';
import { LIST_PAGE_SIZE, QUOTA_RESYNC_MS, QUOTA_SETTLE_MS } from '../limits.ts';
import { type CustomKind, namespacedKindsOf } from '../objects/custom-kinds.ts';
import { type ExtensionKind, ExtensionKinds } from '../objects/extension-kinds.ts';
import { sameJson } from '../objects/json.ts';
import { isDeleting, keyOf, namespaceOf } from '../objects/meta.ts';
import { isFinished } from '../objects/pods.ts';
import {
  builtinCountable,
  type CountableKind,
  type CountedKind,
  countedKinds,
  quotaNameOf,
  quotaStatus,
  sameAmounts,
} from './decide.ts';
import { sum } from './usage.ts';

/**
 * Counts what quotas limit. Admission adds to the count before an object is made; this counts anew
 * when objects come and go, so that what is gone is given back.
 */
export function quotaController(deps: ControllerDeps): Controller {
  const loop = new QuotaLoop(deps);
  return queueController({
    name: 'resourcequota-controller',
    queueName: 'resourcequota_primary',
    deps,
    needs: [deps.informers.resourceQuotas, deps.informers.definitions],
    subscribe: (queue) => loop.subscribe(queue),
    reconcile: (key, queue) => loop.reconcile(key, queue),
  });
}

class QuotaLoop {
  readonly #deps: ControllerDeps;
  readonly #builtin = builtinCountable(builtinKinds.all());
  readonly #followed = new Map<string, () => void>();
  /** Kinds of extension servers, by their APIService. */
  readonly #extensions = new Map<string, readonly ExtensionKind[]>();

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
  }

  subscribe(queue: KeyQueue): (() => void)[] {
    const off = this.#deps.informers.resourceQuotas.on({
      add: (quota) => queue.add(keyOf(quota)),
      update: (old, quota) => {
        // Admission writes the status with every object made: that is no reason to count anew.
        const isNew = !sameJson(old.spec, quota.spec) || quota.status?.hard === undefined;
        if (isNew) queue.add(keyOf(quota));
      },
    });
    const changed = (definition: CustomResourceDefinition): void => {
      for (const kind of namespacedKindsOf([definition])) this.#wakeCounting(kind, queue);
    };
    const noDefinitions = this.#deps.informers.definitions.on({
      add: changed,
      update: (old, definition) => {
        this.#unfollow(old);
        changed(definition);
      },
      delete: (definition) => this.#unfollow(definition),
    });
    const { clock, log } = this.#deps;
    const extensions = new ExtensionKinds(
      { api: this.#deps.api, clock, log },
      this.#deps.informers.apiServices,
      (service, kinds) => this.#setExtension({ service, kinds, queue }),
    );
    const unfollow = (): void => {
      extensions.stop();
      for (const stop of this.#followed.values()) stop();
    };
    return [off, noDefinitions, unfollow];
  }

  /** What an extension server has by now: new kinds can be counted, those that went are not followed. */
  #setExtension(o: { service: string; kinds: readonly ExtensionKind[]; queue: KeyQueue }): void {
    const before = this.#extensions.get(o.service) ?? [];
    const kinds = o.kinds.filter(isCountable);
    this.#extensions.set(o.service, kinds);
    const missing = (from: readonly CustomKind[], kind: CustomKind): boolean =>
      !from.some((one) => idOf(one) === idOf(kind));
    for (const kind of before) if (missing(kinds, kind)) this.#unfollowKind(kind);
    for (const kind of kinds) if (missing(before, kind)) this.#wakeCounting(kind, o.queue);
  }

  /** A resource can be counted from now on, or has to be followed anew. */
  #wakeCounting(kind: CountableKind, queue: KeyQueue): void {
    const name = `count/${quotaNameOf(kind)}`;
    for (const quota of this.#deps.informers.resourceQuotas.list()) {
      if (quota.spec?.hard?.[name] !== undefined) queue.add(keyOf(quota));
    }
  }

  /** What is served no more, or in another version, is not followed under this one. */
  #unfollow(definition: CustomResourceDefinition): void {
    for (const kind of namespacedKindsOf([definition])) this.#unfollowKind(kind);
  }

  #unfollowKind(kind: CountableKind): void {
    const id = idOf(kind);
    this.#followed.get(id)?.();
    this.#followed.delete(id);
  }

  async reconcile(key: string, queue: KeyQueue): Promise<void> {
    const quota = this.#deps.informers.resourceQuotas.get(key);
    if (!quota?.spec || isDeleting(quota)) return;
    const custom = namespacedKindsOf(this.#deps.informers.definitions.list());
    const others = [...this.#extensions.values()].flat();
    const kinds = countedKinds(quota, [...this.#builtin, ...custom, ...others]);
    for (const kind of kinds) this.#follow(kind, queue);
    const usages: QuotaUsage[] = [];
    for (const kind of kinds) usages.push(await this.#measure(quota, kind));
    const status = quotaStatus(quota, sum(usages));
    queue.addAfter(key, QUOTA_RESYNC_MS);
    if (sameAmounts(quota.status, status)) return;
    const api = this.#deps.api.resource<ResourceQuota>('v1', 'resourcequotas');
    try {
      // Conditional on the version: an object admitted while we counted makes this count void.
      await api.updateStatus({ ...quota, status });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** From now on, objects of this kind that come or go wake the quotas of their namespace. */
  #follow(kind: CountedKind, queue: KeyQueue): void {
    const id = idOf(kind);
    if (this.#followed.has(id)) return;
    const wake = (object: KubeObject): void => {
      const quotas = this.#deps.informers.resourceQuotas;
      for (const quota of quotas.byIndex(INDEX.namespace, namespaceOf(object))) {
        queue.addAfter(keyOf(quota), QUOTA_SETTLE_MS);
      }
    };
    const isPods = kind.resource === 'pods';
    const informer = this.#deps.informers.metadataOf(kind.gv, kind.resource);
    const off = informer.on({
      add: wake,
      delete: wake,
      update: (old, object) => {
        if (isPods && !isFinished(old as Pod) && isFinished(object as Pod)) wake(object);
      },
    });
    this.#followed.set(id, off);
  }

  async #measure(quota: ResourceQuota, kind: CountedKind): Promise<QuotaUsage> {
    const api = this.#deps.api.resource<KubeObject>(kind.gv, kind.resource);
    const nowMs = this.#deps.clock.now();
    const usages: QuotaUsage[] = [];
    let token: string | undefined;
    do {
      const from = token === undefined ? {} : { continue: token };
      const page = await api.list(namespaceOf(quota), { limit: LIST_PAGE_SIZE, ...from });
      for (const object of page.items) usages.push(usageFor(quota, kind, object, nowMs));
      token = page.continue;
    } while (token !== undefined && token !== '');
    return sum(usages);
  }
}

const NEEDED = ['create', 'list', 'watch', 'delete'];

function isCountable({ namespaced, verbs }: ExtensionKind): boolean {
  return namespaced && NEEDED.every((verb) => verbs.includes(verb));
}

const idOf = ({ gv, resource }: CountableKind): string => `${gv}/${resource}`;

/** What an object uses of what the quota may be about. */
function usageFor(
  quota: ResourceQuota,
  { gv, resource, isMeasured, counts }: CountedKind,
  object: KubeObject,
  nowMs: number,
): QuotaUsage {
  const { group } = parseApiVersion(gv);
  const isPod = group === '' && resource === 'pods';
  if (isPod && !scopesOf(quota).every((scope) => scopeHolds(scope, object as Pod))) {
    return new Map();
  }
  if (isMeasured) return quotaUsage({ group, resource }, object, nowMs);
  return new Map(counts.map((name) => [name, Quantity.of(1)]));
}
