import {
  type BoundObjectReference,
  badRequest,
  builtinKind,
  conflict,
  FieldError,
  type GroupVersionResource,
  invalid,
  isNotFound,
  type KubeObject,
  type Node,
  type Pod,
  parseApiVersion,
  type ServiceAccount,
  type TokenRequest,
} from '@kubets/api';
import type { Clock } from '@kubets/platform';
import { PROJECTED_TOKEN_SECONDS } from '../admission/service-account.ts';
import type { BoundObject, KubernetesClaims, TokenIssuer } from '../auth/service-account-tokens.ts';
import type { AdmissionChain, ResourceStore, VirtualRequest, VirtualResource } from '../ports.ts';
import { GVR } from '../resources.ts';
import { ownersOf } from './owners.ts';
import { rfc3339Seconds } from './time.ts';

const GROUP = 'authentication.k8s.io';
const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
/**
 * Mounted tokens are read by clients that may not reload them, so they really live a year; they say after
 * which hour their use is remarkable.
 */
const PROLONGED_SECONDS = 365 * 24 * 3600;

/** What issuing a token takes. */
export interface TokenRequestOptions {
  readonly store: ResourceStore;
  readonly issuer: TokenIssuer;
  readonly apiAudiences: readonly string[];
  readonly admission: Pick<AdmissionChain, 'admit' | 'validate'>;
  readonly maxTokenSeconds?: number;
  /** Whether tokens that pods mount live longer than they say. */
  readonly prolongMounted: boolean;
  readonly newUid: () => string;
  readonly clock: Clock;
}

type BoundClaims = Pick<KubernetesClaims, 'pod' | 'secret' | 'node'>;

/** `serviceaccounts/NAME/token`: issues a token for an account, bound to an object if asked. */
export function tokenRequests(o: TokenRequestOptions): VirtualResource {
  return {
    group: '',
    version: 'v1',
    resource: 'serviceaccounts',
    subresource: 'token',
    verbs: ['create'],
    bodyKind: { apiVersion: `${GROUP}/v1`, kind: 'TokenRequest' },
    handle: (request) => handle(request, o),
  };
}

async function handle(request: VirtualRequest, o: TokenRequestOptions) {
  const { namespace, name } = request.info;
  const sent = request.object as TokenRequest;
  const spec = sent.spec ?? { audiences: [] };
  checkName(sent, name);
  const account = await o.store.get<ServiceAccount>({ ...GVR.serviceAccounts, namespace, name });
  const asked = spec.expirationSeconds ?? DEFAULT_SECONDS;
  checkSeconds(asked);
  const seconds = o.maxTokenSeconds ? Math.min(asked, o.maxTokenSeconds) : asked;
  const audiences = spec.audiences?.length ? spec.audiences : [...o.apiAudiences];
  await admit(request, o.admission);
  const bound = await boundClaims(o.store, account, spec.boundObjectRef);
  if (seconds < asked) {
    request.warn?.(`requested expiration of ${asked} seconds shortened to ${seconds} seconds`);
  }
  const claims = { namespace, serviceaccount: { name, uid: account.metadata.uid ?? '' }, ...bound };
  const issued = request.dryRun
    ? undefined
    : await issue(o, { claims, audiences, seconds, isMounted: bound.pod !== undefined });
  const metadata = {
    name,
    namespace,
    creationTimestamp: rfc3339Seconds(o.clock.now()),
    ...ownersOf(sent.metadata),
  };
  const answered = {
    audiences,
    expirationSeconds: seconds,
    boundObjectRef: spec.boundObjectRef ?? null,
  };
  const status = issued ?? { token: '', expirationTimestamp: null };
  const head = { kind: 'TokenRequest', apiVersion: `${GROUP}/v1`, metadata };
  return { code: 201, object: { ...head, spec: answered, status } };
}

async function issue(
  o: TokenRequestOptions,
  t: {
    claims: KubernetesClaims;
    audiences: readonly string[];
    seconds: number;
    isMounted: boolean;
  },
): Promise<object> {
  const forApi = t.audiences.every((audience) => o.apiAudiences.includes(audience));
  const isProjected = t.isMounted && t.seconds === PROJECTED_TOKEN_SECONDS;
  const prolong = o.prolongMounted && isProjected && forApi;
  const nowSeconds = Math.floor(o.clock.now() / 1000);
  const claims = prolong ? { ...t.claims, warnafter: nowSeconds + t.seconds } : t.claims;
  const lifetimeSeconds = prolong ? PROLONGED_SECONDS : t.seconds;
  const draft = { claims, audiences: t.audiences, lifetimeSeconds, tokenId: o.newUid() };
  const { token } = await o.issuer.issue(draft);
  const expirationTimestamp = rfc3339Seconds((nowSeconds + t.seconds) * 1000);
  return { token, expirationTimestamp };
}

