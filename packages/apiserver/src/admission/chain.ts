import { randomUUID } from 'node:crypto';
import {
  builtinKinds,
  type CSIDriver,
  type KindRegistry,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
} from '@kubets/api';
import { type Clock, ConfigError, type Logger, type Random } from '@kubets/platform';
import { createEscalationCheck } from '../auth/escalation.ts';
import type { RbacAuthorizer } from '../auth/rbac.ts';
import type { AdmissionChain, AdmissionPlugin, Authorizer, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { alwaysPullImages } from './always-pull-images.ts';
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
} from './certificates.ts';
import { requestedOrganizations } from './csr-subject.ts';
import { defaultIngressClass } from './ingress-class.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { podSecurity } from './pod-security.ts';
import type { PodSecurityConfig } from './pod-security-config.ts';
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
  /** How long pods stay on nodes that are away; default: five minutes. */
  readonly tolerationSeconds?: TolerationSeconds;
  /** What the administrator says of pods where no label does. */
  readonly podSecurity?: PodSecurityConfig;
  /** The gate `ServiceAccountNodeAudienceRestriction`. */
  readonly restrictNodeAudiences?: boolean;
  /** Names to leave out of, and to add to, the default set. */
  readonly disabled?: readonly string[];
  readonly enabled?: readonly string[];
}

/** Plugins that run only when asked for. */
const OFF_BY_DEFAULT = new Set(['AlwaysPullImages']);

/** The chain of the enabled plugins, in upstream's order. Unknown names are a configuration error. */
export function createAdmission(
  o: AdmissionOptions,
): AdmissionChain & { readonly names: string[] } {
  const plugins = allPlugins(o);
  const known = new Set(plugins.map((plugin) => plugin.name));
  for (const name of [...(o.disabled ?? []), ...(o.enabled ?? [])]) {
    if (!known.has(name)) throw unknownPlugin(name, [...known]);
  }
  const enabled = plugins.filter(({ name }) => {
    if (o.disabled?.includes(name)) return false;
    return !OFF_BY_DEFAULT.has(name) || o.enabled?.includes(name) === true;
  });
  return chainOf([...enabled, objectWarnings(), createEscalationCheck(o.authorizer, o.rbac)]);
}

function unknownPlugin(name: string, known: string[]): ConfigError {
  return new ConfigError(`unknown admission plugin "${name}"; known are ${known.join(', ')}`);
}

/** Runs plugins one after the other; the first refusal ends it. */
export function chainOf(plugins: AdmissionPlugin[]): AdmissionChain & { readonly names: string[] } {
  const mutating = plugins.filter((plugin) => plugin.admit !== undefined);
  const validating = plugins.filter((plugin) => plugin.validate !== undefined);
  return {
    names: plugins.map((plugin) => plugin.name),
    async admit(attributes) {
      const round = new Rounds();
      do {
        for (const plugin of mutating) {
          if (attributes.operation === 'CONNECT' && !plugin.connects) continue;
          const pending = plugin.admit?.(attributes, round);
          if (pending !== undefined) await pending;
        }
      } while (round.next());
    },
    async validate(attributes) {
      for (const plugin of validating) {
        if (attributes.operation === 'CONNECT' && !plugin.connects) continue;
        const pending = plugin.validate?.(attributes);
        if (pending !== undefined) await pending;
      }
    },
  };
}

function allPlugins(o: AdmissionOptions): AdmissionPlugin[] {
  const { store, authorizer } = o;
  const webhooks = { store, authorizer, clock: o.clock, newUid: randomUUID, log: o.log };
  return [
    namespaceLifecycle(store),
    limitRanger(store),
    serviceAccount(o),
    nodeRestriction({
      pods: store.cache<Pod>(GVR.pods),
      nodes: store.cache<Node>(GVR.nodes),
      audiences: o.restrictNodeAudiences ? volumeViews(store) : undefined,
    }),
    taintNodesByCondition(),
    alwaysPullImages(),
    podSecurity(store, o.podSecurity),
    priority(store),
    defaultTolerationSeconds(o.tolerationSeconds),
    defaultStorageClass(store),
    storageInUseProtection(),
    claimResize(store),
    runtimeClass(store),
    certificateApproval(o.authorizer),
    certificateSigning(o.authorizer),
    certificateSubjectRestriction(requestedOrganizations),
    defaultIngressClass(store),
    mutatingWebhooks(webhooks),
    validatingPolicies({
      ...{ store, authorizer, kinds: o.kinds ?? builtinKinds },
      newUid: randomUUID,
    }),
    validatingWebhooks(webhooks),
    resourceQuota(store),
  ];
}

const volumeViews = (store: ResourceStore): VolumeViews => ({
  claims: store.cache<PersistentVolumeClaim>(GVR.persistentVolumeClaims),
  volumes: store.cache<PersistentVolume>(GVR.persistentVolumes),
  drivers: store.cache<CSIDriver>(GVR.csiDrivers),
});
