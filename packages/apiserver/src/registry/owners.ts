/** Owners that an object names more than once. */
import { type KubeObject, semanticEqual } from '@kubets/api';
import type { WriteContext } from './context.ts';

/**
 * Leaves out owners that are repeated, in place, and warns of them: bodies that replace or create lose theirs before
 * admission and managed fields see them, whatever a patch or a webhook put there goes after mutating admission.
 */
export function dropRepeatedOwners(
  object: KubeObject,
  ctx: Pick<WriteContext, 'warn'>,
  when: 'as sent' | 'after admission',
): void {
  const owners = object.metadata.ownerReferences;
  if (owners === undefined || owners.length < 2) return;
  const isFirst = owners.map((o, i) => owners.findIndex((p) => semanticEqual(o, p)) === i);
  const twice = owners.filter((_, i) => !isFirst[i]).map(({ uid }) => uid);
  if (twice.length === 0) return;
  object.metadata.ownerReferences = owners.filter((_, i) => isFirst[i]);
  const where = when === 'as sent' ? '' : ' after mutating admission happens';
  ctx.warn(
    `.metadata.ownerReferences contains duplicate entries${where}; API server dedups owner references in ` +
      '1.20+, and may reject such requests as early as 1.24; please fix your requests; ' +
      `duplicate UID(s) observed: ${twice.join(', ')}`,
  );
}
