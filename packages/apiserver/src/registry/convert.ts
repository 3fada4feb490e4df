/**
 * Between the version a request speaks and the version an object is stored as. Nearly all kinds have one version; the
 * others are converted field by field in `@kubets/api`.
 */
import { convertObject, type KindDef, type KubeObject } from '@kubets/api';

/** Whether the kind's objects are stored as themselves. */
export function storedAsItself(def: KindDef): boolean {
  return def.storageVersion.group === def.group && def.storageVersion.version === def.version;
}

/** The object as it is stored. */
export function toStorage(def: KindDef, object: KubeObject): KubeObject {
  return storedAsItself(def) ? object : convertObject(object, def.storageVersion);
}

/** The object as the request's version shows it. */
export function fromStorage(def: KindDef, object: KubeObject): KubeObject {
  if (object.apiVersion === def.apiVersion && object.kind === def.kind) return object;
  return convertObject(object, def);
}
