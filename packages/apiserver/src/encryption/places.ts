/** Which resource a key of the store belongs to. */
import { builtinKinds } from '@kubets/api';

const ROOT = '/registry/';

export interface Place {
  readonly group: string;
  readonly resource: string;
}

const PLACES: ReadonlyMap<string, Place> = new Map(
  builtinKinds.all().map(({ storagePath, group, resource }) => [storagePath, { group, resource }]),
);

/** @returns undefined for keys that hold no object (allocations, leases of apiservers) */
export function placeOf(key: string): Place | undefined {
  if (!key.startsWith(ROOT)) return undefined;
  const [first = '', second = ''] = key.slice(ROOT.length).split('/', 2);
  const known = PLACES.get(`${first}/${second}`) ?? PLACES.get(first);
  if (known !== undefined) return known;
  // Custom resources lie under their group, which has a dot.
  return first.includes('.') && second !== '' ? { group: first, resource: second } : undefined;
}
