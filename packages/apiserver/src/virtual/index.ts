import type { Clock } from '@kubets/platform';
import type { EdgeAuthenticator } from '../auth/authenticator.ts';
import type { Authorization } from '../auth/authorizer.ts';
import type { TokenIssuer } from '../auth/service-account-tokens.ts';
import type { AdmissionChain, ResourceStore, VirtualResource } from '../ports.ts';
import { componentStatuses, leaseCheck, storeCheck } from './component-statuses.ts';
import { identityReviews } from './identity-reviews.ts';
import { accessReviews } from './reviews.ts';
import { tokenRequests } from './token-request.ts';

/** What the computed resources are computed from. */
export interface VirtualResourcesOptions {
  readonly store: ResourceStore;
  readonly authenticator: EdgeAuthenticator;
  readonly authorization: Pick<Authorization, 'authorizer' | 'rbac'>;
  readonly admission: Pick<AdmissionChain, 'admit' | 'validate'>;
  /** Without a signing key no tokens are issued and `serviceaccounts/token` does not exist. */
  readonly issuer?: TokenIssuer | undefined;
  /** Longest life of a token; 0 or absent: as long as asked for. */
  readonly maxTokenSeconds?: number;
  /** Whether tokens that pods mount live longer than they say. */
  readonly prolongMounted: boolean;
  readonly newUid: () => string;
  readonly clock: Clock;
}

/** All resources that are computed, not stored. */
export function createVirtualResources(o: VirtualResourcesOptions): VirtualResource[] {
  const { store, clock, issuer } = o;
  const { authorizer, rbac } = o.authorization;
  const checks = [
    leaseCheck(store, { name: 'controller-manager', lease: 'kube-controller-manager', clock }),
    leaseCheck(store, { name: 'scheduler', lease: 'kube-scheduler', clock }),
    storeCheck(store),
  ];
  const { apiAudiences } = o.authenticator;
  return [
    ...accessReviews(authorizer, rbac),
    ...identityReviews(o.authenticator, clock),
    componentStatuses(checks),
    ...(issuer ? [tokenRequests({ ...o, issuer, apiAudiences })] : []),
  ];
}
