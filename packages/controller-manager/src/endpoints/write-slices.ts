import { type EndpointSlice, isAlreadyExists, isNotFound } from '@kubets/api';
import type { ResourceApi } from '@kubets/client';
import { StaleCacheError } from '../errors.ts';
import { isNamespaceTerminating } from '../host/pod-control.ts';
import { labelsOf, nameOf, namespaceOf, uidOf } from '../objects/meta.ts';
import { MANAGED_BY_LABEL, type SliceChanges } from './slices.ts';

/** Whose slices are written. */
export interface SliceOwner {
  /** of the Service or Endpoints object they show */
  uid: string;
  /** Value of the label that says which loop keeps a slice. */
  manager: string;
}

type SliceApi = ResourceApi<EndpointSlice>;

/** New and changed before gone: a reader never sees fewer endpoints than there are. */
export async function writeSlices(
  api: SliceApi,
  changes: SliceChanges,
  owner: SliceOwner,
): Promise<void> {
  for (const slice of changes.create) {
    try {
      await api.create(slice);
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      if (!isAlreadyExists(error)) throw error;
      await replaceForeign(api, slice, owner);
    }
  }
  for (const slice of changes.update) await api.update(slice);
  for (const slice of changes.delete) {
    try {
      const preconditions = { uid: uidOf(slice) };
      await api.delete(namespaceOf(slice), nameOf(slice), { preconditions });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** The name is taken: by our own slice the cache has not shown yet, or by a leftover of another owner. */
async function replaceForeign(
  api: SliceApi,
  slice: EndpointSlice,
  owner: SliceOwner,
): Promise<never> {
  const live = await api.get(namespaceOf(slice), nameOf(slice));
  const isOurs = labelsOf(live)[MANAGED_BY_LABEL] === owner.manager;
  if (isOurs && live.metadata.ownerReferences?.[0]?.uid !== owner.uid) {
    await api.delete(namespaceOf(live), nameOf(live), { preconditions: { uid: uidOf(live) } });
  }
  throw new StaleCacheError(`slice ${nameOf(slice)} exists`);
}
