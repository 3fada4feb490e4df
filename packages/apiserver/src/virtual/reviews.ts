import {
  badRequest,
  FieldError,
  goQuote,
  invalid,
  type LocalSubjectAccessReview,
  type NonResourceAttributes,
  type ObjectMeta,
  type ResourceAttributes,
  type SelfSubjectAccessReview,
  type SelfSubjectRulesReview,
  type SubjectAccessReview,
  type SubjectAccessReviewSpec,
} from '@kubets/api';
import { askedSelectors, selectorErrors } from '../auth/asked-selectors.ts';
import type { RbacAuthorizer } from '../auth/rbac.ts';
import type {
  AuthorizationAttributes,
  Authorizer,
  UserInfo,
  VirtualRequest,
  VirtualResource,
} from '../ports.ts';
import { ownersOf } from './owners.ts';

const GROUP = 'authorization.k8s.io';

/** Metadata of an answer that was never stored. */
const UNSTORED = { creationTimestamp: null };

interface AccessSpec {
  readonly resourceAttributes?: ResourceAttributes | undefined;
  readonly nonResourceAttributes?: NonResourceAttributes | undefined;
}

/** "May this user do that?" in its four forms. */
export function accessReviews(authorizer: Authorizer, rbac: RbacAuthorizer): VirtualResource[] {
  const answer = async (request: VirtualRequest, kind: string, user: UserInfo) => {
    const { spec, metadata: sent } = request.object as SelfSubjectAccessReview;
    const status = await decide(authorizer, user, spec);
    const namespace = request.info.namespace ? { namespace: request.info.namespace } : {};
    const metadata = { ...UNSTORED, ...namespace, ...ownersOf(sent) };
    return { code: 201, object: { kind, apiVersion: `${GROUP}/v1`, metadata, spec, status } };
  };
  return [
    review('selfsubjectaccessreviews', async (request) => {
      const { spec, metadata } = request.object as SelfSubjectAccessReview;
      refuseAny([...specErrors(spec), ...metadataErrors(metadata, 'must be empty')]);
      return answer(request, 'SelfSubjectAccessReview', request.user);
    }),
    review('subjectaccessreviews', async (request) => {
      const { spec, metadata } = request.object as SubjectAccessReview;
      refuseAny([...subjectErrors(spec), ...metadataErrors(metadata, 'must be empty')]);
      return answer(request, 'SubjectAccessReview', subjectOf(spec));
    }),
    review('localsubjectaccessreviews', async (request) => {
      const { spec, metadata } = request.object as LocalSubjectAccessReview;
      checkLocal(spec, metadata, request.info.namespace);
      return answer(request, 'LocalSubjectAccessReview', subjectOf(spec));
    }),
    review('selfsubjectrulesreviews', async (request) => rulesReview(request, rbac)),
  ];
}

function review(resource: string, handle: VirtualResource['handle']): VirtualResource {
  return { group: GROUP, version: 'v1', resource, subresource: '', verbs: ['create'], handle };
}

async function decide(authorizer: Authorizer, user: UserInfo, spec: AccessSpec): Promise<object> {
  const { asked, ignored } = askedSelectors(spec.resourceAttributes ?? {});
  const decision = await authorizer.authorize({ ...attributesOf(user, spec), ...asked });
  const problems = decision.error === undefined ? ignored : [decision.error, ...ignored];
  return {
    allowed: decision.allowed,
    ...(decision.denied ? { denied: true } : {}),
    ...(decision.reason ? { reason: decision.reason } : {}),
    ...(problems.length > 0 ? { evaluationError: problems.join('; ') } : {}),
  };
}

function attributesOf(user: UserInfo, spec: AccessSpec): AuthorizationAttributes {
  const on: ResourceAttributes = spec.resourceAttributes ?? {};
  const path = spec.nonResourceAttributes;
  return {
    user,
    verb: (path ?? on).verb ?? '',
    isResourceRequest: path === undefined,
    apiGroup: on.group ?? '',
    apiVersion: on.version ?? '',
    resource: on.resource ?? '',
    subresource: on.subresource ?? '',
    namespace: on.namespace ?? '',
    name: on.name ?? '',
    path: path?.path ?? '',
  };
}

