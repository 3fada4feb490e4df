/**
 * Writes what the checker says of policies into their status. Upstream's controller-manager does that, and so nothing is written
 * by an apiserver that runs alone; it is done here because the engine of the expressions is here, as long as there is a
 * controller-manager. Every apiserver does; whoever writes second meets a conflict.
 */
import { createRequire } from 'node:module';
import {
  type CustomResourceDefinition,
  isConflict,
  isNotFound,
  type KindRegistry,
  type Lease,
  type ValidatingAdmissionPolicy,
} from '@kubets/api';
import { type Clock, errorMessage, type Logger, type Timer } from '@kubets/platform';
import { LIMITS } from '../../edge-limits.ts';
import type { BackgroundTask, CacheView, ResourceStore } from '../../ports.ts';
import { GVR } from '../../resources.ts';

type Policy = ValidatingAdmissionPolicy;
type Checker = typeof import('./type-check.ts');

const load = createRequire(import.meta.url);

export interface TypeCheckOptions {
  readonly store: ResourceStore;
  readonly kinds: KindRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The lease of those who lead the controllers. */
const CONTROLLERS = { namespace: 'kube-system', name: 'kube-controller-manager' } as const;

/** Checks each generation of a policy once. */
export class PolicyTypeChecks implements BackgroundTask {
  readonly name = 'policy-type-checks';
  readonly #o: TypeCheckOptions;
  readonly #policies: CacheView<Policy>;
  readonly #definitions: CacheView<CustomResourceDefinition>;
  readonly #waiting = new Set<string>();
  #unlisten: () => void = () => undefined;
  #running: Promise<void> | undefined;
  #retry: Timer | undefined;
  #stopped = false;

  constructor(options: TypeCheckOptions) {
    this.#o = options;
    this.#policies = options.store.cache<Policy>(GVR.validatingPolicies);
    this.#definitions = options.store.cache<CustomResourceDefinition>(GVR.definitions);
  }

  start(): void {
    this.#unlisten = this.#policies.onChange(({ type, object }) => {
      if (type !== 'DELETED') this.#look(object);
    });
    void this.#policies.whenSynced().then(() => {
      for (const policy of this.#policies.list()) this.#look(policy);
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unlisten();
    this.#retry?.cancel();
    await this.#running;
  }

  #look({ metadata, status }: Policy): void {
    if (status?.observedGeneration === metadata.generation) return;
    this.#waiting.add(metadata.name ?? '');
    this.#kick();
  }

  #kick(): void {
    if (this.#stopped || this.#running !== undefined || this.#waiting.size === 0) return;
    this.#running = this.#work().finally(() => {
      this.#running = undefined;
      if (this.#retry === undefined) this.#kick();
    });
  }

  async #work(): Promise<void> {
    if (!(await this.#hasControllers())) {
      this.#retryLater();
      return;
    }
    const names = [...this.#waiting];
    this.#waiting.clear();
    for (const name of names) {
      if (this.#stopped) return;
      try {
        await this.#check(name);
      } catch (error) {
        if (isNotFound(error)) continue;
        const why = errorMessage(error);
        if (!isConflict(error)) this.#o.log.warn({ policy: name, err: why }, 'policy: retrying');
        this.#waiting.add(name);
        this.#retryLater();
      }
    }
  }

  async #hasControllers(): Promise<boolean> {
    try {
      const lease = await this.#o.store.get<Lease>({ ...GVR.leases, ...CONTROLLERS });
      return (lease.spec?.holderIdentity ?? '') !== '';
    } catch (error) {
      if (!isNotFound(error)) this.#o.log.debug({ err: errorMessage(error) }, 'policies wait');
      return false;
    }
  }

  #retryLater(): void {
    this.#retry ??= this.#o.clock.setTimeout(() => {
      this.#retry = undefined;
      this.#kick();
    }, LIMITS.policyCheckRetryMs);
  }

  async #check(name: string): Promise<void> {
    const { store, kinds } = this.#o;
    await this.#definitions.whenSynced();
    const policy = await store.get<Policy>({ ...GVR.validatingPolicies, namespace: '', name });
    const { generation } = policy.metadata;
    if (policy.status?.observedGeneration === generation || generation === undefined) return;
    const { typeWarnings } = load('./type-check.ts') as Checker;
    const warnings = typeWarnings(policy, { kinds, definitions: this.#definitions.list() });
    const status = {
      ...policy.status,
      observedGeneration: generation,
      typeChecking: warnings.length > 0 ? { expressionWarnings: warnings } : {},
    };
    await store.update(GVR.validatingPolicies, { ...policy, status }, 'status');
  }
}
