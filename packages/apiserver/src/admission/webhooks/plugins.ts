import {
  ApiError,
  badRequest,
  internal,
  type KindDef,
  type KindRegistry,
  type KubeObject,
  type MutatingWebhookConfiguration,
  type Namespace,
  type ValidatingWebhookConfiguration,
} from '@kubets/api';
import type { Clock, Logger } from '@kubets/platform';
import type { PodWay } from '../../outbound/pod-way.ts';
import type {
  AdmissionAttributes,
  AdmissionPlugin,
  AdmissionRound,
  Authorizer,
  CacheView,
  ResourceStore,
} from '../../ports.ts';
import { GVR } from '../../resources.ts';
import { shownIn, takeBack } from '../equivalents.ts';
import { Rounds } from '../round.ts';
import { filled, refuse } from '../support.ts';
import { callWebhook } from './call.ts';
import type { WebhookCredentials } from './credentials.ts';
import type { WebhookFigures } from './figures.ts';
import { type Webhook, webhookMatches } from './match.ts';
import { applyPatch, operationsOf } from './patch.ts';
import { Reinvocations } from './reinvocations.ts';
import { reviewVersionOf, WebhookCallError, type WebhookResponse } from './response.ts';
import { admissionRequest } from './review.ts';

/** What asking webhooks takes. */
export interface WebhookOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly newUid: () => string;
  readonly authorizer: Authorizer;
  /** Where other versions of a kind are found. */
  readonly kinds: KindRegistry;
  readonly log?: Logger | undefined;
  /** Where they are counted; absent: nowhere. */
  readonly figures?: WebhookFigures | undefined;
  /** As whom they are called; absent: as nobody. */
  readonly credentials?: WebhookCredentials | undefined;
  /** How pods are reached; absent: as everything else. */
  readonly way?: PodWay | undefined;
}

type Configuration = KubeObject & { webhooks?: Webhook[] | undefined };

/** A webhook in its place among all of its sort. */
interface Placed {
  readonly hook: Webhook;
  readonly configuration: string;
  readonly index: number;
  /** Tells it from all others, also from those of its name. */
  readonly id: string;
}

const MUTATING = 'MutatingAdmissionWebhook';

/** Webhooks that may change an object: one after the other, in the order of their configurations' names. */
export function mutatingWebhooks(o: WebhookOptions): AdmissionPlugin {
  const view = o.store.cache<MutatingWebhookConfiguration>(GVR.mutatingWebhooks);
  return {
    name: MUTATING,
    connects: true,
    admit: (a, round = new Rounds()) => (view.isEmpty() ? undefined : askAll(a, round)),
  };

  async function askAll(a: AdmissionAttributes, round: AdmissionRound): Promise<void> {
    const { hooks, labels } = await configured(a, view, o.store);
    if (hooks.length === 0) return;
    const again = Reinvocations.of(round, MUTATING);
    again.begin(round.number, a.object);
    for (const one of hooks) {
      // At its turn: those before it may have changed what it selects by.
      const kind = webhookMatches(one.hook, a, { labels, kinds: o.kinds });
      if (kind === undefined || (round.number === 1 && !again.isDue(one.id))) continue;
      const shown = kind === a.kind ? a : await shownIn(a, kind);
      const isChanged = await mutate(one, shown, round.number, o);
      if (isChanged === undefined) continue;
      if (isChanged && shown !== a) await takeBack(a, shown);
      if (isChanged) {
        again.changed();
        round.repeat();
      }
      const { reinvocationPolicy } = one.hook as { reinvocationPolicy?: string };
      if (reinvocationPolicy === 'IfNeeded') again.asked(one.id);
    }
    again.end(a.object);
  }
}