function subjectOf(spec: SubjectAccessReviewSpec): UserInfo {
  const { user = '', uid = '', groups = [], extra = {} } = spec;
  return { name: user, uid, groups, extra };
}

/** A value shown the way Go dumps a structure. */
class DumpedError extends FieldError {
  override body(): string {
    return `Invalid value: ${String(this.badValue)}: ${this.detail}`;
  }
}

function refuseAny(errors: FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: GROUP, kind: '' }, '', errors);
}

/** Reviews are not stored: names and the like would mean nothing. Who set what is written down all the same. */
function metadataErrors(metadata: ObjectMeta | undefined, detail: string): FieldError[] {
  const { managedFields: _owners, namespace: _place, ...rest } = metadata ?? {};
  const said = Object.values(rest).some((value) => value !== undefined && value !== null);
  if (!said) return [];
  const dump = `v1.ObjectMeta${JSON.stringify(rest)}`;
  return [new DumpedError('Invalid', 'metadata', dump, detail)];
}

const pathDump = ({ path = '', verb = '' }: NonResourceAttributes): string =>
  `authorization.NonResourceAttributes{Path:${goQuote(path)}, Verb:${goQuote(verb)}}`;

function specErrors(spec: AccessSpec): FieldError[] {
  const { resourceAttributes: on, nonResourceAttributes: path } = spec;
  if (on && path) {
    const detail = 'cannot be specified in combination with resourceAttributes';
    const both = new DumpedError('Invalid', 'spec.nonResourceAttributes', pathDump(path), detail);
    return [...selectorErrors(on, 'spec.resourceAttributes'), both];
  }
  if (path) return [];
  if (on) return selectorErrors(on, 'spec.resourceAttributes');
  const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [new FieldError('Invalid', 'spec.resourceAttributes', 'null', detail)];
}

function subjectErrors(spec: SubjectAccessReviewSpec): FieldError[] {
  const errors = specErrors(spec);
  if (!spec.user && !spec.groups?.length) {
    const detail = 'at least one of user or group must be specified';
    errors.push(new FieldError('Invalid', 'spec.user', spec.user ?? '', detail));
  }
  return errors;
}

function checkLocal(
  spec: SubjectAccessReviewSpec,
  metadata: ObjectMeta | undefined,
  namespace: string,
): void {
  const { resourceAttributes: on, nonResourceAttributes: path } = spec;
  const errors = subjectErrors(spec);
  errors.push(...metadataErrors(metadata, 'must be empty except for namespace'));
  const asked = on?.namespace ?? '';
  if (on && asked !== namespace) {
    const detail = 'must match metadata.namespace';
    errors.push(new FieldError('Invalid', 'spec.resourceAttributes.namespace', asked, detail));
  }
  if (path) {
    const detail = 'disallowed on this kind of request';
    errors.push(new DumpedError('Invalid', 'spec.nonResourceAttributes', pathDump(path), detail));
  }
  refuseAny(errors);
}

function rulesReview(request: VirtualRequest, rbac: RbacAuthorizer) {
  const { spec } = request.object as SelfSubjectRulesReview;
  if (!spec.namespace) throw badRequest('no namespace on request');
  const { rules, errors } = rbac.rulesFor(request.user, spec.namespace);
  const resourceRules = rules
    .filter((rule) => rule.resources?.length)
    .map(({ verbs, apiGroups, resources, resourceNames }) => ({
      verbs,
      apiGroups: apiGroups ?? [],
      resources,
      ...(resourceNames?.length ? { resourceNames } : {}),
    }));
  const nonResourceRules = rules
    .filter((rule) => rule.nonResourceURLs?.length)
    .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs }));
  const status = {
    resourceRules,
    nonResourceRules,
    incomplete: errors.length > 0,
    ...(errors.length > 0 ? { evaluationError: errors.join(', ') } : {}),
  };
  const kind = 'SelfSubjectRulesReview';
  const head = { kind, apiVersion: `${GROUP}/v1`, metadata: UNSTORED, spec: {} };
  return Promise.resolve({ code: 201, object: { ...head, status } });
}
