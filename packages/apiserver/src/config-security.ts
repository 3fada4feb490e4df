/** The flags about who comes in and who may do what, under the stock names. */
import { flag } from '@kubets/platform';
import { auditFlags } from './audit/flags.ts';

const authenticationFlags = {
  'anonymous-auth': flag.bool({
    default: true,
    help: 'let requests without credentials in, as system:anonymous',
  }),
  'token-auth-file': flag.string({ default: '', help: 'CSV of static tokens' }),
  'enable-bootstrap-token-auth': flag.bool({
    help: 'let machines join with the bootstrap tokens kept as Secrets in kube-system',
  }),
  'authentication-token-webhook-config-file': flag.string({
    default: '',
    help: 'kubeconfig of a service that knows bearer tokens',
  }),
  'authentication-token-webhook-version': flag.string({
    default: 'v1beta1',
    help: 'version of the TokenReview sent to it: v1 or v1beta1',
  }),
  'authentication-token-webhook-cache-ttl': flag.durationMs({
    default: '2m',
    help: 'how long its answers are kept',
  }),
} as const;

const oidcFlags = {
  'authentication-config': flag.string({
    default: '',
    help: 'AuthenticationConfiguration file: issuers of tokens, and who is let in unnamed; instead of the --oidc- flags',
  }),
  'oidc-issuer-url': flag.string({
    default: '',
    help: 'OpenID Connect provider whose ID tokens are taken (https)',
  }),
  'oidc-client-id': flag.string({ default: '', help: 'audience its tokens must have' }),
  'oidc-username-claim': flag.string({ default: 'sub', help: 'claim that names the user' }),
  'oidc-username-prefix': flag.string({
    default: '',
    help: 'put before the name; default: the issuer and #, unless the claim is email; "-": nothing',
  }),
  'oidc-groups-claim': flag.string({ default: '', help: 'claim that lists the groups' }),
  'oidc-groups-prefix': flag.string({ default: '', help: 'put before each group' }),
  'oidc-required-claim': flag.list({ help: 'claims a token must have, as key=value' }),
  'oidc-ca-file': flag.string({ default: '', help: "CA of the provider; default: the system's" }),
  'oidc-signing-algs': flag.list({
    default: ['RS256'],
    help: 'algorithms its tokens may be signed with',
  }),
} as const;

const frontProxyFlags = {
  'requestheader-client-ca-file': flag.string({
    default: '',
    help: 'proxies with a certificate signed by this CA speak for the users they name in headers',
  }),
  'requestheader-allowed-names': flag.list({
    help: 'common names of those proxies; default: every certificate of the CA',
  }),
  'requestheader-username-headers': flag.list({
    default: ['X-Remote-User'],
    help: 'headers with the name of the user',
  }),
  'requestheader-uid-headers': flag.list({ help: 'headers with the uid of the user' }),
  'requestheader-group-headers': flag.list({
    default: ['X-Remote-Group'],
    help: 'headers with the groups',
  }),
  'requestheader-extra-headers-prefix': flag.list({
    default: ['X-Remote-Extra-'],
    help: 'prefixes of headers with what else is known of the user',
  }),
} as const;

const authorizationFlags = {
  'authorization-mode': flag.list({
    default: ['Node', 'RBAC'],
    help: 'authorisers in the order they are asked: Node, RBAC, ABAC, Webhook, AlwaysAllow, AlwaysDeny',
  }),
  'authorization-config': flag.string({
    default: '',
    help: 'AuthorizationConfiguration file, instead of --authorization-mode',
  }),
  'authorization-policy-file': flag.string({
    default: '',
    help: 'policies of the mode ABAC, one JSON object a line',
  }),
  'authorization-webhook-config-file': flag.string({
    default: '',
    help: 'kubeconfig of the service the mode Webhook asks',
  }),
  'authorization-webhook-version': flag.string({
    default: 'v1beta1',
    help: 'version of the SubjectAccessReview sent to it: v1 or v1beta1',
  }),
  'authorization-webhook-cache-authorized-ttl': flag.durationMs({
    default: '5m',
    help: 'how long its yes is kept',
  }),
  'authorization-webhook-cache-unauthorized-ttl': flag.durationMs({
    default: '30s',
    help: 'how long its no is kept',
  }),
} as const;

const flowFlags = {
  'enable-priority-and-fairness': flag.bool({
    default: true,
    help: 'share the requests under way out by flow schemas and priority levels',
  }),
  'max-requests-inflight': flag.int({
    default: 400,
    help: 'reads under way at once; with priority and fairness the sum of both counts',
  }),
  'max-mutating-requests-inflight': flag.int({
    default: 200,
    help: 'writes under way at once',
  }),
} as const;

const encryptionFlags = {
  'encryption-provider-config': flag.string({
    default: '',
    help: 'EncryptionConfiguration: which resources are encrypted in the store, and how',
  }),
  'encryption-provider-config-automatic-reload': flag.bool({
    help: 'take over changes of that file without a restart',
  }),
} as const;

const transportFlags = {
  'cors-allowed-origins': flag.list({
    help: 'patterns of origins whose pages may read answers, as //example\\.com(:|$); default: none',
  }),
  'strict-transport-security-directives': flag.list({
    help: 'HSTS directives of every answer: max-age=SECONDS, includeSubDomains, preload',
  }),
} as const;

export const securityFlags = {
  ...transportFlags,
  ...authenticationFlags,
  ...oidcFlags,
  ...frontProxyFlags,
  ...authorizationFlags,
  ...flowFlags,
  ...auditFlags,
  ...encryptionFlags,
} as const;