/** Asks one webhook for changes. @returns whether the object is another now; undefined when it was not asked */
async function mutate(
  one: Placed,
  a: AdmissionAttributes,
  round: number,
  o: WebhookOptions,
): Promise<boolean | undefined> {
  const { hook, configuration, index } = one;
  const place = `round_${round}_index_${index}`;
  let mutated = false;
  if (!(await conditionsHold(hook, a, o))) return undefined;
  try {
    const response = await ask(hook, a, { ...o, mayPatch: true });
    if (response === undefined) {
      a.addAuditAnnotation?.(`failed-open.${MUTATION}/${place}`, hook.name);
      return false;
    }
    mutated = applyPatch(hook.name, a, response);
    const operations = operationsOf(response);
    if (operations.length > 0) {
      const { patchType } = response;
      const note = { configuration, webhook: hook.name, patch: operations, patchType };
      a.addAuditAnnotation?.(`${PATCH}/${place}`, JSON.stringify(note), 'body');
    }
    return mutated;
  } finally {
    const note = { configuration, webhook: hook.name, mutated };
    a.addAuditAnnotation?.(`${MUTATION}/${place}`, JSON.stringify(note));
  }
}

const PATCH = 'patch.webhook.admission.k8s.io';
const MUTATION = 'mutation.webhook.admission.k8s.io';
const VALIDATION = 'validating.webhook.admission.k8s.io';

/** Webhooks that may refuse: all at once; the first refusal in their order counts. */
export function validatingWebhooks(o: WebhookOptions): AdmissionPlugin {
  const view = o.store.cache<ValidatingWebhookConfiguration>(GVR.validatingWebhooks);
  const check = async (
    { hook, index }: Placed,
    asked: AdmissionAttributes,
    kind: KindDef,
  ): Promise<void> => {
    const a = kind === asked.kind ? asked : await shownIn(asked, kind);
    if (!(await conditionsHold(hook, a, o))) return;
    const response = await ask(hook, a, { ...o, mayPatch: false });
    if (response !== undefined) return;
    a.addAuditAnnotation?.(`failed-open.${VALIDATION}/round_0_index_${index}`, hook.name);
  };
  return {
    name: 'ValidatingAdmissionWebhook',
    connects: true,
    validate: (a) => (view.isEmpty() ? undefined : askAll(a)),
  };

  async function askAll(a: AdmissionAttributes): Promise<void> {
    const { hooks, labels } = await configured(a, view, o.store);
    const wanted = hooks.flatMap((one) => {
      const kind = webhookMatches(one.hook, a, { labels, kinds: o.kinds });
      return kind === undefined ? [] : [check(one, a, kind)];
    });
    const answers = await Promise.allSettled(wanted);
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
  }
}

async function configured(
  a: AdmissionAttributes,
  view: CacheView<Configuration>,
  store: ResourceStore,
): Promise<{ hooks: readonly Placed[]; labels: Record<string, string> }> {
  const configurations = (await filled(view)).list();
  if (configurations.length === 0) return { hooks: [], labels: {} };
  const namespaces = await filled(store.cache<Namespace>(GVR.namespaces));
  const labels = namespaces.get('', a.namespace)?.metadata.labels ?? {};
  const byName = [...configurations].sort((x, y) =>
    (x.metadata.name ?? '') < (y.metadata.name ?? '') ? -1 : 1,
  );
  return { hooks: byName.flatMap(placed).map((one, index) => ({ ...one, index })), labels };
}

function placed({ metadata, webhooks = [] }: Configuration): Omit<Placed, 'index'>[] {
  const { name: configuration = '' } = metadata;
  return webhooks.map((hook, i) => ({
    ...{ hook, configuration },
    id: `${configuration}/${hook.name}/${i}`,
  }));
}

