/** Where objects lie in the store. */
import { badRequest, type KindDef } from '@kubets/api';

const ROOT = '/registry/';

/** The prefix of all keys of a kind; ends with a slash. */
export function kindPrefix(def: KindDef): string {
  return `${ROOT}${def.storagePath}/`;
}

/** The prefix of a namespace's keys, or of all of them. @throws ApiError BadRequest for what can be no namespace */
export function scopePrefix(def: KindDef, namespace: string): string {
  checkSegment(namespace);
  return namespace === '' ? kindPrefix(def) : `${kindPrefix(def)}${namespace}/`;
}

/** The key of one object. @throws ApiError BadRequest for what can be no name */
export function keyOf(def: KindDef, namespace: string, name: string): string {
  checkSegment(name);
  return `${scopePrefix(def, def.namespaced ? namespace : '')}${name}`;
}

/** A name is one segment of a key: what would reach elsewhere is refused before the store is asked. */
function checkSegment(text: string): void {
  if (text === '.' || text === '..')
    throw badRequest(`invalid name "${text}": may not be '${text}'`);
  for (const char of ['/', '%']) {
    if (text.includes(char)) throw badRequest(`invalid name "${text}": may not contain '${char}'`);
  }
}
