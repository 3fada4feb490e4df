/** The apiserver put together: store → caches → registry ← doors, with the edge's stages between. */

import { randomUUID } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { apiResourceList, type KindDef, KindRegistry, type KindRules } from '@kubets/api';
import {
  type Clock,
  delay,
  GrpcHost,
  type Logger,
  loadProto,
  type Metrics,
  type Random,
  serviceOf,
  type TlsMaterial,
} from '@kubets/platform';
import { POLICY_RULES, WEBHOOK_RULES } from './admission/policy/policy-rules.ts';
import { ApiServices, availability, extensionRoutes, withExtensions } from './aggregation/index.ts';
import type { Auditor } from './audit/auditor.ts';
import { auditorOf } from './audit/from-config.ts';
import { auditMetrics } from './audit/metrics.ts';
import { optionalFile } from './auth/from-config.ts';
import { advertised, externalAddress } from './bootstrap/advertised.ts';
import { identityLeaseName } from './bootstrap/identity-lease.ts';
import { CacheSet } from './cache/cache-set.ts';
import type { ApiServerConfig } from './config.ts';
import { goAwayChanceOf } from './config-serving.ts';
import { DEFINITION_RULES, Definitions, kindsOf } from './crd/index.ts';
import { crossOriginOf } from './cross-origin.ts';
import { discoverySource } from './discovery-source.ts';
import { createEdge, type Edge, podWay } from './edge.ts';
import { encryptionOf } from './encryption/from-config.ts';
import { gateOf } from './fairness/from-config.ts';
import type { Gate } from './gate.ts';
import { ExtensionCalls } from './grpc/extension-calls.ts';
import { ResourcesService } from './grpc/resources-service.ts';
import { Heartbeats } from './heartbeats.ts';
import { DRAIN_GRACE_MS, MAX_GRPC_MESSAGE_BYTES } from './limits.ts';
import {
  metricsPath,
  observeCaches,
  observeExtensions,
  observeSizes,
  serverMetrics,
} from './metrics.ts';
import { abortInTurn } from './on-abort.ts';
import type { BackgroundTask, PathHandler, RequestInfo, ResourceStore } from './ports.ts';
import { InternalStore } from './registry/internal-store.ts';
import { Registry } from './registry/registry.ts';
import { RestHandler } from './rest/handler.ts';
import { longestRequestMs } from './rest/request-limit.ts';
import { ResourceHandler } from './rest/resource-handler.ts';
import { RestServer, type TransportOptions } from './rest/server.ts';
import { kindsFor } from './runtime-config.ts';
import { tlsSettingsOf } from './serving-tls.ts';
import { Compactor } from './storage/compactor.ts';
import { normalPrefix, placed } from './storage/placed-store.ts';
import { rawStore } from './storage/raw-store.ts';
import { readiness } from './storage/readiness.ts';
import type { Store } from './storage/store.ts';
import { strictTransportOf } from './strict-transport.ts';

export interface ApiServerOptions {
  readonly config: ApiServerConfig;
  readonly store: Store;
  /** Serving certificate; `ca` is the CA of client certificates. */
  readonly tls: TlsMaterial;
  /** CA of front proxies, which may speak for other users. */
  readonly proxyCa?: Buffer | undefined;
  /** The engine and the platform, for /version. */
  readonly runtime: { readonly version: string; readonly platform: string };
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Kinds whose caches are filled before the server says it is ready: nearly every client asks for them. */
const EAGER: readonly [group: string, resource: string][] = [
  ['', 'namespaces'],
  ['', 'nodes'],
  ['', 'pods'],
  ['', 'services'],
  ['', 'serviceaccounts'],
];

const SERVICE = 'kubets.apiserver.v1.Resources';
/** What an empty bind address stands for. */
const EVERYWHERE = '::';

export class ApiServer {
  readonly #o: ApiServerOptions;
  readonly #stop = new AbortController();
  readonly #caches: CacheSet;
  readonly #edge: Edge;
  readonly #tasks: readonly BackgroundTask[];
  readonly #rest: RestServer;
  readonly #grpc: GrpcHost;
  readonly #kinds: KindRegistry;
  readonly #strictTransport: string | undefined;
  readonly #definitions: Definitions;
  readonly #services: ApiServices;
  readonly #gate: Gate;
  readonly #gatePaths: readonly PathHandler[];
  #isEnding = false;
  readonly #auditor: Auditor | undefined;
  /** Objects as the server's own parts, and tests, use them. */
  readonly objects: ResourceStore;

