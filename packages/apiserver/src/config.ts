/** The flags of the apiserver, under the stock names. */
import {
  type ConfigOf,
  type commonFlags,
  componentFlags,
  flag,
  stockFlags,
} from '@kubets/platform';
import { securityFlags } from './config-security.ts';
import { servingFlags } from './config-serving.ts';
import { STOCK_FLAGS } from './config-stock.ts';
import { storeFlags } from './config-store.ts';

const HTTPS_PORT = 6443;
const GRPC_PORT = 6444;
const MAX_PORT = 65_535;

export const flags = {
  'bind-address': flag.string({ default: '0.0.0.0', help: 'address to listen on' }),
  'secure-port': flag.int({ default: HTTPS_PORT, min: 0, max: MAX_PORT, help: 'HTTPS port' }),
  'grpc-port': flag.int({
    default: GRPC_PORT,
    min: 0,
    max: MAX_PORT,
    help: 'port of the component door (gRPC, mutual TLS)',
  }),
  'advertise-address': flag.string({
    default: '',
    help: 'address that others reach this server at; default: the bind address, or the machine’s first one if that is no address others can use',
  }),
  'advertise-port': flag.int({
    default: 0,
    min: 0,
    max: MAX_PORT,
    help: 'port that others reach this server at; 0: the secure port',
  }),
  ...storeFlags,
  'tls-cert-file': flag.string({
    default: '',
    help: 'serving certificate; default: one made for this server',
  }),
  'tls-private-key-file': flag.string({ default: '', help: 'its private key' }),
  'cert-dir': flag.string({
    default: '',
    help: 'where a certificate made here is kept; default: in memory only',
  }),
  'client-ca-file': flag.string({
    default: '',
    help: 'client certificates signed by this CA are identities',
  }),
  'proxy-client-cert-file': flag.string({
    default: '',
    help: 'certificate towards extension servers; they believe the users it names in headers',
  }),
  'proxy-client-key-file': flag.string({ default: '', help: 'its private key' }),
  'kubelet-client-certificate': flag.string({ default: '', help: 'certificate towards kubelets' }),
  'kubelet-client-key': flag.string({ default: '', help: 'its private key' }),
  'kubelet-certificate-authority': flag.string({ default: '', help: 'CA of the kubelets' }),
  'kubelet-preferred-address-types': flag.list({
    default: ['Hostname', 'InternalDNS', 'InternalIP', 'ExternalDNS', 'ExternalIP'],
    help: 'kinds of node address kubelets are reached at, the preferred first',
  }),
  'pods-through-kubelets': flag.bool({
    default: false,
    help: 'connect to pods (webhooks, extension servers, proxies) through the kubelets of their nodes',
  }),
  'service-account-key-file': flag.list({
    help: 'public keys (or private ones) that service account tokens are checked with',
  }),
  'service-account-signing-key-file': flag.string({
    default: '',
    help: 'private key that service account tokens are signed with',
  }),
  'service-account-issuer': flag.list({
    default: ['https://kubernetes.default.svc.cluster.local'],
    help: 'issuer of service account tokens; tokens of further ones are taken, but not issued',
  }),
  'service-account-max-token-expiration': flag.durationMs({
    default: '0s',
    help: 'longest life of a service account token; 0: as long as asked for',
  }),
  'service-account-extend-token-expiration': flag.bool({
    default: true,
    help: 'tokens that pods mount live a year, and say after which hour their use is remarkable',
  }),
  'service-account-jwks-uri': flag.string({
    default: '',
    help: 'URI of the key set in /.well-known/openid-configuration (https); default: at the advertised address',
  }),
  'api-audiences': flag.list({ help: 'audiences of the API; default: the issuers' }),
  'service-cluster-ip-range': flag.string({
    default: '10.96.0.0/16',
    help: 'range of cluster IPs',
  }),
  'service-node-port-range': flag.string({ default: '30000-32767', help: 'range of node ports' }),
  'endpoint-reconciler-type': flag.enum({
    values: ['lease', 'master-count', 'none'],
    default: 'lease',
    help: 'who keeps the endpoints of the kubernetes service: the apiservers by their leases, or (none) somebody else',
  }),
  'kubernetes-service-node-port': flag.int({
    default: 0,
    max: MAX_PORT,
    help: 'node port of the kubernetes service; 0: it has none',
  }),
  'runtime-config': flag.list({
    help: 'versions to switch on or off: api/all, api/beta, api/alpha, GROUP/VERSION[/RESOURCE], each with =true or =false',
  }),
  'feature-gates': flag.list({
    help: 'features to switch: ServiceAccountNodeAudienceRestriction; others of 1.32 are as by default, and told of',
  }),
  'enable-admission-plugins': flag.list({ help: 'plugins to add to the default ones' }),
  'disable-admission-plugins': flag.list({ help: 'plugins to leave out' }),
  'admission-control-config-file': flag.string({
    default: '',
    help: 'AdmissionConfiguration file: what PodSecurity takes for granted, and whom it leaves alone',
  }),
  'default-not-ready-toleration-seconds': flag.int({
    default: 300,
    min: 0,
    help: 'how long pods that do not say stay on a node that is not ready',
  }),
  'default-unreachable-toleration-seconds': flag.int({
    default: 300,
    min: 0,
    help: 'how long pods that do not say stay on a node that cannot be reached',
  }),
  'allow-privileged': flag.bool({ default: false, help: 'let pods be privileged' }),
  'request-timeout': flag.durationMs({
    default: '1m0s',
    help: 'how long a request may take that is no watch, log, session or proxy',
  }),
  'min-request-timeout': flag.int({
    default: 1_800,
    help: 'seconds that watches which name no time stay open, up to twice as long',
  }),
  ...servingFlags,
  ...securityFlags,
  ...componentFlags,
  ...stockFlags(STOCK_FLAGS),
} as const;

export type ApiServerConfig = ConfigOf<typeof flags & typeof commonFlags>;
