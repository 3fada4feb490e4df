import { type ApiError, forbidden } from '@kubets/api';
import type { AuthorizationAttributes } from '../ports.ts';

/** The 403 of a request that no authoriser allowed. */
export function forbiddenAccess(asked: AuthorizationAttributes, reason: string): ApiError {
  const common = { user: asked.user.name, verb: asked.verb, reason };
  if (!asked.isResourceRequest) return forbidden({ ...common, path: asked.path });
  return forbidden({
    ...common,
    group: asked.apiGroup,
    resource: asked.resource,
    subresource: asked.subresource,
    namespace: asked.namespace,
    name: asked.name,
  });
}
