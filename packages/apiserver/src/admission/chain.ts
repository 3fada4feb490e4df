import { randomUUID } from 'node:crypto';
import {
  builtinKinds,
  type CSIDriver,
  type KindDef,
  type KindRegistry,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
} from '@kubets/api';
import { type Clock, ConfigError, type Logger, type Random } from '@kubets/platform';
import { createEscalationCheck } from '../auth/escalation.ts';
import type { RbacAuthorizer } from '../auth/rbac.ts';
import type { FeatureGates } from '../feature-gates.ts';
import type { PodWay } from '../outbound/pod-way.ts';
import type {
  AdmissionAttributes,
  AdmissionChain,
  AdmissionPlugin,
  AdmissionRound,
  Authorizer,
  ResourceStore,
} from '../ports.ts';
import { GVR } from '../resources.ts';
import { alwaysPullImages } from './always-pull-images.ts';
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
} from './certificates.ts';
import type { ControlConfig } from './control-config.ts';
import { requestedOrganizations } from './csr-subject.ts';
import type { AdmissionFigures, Timed } from './figures.ts';
import { defaultIngressClass } from './ingress-class.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { type NodeRestrictionOptions, nodeRestriction } from './node-restriction.ts';
import { eventRateLimit } from './optional/event-rate-limit.ts';
import { imagePolicyWebhook } from './optional/image-policy.ts';
import { namespaceAutoProvision, namespaceExists } from './optional/namespace-presence.ts';
import { ownerPermission } from './optional/owner-permission.ts';
import { podNodeSelector } from './optional/pod-node-selector.ts';
import {
  extendedResourceToleration,
  podTolerationRestriction,
} from './optional/pod-tolerations.ts';
import {
  alwaysAdmit,
  alwaysDeny,
  denyServiceExternalIps,
  limitPodHardAntiAffinityTopology,
} from './optional/refusals.ts';
import { podSecurity } from './pod-security.ts';
import type { PodSecurityFigures } from './pod-security-figures.ts';
import { mutatingPolicies } from './policy/mutating.ts';
import { validatingPolicies } from './policy/plugin.ts';
import { priority } from './priority.ts';
import { resourceQuota } from './resource-quota.ts';
import { Rounds } from './round.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import { claimResize, defaultStorageClass, storageInUseProtection } from './storage.ts';
import type { VolumeViews } from './token-audience.ts';
import {
  defaultTolerationSeconds,
  type TolerationSeconds,
  taintNodesByCondition,
} from './tolerations.ts';
import { objectWarnings } from './warnings.ts';
import type { WebhookFigures } from './webhooks/figures.ts';
import { mutatingWebhooks, validatingWebhooks } from './webhooks/plugins.ts';

/** What admission needs, and which plugins the administrator switched. */
export interface AdmissionOptions {
  readonly store: ResourceStore;
  /** Kinds that policies may name; default: the built-in ones. */
  readonly kinds?: KindRegistry;
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  /** Where plugins are timed; absent: nowhere. */
  readonly figures?: AdmissionFigures | undefined;
  /** Where webhooks are counted; absent: nowhere. */
  readonly webhookFigures?: WebhookFigures | undefined;
  /** How webhooks in pods are reached; absent: as everything else. */
  readonly way?: PodWay | undefined;
  /** Where the judgements of PodSecurity are counted; absent: nowhere. */
  readonly podSecurityFigures?: PodSecurityFigures | undefined;
  /** How long pods stay on nodes that are away; default: five minutes. */
  readonly tolerationSeconds?: TolerationSeconds;
  /** What the administrator tells plugins. */
  readonly config?: Partial<ControlConfig>;
  /** Absent: as they are by default. */
  readonly gates?: FeatureGates;
  /** Names to leave out of, and to add to, the default set. */
  readonly disabled?: readonly string[];
  readonly enabled?: readonly string[];
}

/** Plugins that run only when asked for. */
const OFF_BY_DEFAULT = new Set([
  ...['AlwaysAdmit', 'AlwaysDeny', 'AlwaysPullImages', 'DenyServiceExternalIPs', 'EventRateLimit'],
  ...['ExtendedResourceToleration', 'ImagePolicyWebhook', 'LimitPodHardAntiAffinityTopology'],
  ...['NamespaceAutoProvision', 'NamespaceExists', 'OwnerReferencesPermissionEnforcement'],
  ...['PodNodeSelector', 'PodTolerationRestriction'],
]);

/** Upstream's plugins for kinds that are not served here: there is nothing they could look at. */
const idle = (name: string): [string, () => AdmissionPlugin] => [name, () => ({ name })];

