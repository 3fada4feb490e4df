import {
  isNotFound,
  type KubeObject,
  type PersistentVolume,
  type Pod,
  type VolumeAttachment,
} from '@kubets/api';
import type {
  AuthorizationAttributes,
  Authorizer,
  CacheView,
  Decision,
  ResourceStore,
} from '../ports.ts';
import { GVR } from '../resources.ts';
import type { AuthorizationFigures } from './authorization/figures.ts';
import { WELL_KNOWN } from './identity.ts';
import { NodeAuthorizer } from './node-authorizer.ts';
import { type NodeGraph, watchNodeGraph } from './node-graph.ts';
import { RbacAuthorizer } from './rbac.ts';
import { watchRbac } from './rbac-index.ts';
import { watchVolumeSecrets } from './volume-secrets.ts';

/** One authoriser of a chain; those that know by themselves answer at once. */
export type Step = (asked: AuthorizationAttributes) => Decision | Promise<Decision>;

/** A step that is made elsewhere: somebody outside who is asked, or the policies of a file. */
export interface NamedStep {
  readonly name: string;
  /** Under which its decisions are counted; absent: `Webhook`. */
  readonly type?: string;
  readonly step: Step;
}

/** What a step of the chain is made from. */
export type Mode = 'Node' | 'RBAC' | 'AlwaysAllow' | 'AlwaysDeny' | NamedStep;

/** What the steps of a chain that have not decided say. */
interface SoFar {
  readonly from: number;
  readonly reasons: string[];
  readonly errors: string[];
}

/** Asks each step in turn; the first to allow or deny decides, else the reasons are joined. */
export function chainAuthorizer(steps: () => readonly Step[]): Authorizer {
  return {
    authorize: (asked) => decide(steps(), { from: 0, reasons: [], errors: [] }, asked),
  };
}

/** Decides at once as far as steps answer at once. */
function decide(
  steps: readonly Step[],
  soFar: SoFar,
  asked: AuthorizationAttributes,
): Decision | Promise<Decision> {
  const { from, reasons, errors } = soFar;
  for (let i = from; i < steps.length; i += 1) {
    const answer = steps[i]?.(asked);
    if (answer instanceof Promise) {
      const rest = { from: i + 1, reasons, errors };
      return answer.then((decision) =>
        isFinal(decision, soFar) ? decision : decide(steps, rest, asked),
      );
    }
    if (answer !== undefined && isFinal(answer, soFar)) return answer;
  }
  const reason = reasons.join('\n');
  if (errors.length === 0) return { allowed: false, reason };
  return { allowed: false, reason, error: joinedErrors(errors) };
}

/** Whether it decides; if not, what it says is noted. */
function isFinal(decision: Decision, { reasons, errors }: SoFar): boolean {
  if (decision.allowed || decision.denied) return true;
  if (decision.reason) reasons.push(decision.reason);
  if (decision.error !== undefined) errors.push(decision.error);
  return false;
}

/** Several errors as the stock server shows them together. */
function joinedErrors(texts: readonly string[]): string {
  const once = [...new Set(texts)];
  return once.length === 1 ? (once[0] ?? '') : `[${once.join(', ')}]`;
}

/** A step that counts what it decides. */
function counted(type: string, { name, step }: NamedStep, figures: AuthorizationFigures): Step {
  const allowed = figures.decisions(type, name, 'allowed');
  const denied = figures.decisions(type, name, 'denied');
  const count = (decision: Decision): Decision => {
    if (decision.allowed) allowed.inc();
    else if (decision.denied) denied.inc();
    return decision;
  };
  return (asked) => {
    const answer = step(asked);
    return answer instanceof Promise ? answer.then(count) : count(answer);
  };
}

/** Members of `system:masters` may do everything. */
export function mastersStep(asked: AuthorizationAttributes): Decision {
  return { allowed: asked.user.groups.includes(WELL_KNOWN.masters), reason: '' };
}

/** Everything about rights, wired to the store's caches. */
export interface Authorization {
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
  readonly graph: NodeGraph;
  /** Goes over to other modes; questions that are under way end by the old ones. */
  useModes(modes: readonly Mode[]): void;
  /** Resolves when the caches behind decisions are filled; until then few users have rights. */
  whenSynced(): Promise<void>;
}

const DEFAULT_MODES: readonly Mode[] = ['Node', 'RBAC'];

/**
 * Masters, then the modes in the order given, reading roles, bindings, pods and nodes from the store's caches. RBAC is
 * evaluated whatever the modes are: the checks against escalation and the reviews of rules go by it.
 */
export function createAuthorizer(
  store: ResourceStore,
  modes: readonly Mode[] = DEFAULT_MODES,
  figures?: AuthorizationFigures,
): Authorization {
  const { index, whenSynced } = watchRbac(store);
  const rbac = new RbacAuthorizer(index);
  const pods = store.cache<Pod>(GVR.pods);
  const graph = watchNodeGraph(pods);
  const nodes = store.cache(GVR.nodes);
  const volumes = store.cache<PersistentVolume>(GVR.persistentVolumes);
  const secrets = watchVolumeSecrets(volumes);
  const slices = (): CacheView<ResourceSlice> | undefined => servedSlices(store);
  const node = new NodeAuthorizer(graph, {
    nodeExists: (name) => nodes.get('', name) !== undefined,
    claimOfVolume: (name) => {
      const ref = volumes.get('', name)?.spec?.claimRef;
      return ref?.name && ref.namespace ? { namespace: ref.namespace, name: ref.name } : undefined;
    },
    volumesWithSecret: (namespace, name) => secrets.of(namespace, name),
    nodeOfAttachment: (name) =>
      store.cache<VolumeAttachment>(GVR.volumeAttachments).get('', name)?.spec.nodeName,
    nodeOfSlice: (name) => slices()?.get('', name)?.spec.nodeName,
  });
  const own: Record<Exclude<Mode, NamedStep>, Step> = {
    Node: (asked) => node.authorize(asked),
    RBAC: (asked) => rbac.authorize(asked),
    AlwaysAllow: () => ({ allowed: true, reason: '' }),
    AlwaysDeny: () => ({ allowed: false, reason: 'Everything is forbidden.' }),
  };
  const stepOf = (mode: Mode): Step => {
    const isOwn = typeof mode === 'string';
    const named = isOwn ? { name: mode.toLowerCase(), step: own[mode] } : mode;
    const type = isOwn ? mode : (mode.type ?? 'Webhook');
    return figures ? counted(type, named, figures) : named.step;
  };
  const chainOf = (all: readonly Mode[]): readonly Step[] => [mastersStep, ...all.map(stepOf)];
  let steps = chainOf(modes);
  return {
    authorizer: chainAuthorizer(() => steps),
    rbac,
    graph,
    useModes(others) {
      steps = chainOf(others);
    },
    async whenSynced() {
      await Promise.all([whenSynced(), pods.whenSynced(), nodes.whenSynced()]);
    },
  };
}

/** The part of a ResourceSlice that says whose devices it tells of. */
interface ResourceSlice extends KubeObject {
  readonly spec: { readonly nodeName?: string };
}

/** Slices of devices are only served when `--runtime-config` switches them on. */
function servedSlices(store: ResourceStore): CacheView<ResourceSlice> | undefined {
  try {
    return store.cache<ResourceSlice>(GVR.resourceSlices);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
