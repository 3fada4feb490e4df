/** Asks the authoriser about a request. */
import { forbiddenAccess } from '../auth/forbidden.ts';
import { PlainTextError } from '../auth/impersonation.ts';
import type {
  AuditTrail,
  AuthorizationAttributes,
  Authorizer,
  RequestInfo,
  UserInfo,
} from '../ports.ts';

/** @throws ApiError Forbidden, or PlainTextError where an authoriser could not be asked and no other allows it */
export async function authorizeRequest(
  authorizer: Authorizer,
  user: UserInfo,
  info: RequestInfo,
  audit?: Pick<AuditTrail, 'decided'>,
): Promise<void> {
  const { isResourceRequest, verb, apiGroup, apiVersion, path } = info;
  const { resource, subresource, namespace, name, fieldSelector } = info;
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
    fieldSelector,
  };
  const answer = authorizer.authorize(attributes);
  const decision = answer instanceof Promise ? await answer : answer;
  audit?.decided(decision);
  if (decision.allowed) return;
  if (decision.error !== undefined) throw new PlainTextError(500, decision.error);
  throw forbiddenAccess(attributes, decision.reason);
}