/**
 * The chain of the enabled plugins, in upstream's order. Unknown names are a configuration error.
 */
export function createAdmission(
  o: AdmissionOptions,
): AdmissionChain & { readonly names: string[] } {
  const { disabled = [], enabled: asked = [] } = o;
  const plugins = allPlugins(o);
  const names = plugins.map(([name]) => name);
  for (const name of [...disabled, ...asked]) {
    if (!names.includes(name)) throw unknownPlugin(name, names);
  }
  const both = asked.find((name) => disabled.includes(name));
  if (both !== undefined) {
    throw new ConfigError(
      `[${both}] in enable-admission-plugins and disable-admission-plugins overlapped`,
    );
  }
  const enabled = plugins
    .filter(([name]) => !disabled.includes(name))
    .filter(([name]) => !OFF_BY_DEFAULT.has(name) || asked.includes(name))
    .map(([, make]) => make());
  const all = [...enabled, objectWarnings(), createEscalationCheck(o.authorizer, o.rbac)];
  return chainOf(all, o.figures);
}

function unknownPlugin(name: string, known: string[]): ConfigError {
  return new ConfigError(`unknown admission plugin "${name}"; known are ${known.join(', ')}`);
}

/** Runs plugins one after the other; the first refusal ends it. */
export function chainOf(
  plugins: AdmissionPlugin[],
  figures?: AdmissionFigures,
): AdmissionChain & { readonly names: string[] } {
  const mutating = new Stage(plugins, 'admit', figures);
  const validating = new Stage(plugins, 'validate', figures);
  return {
    names: plugins.map((plugin) => plugin.name),
    admit(attributes) {
      const round = new Rounds();
      const first = mutating.run(attributes, round);
      const again = () => (round.next() ? mutating.run(attributes, round) : undefined);
      return first === undefined ? again() : first.then(again);
    },
    validate: (attributes) => validating.run(attributes),
  };
}

/**
 * One of the two stages. Which plugins a kind concerns is worked out once, and nothing is waited for unless a plugin waits:
 * most writes concern few plugins, and those know at once.
 */
class Stage {
  readonly #plugins: readonly AdmissionPlugin[];
  readonly #hook: 'admit' | 'validate';
  readonly #byKind = new WeakMap<KindDef, readonly AdmissionPlugin[]>();
  readonly #figures: AdmissionFigures | undefined;
  readonly #steps: Timed = new Map();
  readonly #times: ReadonlyMap<AdmissionPlugin, Timed>;

  constructor(
    plugins: readonly AdmissionPlugin[],
    hook: 'admit' | 'validate',
    figures: AdmissionFigures | undefined,
  ) {
    this.#plugins = plugins.filter((plugin) => plugin[hook] !== undefined);
    this.#hook = hook;
    this.#figures = figures;
    this.#times = new Map(this.#plugins.map((plugin) => [plugin, new Map()]));
  }