  constructor(options: ApiServerOptions) {
    this.#o = options;
    const { config, tls, runtime, clock, random, log } = options;
    const advertise = advertised(config, networkInterfaces());
    const encryption = encryptionFor(options, advertise.address);
    const { store } = encryption;
    this.#kinds = serverKinds(config.runtimeConfig);
    this.#strictTransport = strictTransportOf(config.strictTransportSecurityDirectives);
    const storageKind = (def: KindDef): KindDef => this.#storageKind(def);
    this.#caches = new CacheSet({ store, clock, random, log, storageKind });
    let registry: Registry | undefined;
    this.objects = new InternalStore({
      registry: () => registry ?? unbuilt(),
      caches: this.#caches,
      raw: rawStore(store),
      kindOf: (gvr) => this.#kinds.forResource(gvr),
    });
    const way = podWay(config, this.objects);
    this.#services = new ApiServices({
      ...{ store: this.objects, kinds: this.#kinds, clock, random, log, way },
      identity: proxyIdentity(config),
    });
    const local = discoverySource(this.#kinds, externalAddress(config, advertise));
    this.#edge = createEdge({
      ...{ config, store: this.objects, kinds: this.#kinds, advertise, runtime },
      ...{ clientCa: tls.ca, proxyCa: options.proxyCa, clock, random, log },
      discovery: withExtensions(local, this.#services),
      way,
      metrics: options.metrics,
      health: [...readiness(config, { clock, ask: () => this.checkStore() }), ...encryption.checks],
      isEnding: () => this.#isEnding,
    });
    registry = new Registry({
      ...{ store, clock, random, log, caches: this.#caches, kinds: this.#kinds },
      admission: this.#edge.admission,
      hooks: this.#edge.hooks,
      newUid: randomUUID,
      allowPrivileged: config.allowPrivileged,
      eventTtlSeconds: Math.floor(config.eventTtl / 1_000),
      deleteWorkers: config.deleteCollectionWorkers,
    });
    this.#definitions = new Definitions({
      ...{ store: this.objects, kinds: this.#kinds, clock, log },
      kindsOf: (crd) => kindsOf(crd, { store: this.objects, clock, way }),
      dropCache: (def) => this.#caches.drop(def),
    });
    const { gate, tasks, paths } = gateOf(config, {
      ...{ store: this.objects, metrics: options.metrics, clock, log },
      count: (info) => this.#countOf(info),
    });
    this.#gate = gate;
    this.#gatePaths = paths;
    this.#auditor = auditorOf(config, { clock, log, metrics: auditMetrics(options.metrics) });
    this.#tasks = [
      ...this.#edge.tasks,
      ...tasks,
      ...encryption.tasks,
      this.#definitions,
      this.#services,
      new Compactor({ store, clock, log, intervalMs: config.etcdCompactionInterval }),
    ];
    const doors = this.#doors(registry);
    this.#rest = doors.rest;
    this.#grpc = doors.grpc;
  }

