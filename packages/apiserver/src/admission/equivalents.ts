/** A write as it looks in another version of its kind: for rules that name that one (`matchPolicy: Equivalent`). */
import type { KindDef, KindRegistry, KubeObject } from '@kubets/api';
import type { AdmissionAttributes } from '../ports.ts';
import { presentedObject, storedForm } from '../registry/presented.ts';
import { replaceInPlace } from './support.ts';

/** Subresources whose objects are those of the kind. */
const OWN_OBJECTS = ['', 'status'];

/** Other versions of the kind of a write: what is stored in the same place. */
export function equivalentsOf(a: AdmissionAttributes, kinds: KindRegistry): KindDef[] {
  if (a.operation === 'CONNECT' || !OWN_OBJECTS.includes(a.subresource)) return [];
  const { group, version } = a.kind.storageVersion;
  return kinds.all().filter((def) => {
    const isOther = def.apiVersion !== a.kind.apiVersion && def.resource === a.kind.resource;
    const { storageVersion } = def;
    return isOther && storageVersion.group === group && storageVersion.version === version;
  });
}

/** The attributes of a write, resource included, in another version; without its objects. */
export function inVersion(a: AdmissionAttributes, kind: KindDef): AdmissionAttributes {
  const { group, version, resource } = kind;
  return { ...a, kind, resource: { group, version, resource }, original: a };
}

/** The same with its objects. @throws ApiError when a webhook that converts fails */
export async function shownIn(a: AdmissionAttributes, kind: KindDef): Promise<AdmissionAttributes> {
  const shown = async (object: KubeObject | undefined): Promise<KubeObject | undefined> =>
    object && converted(object, a.kind, kind);
  const [object, oldObject] = await Promise.all([shown(a.object), shown(a.oldObject)]);
  return { ...inVersion(a, kind), object, oldObject };
}

/** Does to the object of a write what was done to it in another version. */
export async function takeBack(a: AdmissionAttributes, shown: AdmissionAttributes): Promise<void> {
  if (a.object === undefined || shown.object === undefined) return;
  const made = await converted(shown.object, shown.kind, a.kind);
  replaceInPlace(a.object, made);
}

async function converted(object: KubeObject, from: KindDef, to: KindDef): Promise<KubeObject> {
  const copy = { ...structuredClone(object), apiVersion: from.apiVersion, kind: from.kind };
  return presentedObject(to, await storedForm(from, copy));
}
