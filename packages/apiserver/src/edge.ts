/** The stages around the registry, made from the configuration: who may do what, and what else the server answers. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { KindRegistry } from '@kubets/api';
import { type Clock, ConfigError, type Logger, type Metrics, type Random } from '@kubets/platform';
import { createAdmission } from './admission/chain.ts';
import { controlConfigOf } from './admission/control-config.ts';
import { csrRequester } from './admission/csr-requester.ts';
import { AdmissionFigures } from './admission/figures.ts';
import { PodSecurityFigures } from './admission/pod-security-figures.ts';
import { PolicyTypeChecks } from './admission/policy/type-check-task.ts';
import { WebhookFigures } from './admission/webhooks/figures.ts';
import { configuredAuthorization } from './auth/authorization/configured.ts';
import { authenticationOf, frontProxyOf, optionalFile } from './auth/from-config.ts';
import { createImpersonator } from './auth/impersonation.ts';
import { loadSigningKey, loadVerifyingKeys } from './auth/keys.ts';
import { TokenIssuer } from './auth/service-account-tokens.ts';
import { keysUriOf, maxTokenSeconds } from './auth/token-flags.ts';
import { externalAddress } from './bootstrap/advertised.ts';
import { createBootstrap } from './bootstrap/bootstrap.ts';
import { identityLeaseName } from './bootstrap/identity-lease.ts';
import { type ApiServerConfig, flags } from './config.ts';
import { type HealthCheck, lifeChecks } from './discovery/health.ts';
import { createPaths } from './discovery/index.ts';
import type { DiscoverySource } from './discovery/source.ts';
import { versionInfo } from './discovery/version.ts';
import { flagzPath, statuszPath } from './discovery/zpages.ts';
import { type FeatureGates, featureGatesOf } from './feature-gates.ts';
import type { PodWay } from './outbound/pod-way.ts';
import type {
  AdmissionChain,
  Authenticator,
  Authorizer,
  BackgroundTask,
  Impersonator,
  PathHandler,
  ResourceStore,
  StreamHandler,
  VirtualResource,
  WriteHook,
} from './ports.ts';
import { createServiceAllocation } from './services/index.ts';
import { admitted } from './streaming/admitted.ts';
import { createStreaming } from './streaming/index.ts';
import { KubeletWay } from './streaming/kubelet-way.ts';
import { createVirtualResources } from './virtual/index.ts';

export interface EdgeOptions {
  readonly config: ApiServerConfig;
  readonly store: ResourceStore;
  readonly kinds: KindRegistry;
  readonly clientCa: Buffer;
  readonly proxyCa?: Buffer | undefined;
  readonly advertise: { readonly address: string; readonly port: number };
  readonly discovery: DiscoverySource;
  /** The engine and the platform, for /version. */
  readonly runtime: { readonly version: string; readonly platform: string };
  /** Checks of the parts below the edge: the store, the caches. */
  readonly health: readonly HealthCheck[];
  /** Whether the server was told to stop. */
  readonly isEnding: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  /** How pods are reached; absent: as everything else. */
  readonly way?: PodWay | undefined;
}

export interface Edge {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly impersonator: Impersonator;
  readonly admission: AdmissionChain;
  readonly hooks: readonly WriteHook[];
  readonly virtuals: readonly VirtualResource[];
  readonly streams: readonly StreamHandler[];
  readonly paths: readonly PathHandler[];
  readonly tasks: readonly BackgroundTask[];
  /** Resolves once requests get the answers they should: rights are known. */
  whenReady(): Promise<void>;
  /** Resolves once the system's own objects are in place. */
  whenBootstrapped(): Promise<void>;
  /** Tells the others that this server goes: it is taken off the addresses of the `kubernetes` service. */
  leave(): Promise<void>;
  /** Closes connections to kubelets. */
  close(): void;
}

/** @throws ConfigError for settings that cannot work */
export function createEdge(o: EdgeOptions): Edge {
  const { config, store, clock, random, log } = o;
  const account = serviceAccountKeys(config);
  const { authorization, authenticator, tasks } = accessOf(o, account);
  const { authorizer, rbac, whenSynced } = authorization;
  const gates = featureGatesOf(config.featureGates);
  const admission = createAdmission({
    ...{ store, authorizer, rbac, clock, random, kinds: o.kinds },
    config: controlConfigOf(config.admissionControlConfigFile),
    gates,
    ...figuresOf(o),
    disabled: config.disableAdmissionPlugins,
    way: o.way,
    tolerationSeconds: {
      notReady: config.defaultNotReadyTolerationSeconds,
      unreachable: config.defaultUnreachableTolerationSeconds,
    },
    enabled: config.enableAdmissionPlugins,
  });
  const services = createServiceAllocation({
    ...{ store, clock, random, log },
    clusterIpRange: config.serviceClusterIpRange,
    nodePortRange: config.serviceNodePortRange,
  });
  const bootstrap = bootstrapOf(o, services.firstAddress);
  const streaming = createStreaming({
    ...{ store, tls: kubeletTls(config), way: o.way },
    addressTypes: config.kubeletPreferredAddressTypes,
  });
  const virtuals = createVirtualResources({
    ...{ store, authenticator, authorization, admission, clock },
    issuer: tokenIssuer(config, clock),
    maxTokenSeconds: maxTokenSeconds(config.serviceAccountMaxTokenExpiration),
    prolongMounted: config.serviceAccountExtendTokenExpiration,
    newUid: randomUUID,
  }).filter((one) => o.kinds.forResource(one) !== undefined);
  const baseUrl = `https://${externalAddress(config, o.advertise)}`;
  const startedMs = clock.monotonicMs();
  const keysUri = keysUriOf(config.serviceAccountJwksUri);
  const paths = createPaths({
    clock,
    source: o.discovery,
    health: [...o.health, ...lifeChecks({ done: () => bootstrap.done(), isEnding: o.isEnding })],
    isStarting: () => clock.monotonicMs() - startedMs < config.livezGracePeriod,
    version: versionInfo({
      runtime: o.runtime.version,
      platform: o.runtime.platform,
    }),
    pages: pagesOf(o, gates),
    openId: account && { issuer: account.issuer, keys: account.keys, baseUrl, keysUri },
  });
  return {
    ...{ authenticator, authorizer, admission, virtuals, paths },
    impersonator: createImpersonator(authorizer),
    hooks: [services.hook, csrRequester],
    streams: streaming.handlers.map((one) => admitted(one, { admission, kinds: o.kinds })),
    tasks: [
      bootstrap,
      services.repair,
      ...tasks,
      new PolicyTypeChecks({ store, clock, log, kinds: o.kinds }),
    ],
    whenReady: whenSynced,
    whenBootstrapped: () => bootstrap.whenDone(),
    leave: () => bootstrap.stop(),
    close: () => streaming.close(),
  };
}