function checkSeconds(seconds: number): void {
  const field = 'spec.expirationSeconds';
  const refuse = (detail: string): never => {
    const error = new FieldError('Invalid', field, seconds, detail);
    throw invalid({ group: GROUP, kind: 'TokenRequest' }, '', [error]);
  };
  if (seconds < MIN_SECONDS) refuse('may not specify a duration less than 10 minutes');
  if (seconds > MAX_SECONDS) refuse('may not specify a duration larger than 2^32 seconds');
}

function checkName(sent: TokenRequest, name: string): void {
  const given = sent.metadata?.name ?? '';
  if (given === '' || given === name) return;
  const why = 'must match the service account name if specified';
  const error = new FieldError('Invalid', 'metadata.name', given, why);
  throw invalid({ group: GROUP, kind: 'TokenRequest' }, name, [error]);
}

/** Node restriction and namespace rules hold for tokens as well. */
async function admit(
  request: VirtualRequest,
  chain: TokenRequestOptions['admission'],
): Promise<void> {
  const kind = builtinKind('v1', 'ServiceAccount');
  const { namespace, name } = request.info;
  const attributes = {
    operation: 'CREATE' as const,
    kind,
    resource: GVR.serviceAccounts,
    subresource: 'token',
    namespace,
    name,
    object: request.object,
    oldObject: undefined,
    options: {},
    dryRun: request.dryRun,
    user: request.user,
    addWarning: (text: string) => request.warn?.(text),
  };
  await chain.admit(attributes);
  await chain.validate(attributes);
}

async function boundClaims(
  store: ResourceStore,
  account: ServiceAccount,
  ref: BoundObjectReference | undefined,
): Promise<BoundClaims> {
  if (!ref) return {};
  const { group, version } = parseApiVersion(ref.apiVersion ?? '');
  const namespace = account.metadata.namespace ?? '';
  const name = ref.name ?? '';
  if (group === '') {
    if (ref.kind === 'Pod') return bindPod(store, account, { ref, namespace, name });
    if (ref.kind === 'Secret') {
      return { secret: await bind(store, GVR.secrets, { ref, namespace, name }) };
    }
    if (ref.kind === 'Node') {
      return { node: await bind(store, GVR.nodes, { ref, namespace: '', name }) };
    }
  }
  throw badRequest(
    `cannot bind token to object of type ${group}/${version}, Kind=${ref.kind ?? ''}`,
  );
}

interface Wanted {
  readonly ref: BoundObjectReference;
  readonly namespace: string;
  readonly name: string;
}

async function bindPod(
  store: ResourceStore,
  account: ServiceAccount,
  wanted: Wanted,
): Promise<BoundClaims> {
  const { namespace, name, ref } = wanted;
  const pod = await store.get<Pod>({ ...GVR.pods, namespace, name });
  const { name: accountName } = account.metadata;
  if (accountName !== pod.spec?.serviceAccountName) {
    const what = `cannot bind token for serviceaccount "${accountName}" to pod running with different serviceaccount name.`;
    throw badRequest(what);
  }
  checkUid(pod, ref);
  const nodeName = pod.spec?.nodeName;
  const bound = { pod: { name, uid: pod.metadata.uid ?? '' } };
  return nodeName ? { ...bound, node: await nodeClaim(store, nodeName) } : bound;
}

async function nodeClaim(store: ResourceStore, name: string): Promise<BoundObject> {
  try {
    const node = await store.get<Node>({ ...GVR.nodes, namespace: '', name });
    return { name, uid: node.metadata.uid ?? '' };
  } catch (error) {
    // A pod may name a node that is not registered yet: the claim is for information only.
    if (isNotFound(error)) return { name };
    throw error;
  }
}

async function bind(
  store: ResourceStore,
  gvr: GroupVersionResource,
  { ref, namespace, name }: Wanted,
): Promise<BoundObject> {
  const object = await store.get<KubeObject>({ ...gvr, namespace, name });
  checkUid(object, ref);
  return { name, uid: object.metadata.uid ?? '' };
}

function checkUid(object: KubeObject, ref: BoundObjectReference): void {
  if (!ref.uid || ref.uid === object.metadata.uid) return;
  const why =
    `the UID in the bound object reference (${ref.uid}) does not match the UID in record. ` +
    'The object might have been deleted and then recreated';
  throw conflict({ group: '', resource: ref.kind ?? '' }, ref.name ?? '', why);
}