  /** Fills the caches, then serves. @returns the ports taken */
  async start(): Promise<{ securePort: number; grpcPort: number }> {
    const { securePort, grpcPort } = this.#o.config;
    const bindAddress = this.#o.config.bindAddress || EVERYWHERE;
    const host = bindAddress.includes(':') ? `[${bindAddress}]` : bindAddress;
    for (const [group, resource] of EAGER) {
      const def = this.#kinds.forResource({ group, version: 'v1', resource });
      if (def !== undefined) this.#caches.of(def);
    }
    await Promise.all([
      this.#edge.whenReady(),
      this.#definitions.whenSynced(),
      this.#services.whenSynced(),
    ]);
    const ports = {
      securePort: await this.#rest.listen(bindAddress, securePort),
      grpcPort: await this.#grpc.listen(`${host}:${grpcPort}`),
    };
    for (const task of this.#tasks) task.start();
    return ports;
  }

  /** Resolves once a server that has started has the system's own objects: namespaces, roles, priority classes. */
  whenBootstrapped(): Promise<void> {
    return this.#edge.whenBootstrapped();
  }

  /**
   * Says that it is not ready any more and waits as long as the flags want it, then ends watches, lets requests finish, closes
   * everything.
   */
  async drain(): Promise<void> {
    const { clock, config } = this.#o;
    const { shutdownDelayDuration: delayMs, shutdownWatchTerminationGracePeriod: withinMs } =
      config;
    this.#isEnding = true;
    if (delayMs > 0) await Promise.all([this.#edge.leave(), delay(delayMs, { clock })]);
    if (config.shutdownSendRetryAfter) await this.#rest.refuse(clock);
    await abortInTurn(this.#stop, { withinMs, clock });
    await Promise.all(this.#tasks.map((task) => task.stop()));
    await Promise.all([this.#rest.drain(clock), this.#grpc.drain(DRAIN_GRACE_MS)]);
    await this.#auditor?.close();
    this.#edge.close();
    this.#caches.close();
    this.#o.store.close();
  }

  /** Throws while the store cannot be reached: the health check. */
  async checkStore(): Promise<void> {
    await this.#o.store.currentRevision();
  }

  #doors(registry: Registry): { rest: RestServer; grpc: GrpcHost } {
    const { tls, clock, random, log } = this.#o;
    const { authenticator, authorizer, impersonator, virtuals, streams, paths } = this.#edge;
    const kinds = this.#kinds;
    const { signal } = this.#stop;
    const monotonicMs = (): number => clock.monotonicMs();
    const metrics = serverMetrics(this.#o.metrics, { kinds, monotonicMs });
    observeCaches(this.#o.metrics, this.#caches);
    observeSizes(this.#o.metrics, this.#o.store);
    observeExtensions(this.#o.metrics, () => availability(this.#services));
    const common = {
      ...{ gate: this.#gate, auditor: this.#auditor, newId: randomUUID },
      heartbeats: new Heartbeats(clock),
    };
    const { watchEvents } = metrics;
    const resources = new ResourceHandler({
      ...{ registry, clock, random, watchEvents },
      minWatchMs: this.#o.config.minRequestTimeout * 1_000,
    });
    const handler = new RestHandler({
      ...{ authenticator, authorizer, impersonator, kinds, resources, virtuals, streams },
      paths: [...paths, ...this.#gatePaths, metricsPath(this.#o.metrics)],
      extensions: extensionRoutes(this.#services),
      strictTransport: this.#strictTransport,
      crossOrigin: crossOriginOf(this.#o.config.corsAllowedOrigins),
      longestMs: longestRequestMs(this.#o.config.requestTimeout),
      ...{ metrics, clock, log, signal, ...common },
    });
    const { cert, key, ca: clientCa } = tls;
    const rest = new RestServer({
      cert,
      key,
      clientCa,
      proxyCa: this.#o.proxyCa,
      handler,
      clock,
      log,
      signal,
      random,
      transport: transportOf(this.#o.config),
    });
    const service = new ResourcesService({
      ...{ authenticator, authorizer, kinds, registry, virtuals, metrics },
      extensions: new ExtensionCalls(this.#services, { clock, signal }),
      resourceList: (group, version) => apiResourceList(kinds, { group, version }),
      ...{ clock, log, signal, ...common },
    });
    const grpc = new GrpcHost({
      tls: { ...tls, requireClientCert: true },
      log,
      maxMessageBytes: MAX_GRPC_MESSAGE_BYTES,
    });
    const definition = serviceOf(loadProto('apiserver/resources.proto'), SERVICE).service;
    grpc.addService(definition, service.handlers as Parameters<GrpcHost['addService']>[1]);
    return { rest, grpc };
  }

  /** Objects a list would look at, if they are in memory. */
  #countOf({ apiGroup: group, apiVersion: version, resource }: RequestInfo): number | undefined {
    const def = this.#kinds.forResource({ group, version, resource });
    return def && this.#caches.peek(def)?.size;
  }

  #storageKind(def: KindDef): KindDef {
    const { group, version } = def.storageVersion;
    return this.#kinds.forKind({ group, version, kind: def.kind }) ?? def;
  }
}

/** Checks of built-in kinds that take more than the object model knows. */
const OWN_RULES: Readonly<Record<string, KindRules>> = {
  'apiextensions.k8s.io/CustomResourceDefinition': DEFINITION_RULES,
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': POLICY_RULES,
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': POLICY_RULES,
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': WEBHOOK_RULES,
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': WEBHOOK_RULES,
};

/** A set of its own: custom kinds come and go. */
function serverKinds(runtimeConfig: readonly string[]): KindRegistry {
  const withRules = (def: KindDef): KindDef => {
    const rules = OWN_RULES[`${def.group}/${def.kind}`];
    return rules === undefined ? def : { ...def, rules };
  };
  return new KindRegistry(kindsFor(runtimeConfig).map(withRules));
}

function unbuilt(): never {
  throw new Error('the registry is used before it exists');
}

const storeOf = ({ config, store }: ApiServerOptions): Store =>
  placed(store, normalPrefix(config.etcdPrefix));

/** @throws ConfigError */
function transportOf(config: ApiServerConfig): TransportOptions {
  return {
    tls: tlsSettingsOf(config),
    streams: config.http2MaxStreamsPerConnection,
    http2: !config.disableHttp2Serving,
    sharesPort: config.permitPortSharing,
    goAwayChance: goAwayChanceOf(config),
  };
}

/** How this server shows itself to extension servers. */
function proxyIdentity({ proxyClientCertFile, proxyClientKeyFile }: ApiServerConfig) {
  return {
    cert: optionalFile('--proxy-client-cert-file', proxyClientCertFile),
    key: optionalFile('--proxy-client-key-file', proxyClientKeyFile),
  };
}

/** The store as it is encrypted, for a server that is known by an address. */
function encryptionFor(options: ApiServerOptions, address: string) {
  const { config, metrics, clock, log } = options;
  const serverId = identityLeaseName(`${address}:${config.grpcPort}`);
  return encryptionOf(config, storeOf(options), { metrics, serverId, clock, log });
}