/** The answer of a webhook that allows; undefined when it could not be asked and may be ignored. */
async function ask(
  hook: Webhook,
  a: AdmissionAttributes,
  o: WebhookOptions & { mayPatch: boolean },
): Promise<WebhookResponse | undefined> {
  checkDryRun(hook, a);
  const type = o.mayPatch ? 'admit' : 'validating';
  const which = { name: hook.name, type, operation: a.operation } as const;
  const startMs = o.clock.monotonicMs();
  const end = (error?: unknown): void =>
    o.figures?.ended(which, o.clock.monotonicMs() - startMs, error);
  let response: WebhookResponse;
  try {
    const version = reviewVersionOf(hook);
    response = await callWebhook(hook, reviewOf(a, o.newUid(), version), { ...o, version });
  } catch (error) {
    if (!(error instanceof WebhookCallError)) throw error;
    const text = `failed calling webhook ${JSON.stringify(hook.name)}: ${error.message}`;
    if (hook.failurePolicy !== 'Ignore') {
      end(error);
      throw internal(text);
    }
    end();
    o.figures?.failedOpen(which);
    o.log?.warn({ webhook: hook.name, err: error.message }, 'a webhook failed and is ignored');
    return undefined;
  }
  const refusal = response.allowed ? undefined : denial(hook, response);
  end(refusal);
  for (const warning of response.warnings ?? []) a.addWarning(warning);
  for (const [key, value] of Object.entries(response.auditAnnotations ?? {})) {
    a.addAuditAnnotation?.(`${hook.name}/${key}`, value);
  }
  if (refusal !== undefined) throw refusal;
  return response;
}

type Compiled = import('../policy/expressions.ts').Conditions;

/** By the webhook as the cache holds it: it is another one once it is changed. */
const known = new WeakMap<Webhook, Compiled>();

async function compiledConditions(hook: Webhook): Promise<Compiled> {
  const before = known.get(hook);
  if (before !== undefined) return before;
  const { Conditions } = await import('../policy/expressions.ts');
  const made = new Conditions(hook.matchConditions ?? [], { hasParams: false });
  known.set(hook, made);
  return made;
}

/** Whether the webhook's own conditions let the write reach it. @throws ApiError 403 when they cannot be evaluated */
async function conditionsHold(
  hook: Webhook,
  a: AdmissionAttributes,
  o: WebhookOptions,
): Promise<boolean> {
  const conditions = hook.matchConditions ?? [];
  if (conditions.length === 0) return true;
  const { ExpressionError } = await import('../policy/expressions.ts');
  const { factsOf } = await import('../policy/facts.ts');
  const { Decisions } = await import('../policy/decisions.ts');
  const namespace = o.store.cache<Namespace>(GVR.namespaces).get('', a.namespace);
  const decisions = new Decisions(o.authorizer, a.user);
  const facts = factsOf(a, { uid: o.newUid(), namespace, params: undefined, decisions });
  const compiled = await compiledConditions(hook);
  try {
    return await decisions.settle(() => compiled.hold(facts));
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    if (hook.failurePolicy === 'Ignore') return false;
    throw refuse(a, error.message);
  }
}

function checkDryRun(hook: Webhook, a: AdmissionAttributes): void {
  const isHarmless = hook.sideEffects === 'None' || hook.sideEffects === 'NoneOnDryRun';
  if (!a.dryRun || isHarmless) return;
  throw badRequest(`admission webhook ${JSON.stringify(hook.name)} does not support dry run`);
}

/** The refusal in the webhook's own words; without a code it is a bad request, as upstream has it. */
function denial(hook: Webhook, response: WebhookResponse): ApiError {
  const { code = 0, message, reason, status } = response.status ?? {};
  const by = `admission webhook ${JSON.stringify(hook.name)} denied the request`;
  const why = message || reason;
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: !status || status === 'Success' ? 'Failure' : status,
    message: why ? `${by}: ${why}` : `${by} without explanation`,
    ...(reason ? { reason } : {}),
    code: Math.max(code, 400),
  });
}

function reviewOf(a: AdmissionAttributes, uid: string, version: string) {
  return {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: admissionRequest(a, uid),
  };
}
