/** The managed fields of a computed answer: those of the request, which it gives back. */
import type { ObjectMeta } from '@kubets/api';

export function ownersOf(sent: ObjectMeta | undefined): Pick<ObjectMeta, 'managedFields'> {
  const managedFields = sent?.managedFields;
  return managedFields === undefined ? {} : { managedFields };
}