/** Who may come in, and who may do what. */
function accessOf(o: EdgeOptions, serviceAccount: ReturnType<typeof serviceAccountKeys>) {
  const { config, store, clock, log, metrics } = o;
  const common = { store, clock, log, metrics, serverId: identityLeaseName(identityOf(o)) };
  const { authorization, modes, tasks } = configuredAuthorization(config, common);
  const authentication = authenticationOf(config, { ...common, serviceAccount, modes });
  const { authenticator } = authentication;
  return { authorization, authenticator, tasks: [...tasks, ...authentication.tasks] };
}

/** What this server is known by among the apiservers. */
const identityOf = ({ advertise, config }: EdgeOptions): string =>
  `${advertise.address}:${config.grpcPort}`;

/** Pages that gates switch on. */
function pagesOf({ config, clock, runtime }: EdgeOptions, gates: FeatureGates): PathHandler[] {
  return [
    ...(gates.componentFlagz ? [flagzPath(flags, config)] : []),
    ...(gates.componentStatusz ? [statuszPath({ clock, engine: runtime.version })] : []),
  ];
}

function figuresOf({ metrics, clock }: EdgeOptions) {
  if (metrics === undefined) return {};
  const figures = new AdmissionFigures(metrics, () => clock.monotonicMs());
  const podSecurityFigures = new PodSecurityFigures(metrics);
  return { figures, podSecurityFigures, webhookFigures: new WebhookFigures(metrics) };
}

function bootstrapOf(o: EdgeOptions, clusterIp: string) {
  const { store, clock, random, log, config } = o;
  const { address, port } = o.advertise;
  return createBootstrap({
    ...{ store, clock, random, log, clusterIp },
    advertiseAddress: address,
    advertisePort: port,
    identity: identityOf(o),
    keepsEndpoints: config.endpointReconcilerType !== 'none',
    nodePort: config.kubernetesServiceNodePort,
    hostname: hostname(),
    instance: randomUUID(),
    bootstrapTokens: config.enableBootstrapTokenAuth,
    clientCa: o.clientCa.toString('utf8'),
    proxyCa: o.proxyCa?.toString('utf8'),
    frontProxy: frontProxyOf(config),
  });
}

function tokenIssuer(config: ApiServerConfig, clock: Clock): TokenIssuer | undefined {
  const { serviceAccountSigningKeyFile: file, serviceAccountIssuer: issuers } = config;
  const [issuer = ''] = issuers;
  return file === '' ? undefined : new TokenIssuer({ key: loadSigningKey(file), issuer, clock });
}

/** The way to pods that the flags want; undefined: they are reached as everything else. */
export function podWay(config: ApiServerConfig, store: ResourceStore): PodWay | undefined {
  if (!config.podsThroughKubelets) return undefined;
  const addressTypes = config.kubeletPreferredAddressTypes;
  return new KubeletWay({ store, tls: kubeletTls(config), addressTypes });
}

function kubeletTls(config: ApiServerConfig) {
  return {
    cert: optionalFile('--kubelet-client-certificate', config.kubeletClientCertificate),
    key: optionalFile('--kubelet-client-key', config.kubeletClientKey),
    ca: optionalFile('--kubelet-certificate-authority', config.kubeletCertificateAuthority),
  };
}

function serviceAccountKeys(config: ApiServerConfig) {
  const { serviceAccountKeyFile, serviceAccountSigningKeyFile } = config;
  const files = [...serviceAccountKeyFile];
  if (serviceAccountSigningKeyFile !== '') files.push(serviceAccountSigningKeyFile);
  if (files.length === 0) return undefined;
  const [issuer, ...formerIssuers] = config.serviceAccountIssuer;
  if (issuer === undefined) {
    throw new ConfigError('--service-account-issuer must not be empty');
  }
  return {
    keys: loadVerifyingKeys(files),
    issuer,
    formerIssuers,
    audiences: config.apiAudiences,
  };
}
