import { badRequest, type TokenReview } from '@kubets/api';
import type { Clock } from '@kubets/platform';
import type { EdgeAuthenticator } from '../auth/authenticator.ts';
import { userInfoJson } from '../auth/identity.ts';
import type { VirtualResource } from '../ports.ts';
import { ownersOf } from './owners.ts';
import { rfc3339Seconds } from './time.ts';

const GROUP = 'authentication.k8s.io';

/** "Who am I?" and "whose token is this?". */
export function identityReviews(authenticator: EdgeAuthenticator, clock: Clock): VirtualResource[] {
  return [
    selfReview('v1', clock),
    selfReview('v1beta1', clock),
    {
      group: GROUP,
      version: 'v1',
      resource: 'tokenreviews',
      subresource: '',
      verbs: ['create'],
      async handle({ object }) {
        const { spec, metadata: sent } = object as TokenReview;
        if (!spec.token) throw badRequest('token is required for TokenReview in authentication');
        const status = await reviewToken(authenticator, spec.token, spec.audiences ?? []);
        const head = { kind: 'TokenReview', apiVersion: `${GROUP}/v1` };
        const metadata = { creationTimestamp: null, ...ownersOf(sent) };
        return { code: 201, object: { ...head, metadata, spec, status } };
      },
    },
  ];
}

function selfReview(version: string, clock: Clock): VirtualResource {
  return {
    group: GROUP,
    version,
    resource: 'selfsubjectreviews',
    subresource: '',
    verbs: ['create'],
    async handle({ user }) {
      const metadata = { creationTimestamp: rfc3339Seconds(clock.now()) };
      const status = { userInfo: userInfoJson(user) };
      const head = { kind: 'SelfSubjectReview', apiVersion: `${GROUP}/${version}` };
      return { code: 201, object: { ...head, metadata, status } };
    },
  };
}

async function reviewToken(
  authenticator: EdgeAuthenticator,
  token: string,
  asked: string[],
): Promise<object> {
  const audiences = asked.length > 0 ? asked : authenticator.apiAudiences;
  const refusals: string[] = [];
  const verified = await authenticator.authenticateToken(token, audiences, refusals);
  if (!verified) return { user: {}, error: joined(['invalid bearer token', ...refusals]) };
  return {
    authenticated: true,
    user: userInfoJson(verified.user),
    ...(verified.audiences.length > 0 ? { audiences: verified.audiences } : {}),
  };
}

/** Several errors as the stock server shows them together. */
function joined(texts: readonly string[]): string {
  const once = [...new Set(texts)];
  return once.length === 1 ? (once[0] ?? '') : `[${once.join(', ')}]`;
}
