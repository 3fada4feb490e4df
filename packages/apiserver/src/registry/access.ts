/** Asks the authoriser about a request. */
import { forbiddenAccess } from '../auth/forbidden.ts';
import type { AuthorizationAttributes, Authorizer, RequestInfo, UserInfo } from '../ports.ts';

/** @throws ApiError Forbidden */
export async function authorizeRequest(
  authorizer: Authorizer,
  user: UserInfo,
  info: RequestInfo,
): Promise<void> {
  const { isResourceRequest, verb, apiGroup, apiVersion, path } = info;
  const { resource, subresource, namespace, name } = info;
  const attributes: AuthorizationAttributes = {
    user,
    verb,
    isResourceRequest,
    apiGroup,
    apiVersion,
    resource,
    subresource,
    namespace,
    name,
    path,
  };
  const { allowed, reason } = await authorizer.authorize(attributes);
  if (!allowed) throw forbiddenAccess(attributes, reason);
}
