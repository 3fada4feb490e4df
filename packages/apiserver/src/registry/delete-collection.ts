/** Deleting all objects of a selection, a few at a time. */
import { isNotFound } from '@kubets/api';
import type { RegistryDeps, Target, WriteContext } from './context.ts';
import { deleteObject } from './delete.ts';
import type { DeleteOptions } from './delete-options.ts';
import type { ListOptions } from './list-options.ts';
import { type ListResult, listObjects } from './read.ts';

/** @returns the objects as they were listed; the first failure other than NotFound ends it */
export async function deleteCollection(
  deps: RegistryDeps,
  target: Target,
  o: { list: ListOptions; delete: DeleteOptions },
  ctx: WriteContext,
): Promise<ListResult> {
  const listed = await listObjects(deps, target, o.list);
  const queue = [...listed.entries];
  const work = async (): Promise<void> => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
      const { namespace, name } = entry;
      try {
        const one = { ...target, namespace, name };
        await deleteObject(deps, one, o.delete, ctx, { isCollection: true });
      } catch (error) {
        if (isNotFound(error)) continue;
        queue.length = 0;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: deps.deleteWorkers }, work));
  return listed;
}