  run(a: AdmissionAttributes, round?: AdmissionRound): Promise<void> | void {
    const figures = this.#figures;
    if (figures === undefined) return this.#all(a, round);
    const cells = figures.step(this.#steps, this.#hook, a.operation);
    return figures.note(cells, true, () => this.#all(a, round));
  }

  #all(a: AdmissionAttributes, round: AdmissionRound | undefined): Promise<void> | void {
    const plugins = this.#concerned(a.kind);
    for (let i = 0; i < plugins.length; i += 1) {
      const pending = this.#ask(plugins[i], a, round);
      if (pending === undefined) continue;
      return pending.then(() => this.#rest(plugins.slice(i + 1), a, round));
    }
  }

  async #rest(
    plugins: readonly AdmissionPlugin[],
    a: AdmissionAttributes,
    round: AdmissionRound | undefined,
  ): Promise<void> {
    for (const plugin of plugins) {
      const pending = this.#ask(plugin, a, round);
      if (pending !== undefined) await pending;
    }
  }

  #ask(
    plugin: AdmissionPlugin | undefined,
    a: AdmissionAttributes,
    round: AdmissionRound | undefined,
  ): Promise<void> | void {
    if (plugin === undefined || (a.operation === 'CONNECT' && plugin.connects !== true)) return;
    const figures = this.#figures;
    const times = this.#times.get(plugin);
    if (figures === undefined || times === undefined) return plugin[this.#hook]?.(a, round);
    const cells = figures.plugin(times, plugin.name, this.#hook, a.operation);
    return figures.note(cells, false, () => plugin[this.#hook]?.(a, round));
  }

  #concerned(def: KindDef): readonly AdmissionPlugin[] {
    const known = this.#byKind.get(def);
    if (known !== undefined) return known;
    const found = this.#plugins.filter(({ only }) => only?.includes(def.resource) ?? true);
    this.#byKind.set(def, found);
    return found;
  }
}

/** The plugins in upstream's order, by their names; made only where they run. */
function allPlugins(o: AdmissionOptions): [string, () => AdmissionPlugin][] {
  const { store, authorizer, kinds = builtinKinds, clock, log, config = {} } = o;
  const figures = o.webhookFigures;
  // Without the kinds there are no policies: they take `--runtime-config`.
  const isServed = kinds.forResource(GVR.mutatingPolicyBindings) !== undefined;
  const enabled = o.gates?.mutatingAdmissionPolicy === true && isServed;
  const webhooks = {
    store,
    authorizer,
    kinds,
    clock,
    newUid: randomUUID,
    log,
    figures,
    way: o.way,
  };
  return [
    ['AlwaysAdmit', alwaysAdmit],
    ['NamespaceAutoProvision', () => namespaceAutoProvision(store)],
    ['NamespaceLifecycle', () => namespaceLifecycle(store)],
    ['NamespaceExists', () => namespaceExists(store)],
    ['LimitPodHardAntiAffinityTopology', limitPodHardAntiAffinityTopology],
    ['LimitRanger', () => limitRanger(store)],
    ['ServiceAccount', () => serviceAccount(o)],
    ['NodeRestriction', () => nodeRestriction(nodeViews(o))],
    ['TaintNodesByCondition', taintNodesByCondition],
    ['AlwaysPullImages', alwaysPullImages],
    ['ImagePolicyWebhook', () => imagePolicyWebhook(clock, config.imagePolicy)],
    ['PodSecurity', () => podSecurity(store, config.podSecurity, o.podSecurityFigures)],
    ['PodNodeSelector', () => podNodeSelector(store, config.nodeSelectors)],
    ['Priority', () => priority(store)],
    ['DefaultTolerationSeconds', () => defaultTolerationSeconds(o.tolerationSeconds)],
    ['PodTolerationRestriction', () => podTolerationRestriction(store, config.tolerationRules)],
    ['EventRateLimit', () => eventRateLimit(clock, config.eventLimits ?? [])],
    ['ExtendedResourceToleration', extendedResourceToleration],
    ['DefaultStorageClass', () => defaultStorageClass(store)],
    ['StorageObjectInUseProtection', storageInUseProtection],
    ['OwnerReferencesPermissionEnforcement', () => ownerPermission(authorizer, kinds)],
    ['PersistentVolumeClaimResize', () => claimResize(store)],
    ['RuntimeClass', () => runtimeClass(store)],
    ['CertificateApproval', () => certificateApproval(authorizer)],
    ['CertificateSigning', () => certificateSigning(authorizer)],
    idle('ClusterTrustBundleAttest'),
    ['CertificateSubjectRestriction', () => certificateSubjectRestriction(requestedOrganizations)],
    ['DefaultIngressClass', () => defaultIngressClass(store)],
    ['DenyServiceExternalIPs', denyServiceExternalIps],
    [
      'MutatingAdmissionPolicy',
      () => mutatingPolicies({ store, authorizer, kinds, newUid: randomUUID, enabled }),
    ],
    [
      'MutatingAdmissionWebhook',
      () => mutatingWebhooks({ ...webhooks, credentials: config.mutatingCredentials }),
    ],
    [
      'ValidatingAdmissionPolicy',
      () => validatingPolicies({ store, authorizer, kinds, newUid: randomUUID }),
    ],
    [
      'ValidatingAdmissionWebhook',
      () => validatingWebhooks({ ...webhooks, credentials: config.validatingCredentials }),
    ],
    ['ResourceQuota', () => resourceQuota(store, { limited: config.limitedResources, clock })],
    ['AlwaysDeny', alwaysDeny],
  ];
}

/** What the rules of nodes look things up in. */
const nodeViews = ({ store, gates }: AdmissionOptions): NodeRestrictionOptions => ({
  pods: store.cache<Pod>(GVR.pods),
  nodes: store.cache<Node>(GVR.nodes),
  audiences: gates?.serviceAccountNodeAudienceRestriction ? volumeViews(store) : undefined,
});

const volumeViews = (store: ResourceStore): VolumeViews => ({
  claims: store.cache<PersistentVolumeClaim>(GVR.persistentVolumeClaims),
  volumes: store.cache<PersistentVolume>(GVR.persistentVolumes),
  drivers: store.cache<CSIDriver>(GVR.csiDrivers),
});
