/** OwnerReferencesPermissionEnforcement: owners are set by those alone who might delete the object, and hold up the owner's end. */
import {
  apiVersionOf,
  type GroupVersionKind,
  type KindDef,
  type KindRegistry,
  type KubeObject,
  type OwnerReference,
  parseApiVersion,
  semanticEqual,
} from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import type {
  AdmissionAttributes,
  AdmissionPlugin,
  AuthorizationAttributes,
  Authorizer,
} from '../../ports.ts';
import { refuse } from '../support.ts';

type Asked = Pick<AuthorizationAttributes, 'verb' | 'resource' | 'subresource' | 'name'> &
  Pick<AuthorizationAttributes, 'apiGroup' | 'apiVersion' | 'namespace'>;

/** Off by default. */
export function ownerPermission(authorizer: Authorizer, kinds: KindRegistry): AdmissionPlugin {
  /** Why the user may not; undefined where they may. */
  async function refusal(a: AdmissionAttributes, asked: Asked): Promise<string | undefined> {
    try {
      const about = { ...asked, user: a.user, isResourceRequest: true, path: '' };
      const { allowed, reason } = await authorizer.authorize(about);
      return allowed ? undefined : `${reason}, <nil>`;
    } catch (error) {
      return `, ${errorMessage(error)}`;
    }
  }

  async function check(a: AdmissionAttributes): Promise<void> {
    const { group, version, resource } = a.resource;
    const own = { apiGroup: group, apiVersion: version, resource, namespace: a.namespace };
    const { name, subresource } = a;
    const why = await refusal(a, { ...own, verb: 'delete', subresource, name });
    if (why !== undefined) {
      throw refuse(a, `cannot set an ownerRef on a resource you can't delete: ${why}`);
    }
    for (const ref of newlyBlocking(a)) await checkOwner(a, ref);
  }

  async function checkOwner(a: AdmissionAttributes, ref: OwnerReference): Promise<void> {
    const gvk: GroupVersionKind = { ...parseApiVersion(ref.apiVersion), kind: ref.kind };
    const def: KindDef | undefined = kinds.forKind(gvk);
    if (def === undefined) {
      const text = `no matches for kind "${ref.kind}" in version "${apiVersionOf(gvk)}"`;
      const what = `cannot find RESTMapping for APIVersion ${ref.apiVersion} Kind ${ref.kind}`;
      throw refuse(a, `cannot set blockOwnerDeletion in this case because ${what}: ${text}`);
    }
    const why = await refusal(a, {
      ...{ verb: 'update', apiGroup: gvk.group, apiVersion: gvk.version, name: ref.name },
      ...{ resource: def.resource, subresource: 'finalizers' },
      namespace: def.namespaced ? a.namespace : '',
    });
    if (why === undefined) return;
    const text =
      "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on";
    throw refuse(a, `${text}: ${why}`);
  }

  return {
    name: 'OwnerReferencesPermissionEnforcement',
    validate(a) {
      const isWrite = a.operation === 'CREATE' || a.operation === 'UPDATE';
      if (!isWrite || isStatusOfPod(a) || !changesOwners(a)) return;
      return check(a);
    },
  };
}

/** Old kubelets garble owners there; those do not change anyhow. */
const isStatusOfPod = ({ resource, subresource }: AdmissionAttributes): boolean =>
  resource.group === '' && resource.resource === 'pods' && subresource === 'status';

const ownersOf = (object: KubeObject | undefined): OwnerReference[] =>
  object?.metadata?.ownerReferences ?? [];

const changesOwners = (a: AdmissionAttributes): boolean =>
  !semanticEqual(ownersOf(a.object), ownersOf(a.oldObject));

/** Owners that the write makes wait for the object. */
function newlyBlocking(a: AdmissionAttributes): OwnerReference[] {
  const before = new Map(ownersOf(a.oldObject).map((ref) => [ref.uid, ref]));
  return ownersOf(a.object).filter(
    (ref) => ref.blockOwnerDeletion === true && before.get(ref.uid)?.blockOwnerDeletion !== true,
  );
}
