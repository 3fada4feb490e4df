import {
  type APIService,
  builtinKinds,
  type CustomResourceDefinition,
  isForbidden,
  isNotFound,
  type KubeObject,
  type Namespace,
  parseApiVersion,
} from '@kubets/api';
import { UnfinishedError } from '../errors.ts';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { failureText } from '../host/pod-control.ts';
import { forEachLimit } from '../host/slow-start.ts';
import { LIST_PAGE_SIZE, NAMESPACE_DELETE_CONCURRENCY, NAMESPACE_RETRY_MS } from '../limits.ts';
import { extensionKindsOf, extensionVersionOf } from '../objects/extension-kinds.ts';
import { sameJson } from '../objects/json.ts';
import { isDeleting, keyOf, nameOf, uidOf } from '../objects/meta.ts';
import {
  type ContentKind,
  contentKinds,
  customContentKinds,
  deletionConditions,
  extensionContentKinds,
  finalized,
  needsEmptying,
  type Remaining,
} from './decide.ts';

/** Empties namespaces that are being deleted, then lets them go. */
export function namespaceController(deps: ControllerDeps): Controller {
  const { namespaces } = deps.informers;
  const content = new Content(deps);
  return queueController({
    name: 'namespace-controller',
    queueName: 'namespace',
    deps,
    needs: [namespaces],
    subscribe: (queue) => {
      const wake = (namespace: Namespace): void => {
        if (needsEmptying(namespace)) queue.add(keyOf(namespace));
      };
      return [namespaces.on({ add: wake, update: (_old, namespace) => wake(namespace) })];
    },
    async reconcile(key, queue) {
      const namespace = namespaces.get(key);
      if (!namespace || !needsEmptying(namespace)) return;
      const { remaining, failures, undiscovered } = await content.empty(nameOf(namespace));
      const isClean = failures.length === 0 && undiscovered.length === 0;
      if (remaining.length === 0 && isClean) {
        await finalize(deps, namespace);
        return;
      }
      const texts = failures.map(failureText);
      await report(deps, namespace, { remaining, failures: texts, undiscovered });
      if (failures.length > 0) throw failures[0];
      queue.addAfter(key, NAMESPACE_RETRY_MS);
    },
  });
}

async function finalize(deps: ControllerDeps, namespace: Namespace): Promise<void> {
  const api = deps.api.resource<Namespace>('v1', 'namespaces');
  try {
    const live = await api.get('', nameOf(namespace));
    if (uidOf(live) !== uidOf(namespace) || !needsEmptying(live)) return;
    await api.updateSubresource('', nameOf(live), 'finalize', finalized(live));
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function report(
  deps: ControllerDeps,
  namespace: Namespace,
  outcome: { remaining: Remaining[]; failures: string[]; undiscovered: string[] },
): Promise<void> {
  const nowMs = deps.clock.now();
  const { remaining, failures, undiscovered } = outcome;
  const present = namespace.status?.conditions;
  const conditions = deletionConditions(present, remaining, {
    ...{ undiscovered, failures, nowMs },
  });
  if (sameJson(present ?? [], conditions)) return;
  const api = deps.api.resource<Namespace>('v1', 'namespaces');
  const body = { metadata: { uid: uidOf(namespace) }, status: { conditions } };
  try {
    await api.patch('', nameOf(namespace), 'merge', body, { subresource: 'status' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

const API_SERVICES = { gv: 'apiregistration.k8s.io/v1', resource: 'apiservices' };
const DEFINITIONS = { gv: 'apiextensions.k8s.io/v1', resource: 'customresourcedefinitions' };

interface Emptied {
  readonly remaining: Remaining[];
  readonly failures: unknown[];
  readonly undiscovered: string[];
}

/** Everything a namespace can hold, through the API. */
class Content {
  readonly #deps: ControllerDeps;
  readonly #kinds: ContentKind[];

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#kinds = contentKinds(builtinKinds.all());
  }

  /**
   * Deletes what is there. Empty answers mean that nothing was there to begin with; what a server that does not answer
   * may have is not known.
   */
  async empty(namespace: string): Promise<Emptied> {
    const remaining: Remaining[] = [];
    const width = NAMESPACE_DELETE_CONCURRENCY;
    const far = await this.#extensionKinds();
    const kinds = [...this.#kinds, ...(await this.#customKinds()), ...far.kinds];
    const failures = await forEachLimit(kinds, width, async (kind) => {
      const left = await this.#emptyKind(namespace, kind);
      if (left) remaining.push(left);
    });
    return { remaining, failures, undiscovered: far.undiscovered };
  }

  async #extensionKinds(): Promise<{ kinds: ContentKind[]; undiscovered: string[] }> {
    const { gv, resource } = API_SERVICES;
    const { api } = this.#deps;
    const kinds: ContentKind[] = [];
    const undiscovered: string[] = [];
    const { items } = await api.resource<APIService>(gv, resource).list('', {});
    const versions = items.flatMap((service) => extensionVersionOf(service) ?? []);
    await forEachLimit(versions, NAMESPACE_DELETE_CONCURRENCY, async (version) => {
      try {
        kinds.push(...extensionContentKinds(await extensionKindsOf(api, version)));
      } catch (error) {
        undiscovered.push(`${version}: ${failureText(error)}`);
      }
    });
    return { kinds, undiscovered };
  }

  async #customKinds(): Promise<ContentKind[]> {
    const { gv, resource } = DEFINITIONS;
    const api = this.#deps.api.resource<CustomResourceDefinition>(gv, resource);
    const { items } = await api.list('', {});
    return customContentKinds(items);
  }

  async #emptyKind(namespace: string, kind: ContentKind): Promise<Remaining | undefined> {
    const api = this.#deps.api.resource<KubeObject>(kind.gv, kind.resource);
    const finalizers: string[] = [];
    let count = 0;
    let token: string | undefined;
    do {
      const page = await this.#page(namespace, kind, token);
      count += page.items.length;
      const failures = await forEachLimit(page.items, 4, async (item) => {
        finalizers.push(...(item.metadata.finalizers ?? []));
        if (isDeleting(item)) return;
        try {
          const preconditions = { uid: uidOf(item) };
          await api.delete(namespace, nameOf(item), {
            preconditions,
            propagationPolicy: 'Background',
          });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      });
      if (failures.length > 0) throw failures[0];
      token = page.continue;
    } while (token !== undefined && token !== '');
    const { group } = parseApiVersion(kind.gv);
    return count === 0 ? undefined : { resource: kind.resource, group, count, finalizers };
  }

  /** A kind this cluster does not serve holds nothing. */
  async #page(
    namespace: string,
    kind: ContentKind,
    token: string | undefined,
  ): Promise<{ items: KubeObject[]; continue?: string }> {
    const api = this.#deps.api.resource<KubeObject>(kind.gv, kind.resource);
    try {
      const from = token === undefined ? {} : { continue: token };
      return await api.list(namespace, { limit: LIST_PAGE_SIZE, ...from });
    } catch (error) {
      if (isNotFound(error)) return { items: [] };
      if (isForbidden(error)) throw new UnfinishedError(failureText(error));
      throw error;
    }
  }
}
