import type { ClusterRole, Role } from '@kubets/api';
import type { CacheView, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { type Binding, bindingKeys, type RbacSource } from './rbac.ts';

type Buckets = Map<string, Map<string, Binding>>;

/**
 * Roles by name and bindings by subject, kept up to date from the watch cache, so that a decision costs
 * a few map lookups whatever the number of bindings.
 */
export class RbacIndex implements RbacSource {
  readonly #roles = new Map<string, Role>();
  readonly #clusterRoles = new Map<string, ClusterRole>();
  readonly #bindings: Buckets = new Map();

  /** Takes in or replaces a role (a ClusterRole has no namespace). */
  setRole(role: Role | ClusterRole): void {
    const { namespace, name = '' } = role.metadata;
    if (namespace) this.#roles.set(`${namespace}/${name}`, role);
    else this.#clusterRoles.set(name, role);
  }

  removeRole(role: Role | ClusterRole): void {
    const { namespace, name = '' } = role.metadata;
    if (namespace) this.#roles.delete(`${namespace}/${name}`);
    else this.#clusterRoles.delete(name);
  }

  /** Takes in a binding; `old` is what it replaces. */
  setBinding(binding: Binding, old?: Binding): void {
    if (old) this.removeBinding(old);
    for (const bucket of bucketsOf(binding)) {
      const names = this.#bindings.get(bucket) ?? new Map<string, Binding>();
      this.#bindings.set(bucket, names);
      names.set(binding.metadata.name ?? '', binding);
    }
  }

  removeBinding(binding: Binding): void {
    for (const bucket of bucketsOf(binding)) {
      const names = this.#bindings.get(bucket);
      names?.delete(binding.metadata.name ?? '');
      if (names?.size === 0) this.#bindings.delete(bucket);
    }
  }

  role(namespace: string, name: string): Role | undefined {
    return this.#roles.get(`${namespace}/${name}`);
  }

  clusterRole(name: string): ClusterRole | undefined {
    return this.#clusterRoles.get(name);
  }

  clusterRoles(): Iterable<ClusterRole> {
    return this.#clusterRoles.values();
  }

  roleBindings(namespace: string, subject: string): Iterable<Binding> {
    return this.#bindings.get(`${namespace}\n${subject}`)?.values() ?? [];
  }

  clusterRoleBindings(subject: string): Iterable<Binding> {
    return this.#bindings.get(`\n${subject}`)?.values() ?? [];
  }
}

function bucketsOf(binding: Binding): Set<string> {
  const namespace = binding.metadata.namespace ?? '';
  return new Set(bindingKeys(binding).map((key) => `${namespace}\n${key}`));
}

/** An index fed by the store's caches; `whenSynced` resolves once all four kinds are in. */
export function watchRbac(store: ResourceStore): { index: RbacIndex; whenSynced(): Promise<void> } {
  const index = new RbacIndex();
  const roleViews = [GVR.roles, GVR.clusterRoles].map((gvr) => store.cache<Role>(gvr));
  const bindingViews = [GVR.roleBindings, GVR.clusterRoleBindings].map((gvr) =>
    store.cache<Binding>(gvr),
  );
  for (const view of roleViews) {
    view.onChange(({ type, object }) => {
      if (type === 'DELETED') index.removeRole(object);
      else index.setRole(object);
    });
  }
  for (const view of bindingViews) {
    view.onChange(({ type, object, old }) => {
      if (type === 'DELETED') index.removeBinding(old ?? object);
      else index.setBinding(object, old);
    });
  }
  const all: CacheView[] = [...roleViews, ...bindingViews];
  return {
    index,
    async whenSynced() {
      await Promise.all(all.map((view) => view.whenSynced()));
    },
  };
}
