import type { CustomResourceDefinition, KindDef, Namespace, NamespaceCondition } from '@kubets/api';
import { withCondition } from '../objects/conditions.ts';
import { namespacedKindsOf } from '../objects/custom-kinds.ts';
import type { ExtensionKind } from '../objects/extension-kinds.ts';
import { compareText, formatTime, isDeleting } from '../objects/meta.ts';

/** What this controller's presence in `spec.finalizers` protects: the namespace's content. */
export const FINALIZER = 'kubernetes';

/** One resource to be emptied. */
export interface ContentKind {
  gv: string;
  resource: string;
  canDelete: boolean;
}

/** What is left of one resource after a pass. */
export interface Remaining {
  resource: string;
  /** Empty for the core group. */
  group: string;
  count: number;
  finalizers: string[];
}

/**
 * The resources a namespace can hold, each stored object once: the same events are served by two
 * groups, the same autoscalers in two versions.
 */
export function contentKinds(kinds: readonly KindDef[]): ContentKind[] {
  const byStorage = new Map<string, ContentKind>();
  for (const def of kinds) {
    if (!def.namespaced || !def.verbs.includes('list')) continue;
    if (byStorage.has(def.storagePath)) continue;
    byStorage.set(def.storagePath, {
      gv: def.apiVersion,
      resource: def.resource,
      canDelete: def.verbs.includes('delete'),
    });
  }
  return [...byStorage.values()].filter((kind) => kind.canDelete);
}

/** The resources of an extension server that a namespace can hold and that can be emptied. */
export function extensionContentKinds(kinds: readonly ExtensionKind[]): ContentKind[] {
  const held = kinds.filter(
    ({ namespaced, verbs }) => namespaced && verbs.includes('list') && verbs.includes('delete'),
  );
  return held.map(({ gv, resource }) => ({ gv, resource, canDelete: true }));
}

/** The custom resources a namespace can hold, each in a version that is served. */
export function customContentKinds(
  definitions: readonly CustomResourceDefinition[],
): ContentKind[] {
  return namespacedKindsOf(definitions).map(({ gv, resource }) => ({
    gv,
    resource,
    canDelete: true,
  }));
}

/** Whether the namespace is going away and its content is ours to remove. */
export function needsEmptying(namespace: Namespace): boolean {
  return isDeleting(namespace) && (namespace.spec?.finalizers ?? []).includes(FINALIZER);
}

/** The namespace with our finalizer taken away: what the finalize subresource is told. */
export function finalized(namespace: Namespace): Namespace {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((name) => name !== FINALIZER);
  return { ...namespace, spec: { ...namespace.spec, finalizers } };
}

/** The conditions that tell a waiting user why the namespace is still there. */
export function deletionConditions(
  present: readonly NamespaceCondition[] | undefined,
  remaining: readonly Remaining[],
  facts: { undiscovered?: readonly string[]; failures: readonly string[]; nowMs: number },
): NamespaceCondition[] {
  const lastTransitionTime = formatTime(facts.nowMs);
  const make = (type: string, fault: string | undefined, texts: ConditionTexts) => ({
    type,
    status: fault === undefined ? 'False' : 'True',
    reason: fault === undefined ? texts.goodReason : texts.badReason,
    message: fault ?? texts.goodMessage,
    lastTransitionTime,
  });
  const failed = facts.failures.length > 0 ? facts.failures.join('; ') : undefined;
  const { undiscovered = [] } = facts;
  let conditions = [...(present ?? [])];
  const conditionsNow = [
    make('NamespaceDeletionDiscoveryFailure', undiscoveredText(undiscovered), DISCOVERY_FAILURE),
    make('NamespaceDeletionGroupVersionParsingFailure', undefined, PARSING_FAILURE),
    make('NamespaceDeletionContentFailure', failed, CONTENT_FAILURE),
    make('NamespaceContentRemaining', contentText(remaining), CONTENT_REMAINING),
    make('NamespaceFinalizersRemaining', finalizerText(remaining), FINALIZERS_REMAINING),
  ];
  for (const next of conditionsNow) {
    const current = conditions.find((c) => c.type === next.type);
    // The message counts what is left, so it may change while status and reason stay.
    if (current?.status === next.status && current.message !== next.message) {
      conditions = conditions.map((c) => (c === current ? { ...c, message: next.message } : c));
    } else conditions = withCondition(conditions, next);
  }
  return conditions;
}

interface ConditionTexts {
  goodReason: string;
  badReason: string;
  goodMessage: string;
}

const DISCOVERY_FAILURE: ConditionTexts = {
  goodReason: 'ResourcesDiscovered',
  badReason: 'DiscoveryFailed',
  goodMessage: 'All resources successfully discovered',
};

/** Group versions are read by our own code, and always can be; clients expect to be told. */
const PARSING_FAILURE: ConditionTexts = {
  goodReason: 'ParsedGroupVersions',
  badReason: 'GroupVersionParsingFailed',
  goodMessage: 'All legacy kube types successfully parsed',
};

const CONTENT_FAILURE: ConditionTexts = {
  goodReason: 'ContentDeleted',
  badReason: 'ContentDeletionFailed',
  goodMessage: 'All content successfully deleted, may be waiting on finalization',
};

const CONTENT_REMAINING: ConditionTexts = {
  goodReason: 'ContentRemoved',
  badReason: 'SomeResourcesRemain',
  goodMessage: 'All content successfully removed',
};

const FINALIZERS_REMAINING: ConditionTexts = {
  goodReason: 'ContentHasNoFinalizers',
  badReason: 'SomeFinalizersRemain',
  goodMessage: 'All content-preserving finalizers finished',
};

function undiscoveredText(failures: readonly string[]): string | undefined {
  if (failures.length === 0) return undefined;
  const listed = [...failures].sort(compareText).join(', ');
  return `Discovery failed for some groups, ${failures.length} failing: unable to retrieve the complete list of server APIs: ${listed}`;
}

function contentText(remaining: readonly Remaining[]): string | undefined {
  if (remaining.length === 0) return undefined;
  const parts = remaining
    // The dot stands after core resources, too: readers of stock clusters know it so.
    .map((r) => `${r.resource}.${r.group} has ${r.count} resource instances`)
    .sort(compareText);
  return `Some resources are remaining: ${parts.join(', ')}`;
}

function finalizerText(remaining: readonly Remaining[]): string | undefined {
  const counts = new Map<string, number>();
  for (const name of remaining.flatMap((r) => r.finalizers)) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  if (counts.size === 0) return undefined;
  const parts = [...counts]
    .map(([name, count]) => `${name} in ${count} resource instances`)
    .sort(compareText);
  return `Some content in the namespace has finalizers remaining: ${parts.join(', ')}`;
}
