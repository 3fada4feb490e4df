import {
  ApiError,
  applyJsonPatch,
  badRequest,
  defaultObject,
  internal,
  type KubeObject,
  type MutatingWebhookConfiguration,
  type Namespace,
  type ValidatingWebhookConfiguration,
} from '@kubets/api';
import { type Clock, errorMessage, type Logger } from '@kubets/platform';
import type {
  AdmissionAttributes,
  AdmissionPlugin,
  CacheView,
  ResourceStore,
} from '../../ports.ts';
import { GVR } from '../../resources.ts';
import { filled, refuse } from '../support.ts';
import { callWebhook, WebhookCallError, type WebhookResponse } from './call.ts';
import { type Webhook, webhookMatches } from './match.ts';
import { admissionRequest } from './review.ts';

/** What asking webhooks takes. */
export interface WebhookOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly newUid: () => string;
  readonly log?: Logger | undefined;
}

type Configuration = KubeObject & { webhooks?: Webhook[] | undefined };

/** Webhooks that may change an object: one after the other, in the order of their configurations' names. */
export function mutatingWebhooks(o: WebhookOptions): AdmissionPlugin {
  const view = o.store.cache<MutatingWebhookConfiguration>(GVR.mutatingWebhooks);
  return {
    name: 'MutatingAdmissionWebhook',
    connects: true,
    async admit(a) {
      for (const hook of await wanted(a, view, o.store)) {
        const response = await ask(hook, a, o);
        if (response?.patch) applyPatch(hook, a, response);
      }
    },
  };
}

/** Webhooks that may refuse: all at once; the first refusal in their order counts. */
export function validatingWebhooks(o: WebhookOptions): AdmissionPlugin {
  const view = o.store.cache<ValidatingWebhookConfiguration>(GVR.validatingWebhooks);
  return {
    name: 'ValidatingAdmissionWebhook',
    connects: true,
    async validate(a) {
      const hooks = await wanted(a, view, o.store);
      const answers = await Promise.allSettled(hooks.map((hook) => ask(hook, a, o)));
      for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
    },
  };
}

async function wanted(
  a: AdmissionAttributes,
  view: CacheView<Configuration>,
  store: ResourceStore,
): Promise<Webhook[]> {
  const configurations = (await filled(view)).list();
  if (configurations.length === 0) return [];
  const namespaces = await filled(store.cache<Namespace>(GVR.namespaces));
  const labels = namespaces.get('', a.namespace)?.metadata.labels ?? {};
  const byName = [...configurations].sort((x, y) =>
    (x.metadata.name ?? '') < (y.metadata.name ?? '') ? -1 : 1,
  );
  return byName
    .flatMap((configuration) => configuration.webhooks ?? [])
    .filter((hook) => webhookMatches(hook, a, labels));
}

/** The answer of a webhook that allows; undefined when it could not be asked and may be ignored. */
async function ask(
  hook: Webhook,
  a: AdmissionAttributes,
  o: WebhookOptions,
): Promise<WebhookResponse | undefined> {
  if (!(await conditionsHold(hook, a, o))) return undefined;
  checkDryRun(hook, a);
  let response: WebhookResponse;
  try {
    response = await callWebhook(hook, reviewOf(a, o.newUid()), o);
  } catch (error) {
    if (!(error instanceof WebhookCallError)) throw error;
    const text = `failed calling webhook ${JSON.stringify(hook.name)}: failed to call webhook: ${error.message}`;
    if (hook.failurePolicy !== 'Ignore') throw internal(text);
    o.log?.warn({ webhook: hook.name, err: error.message }, 'a webhook failed and is ignored');
    return undefined;
  }
  for (const warning of response.warnings ?? []) a.addWarning(warning);
  if (!response.allowed) throw denial(hook, response);
  return response;
}

/** Whether the webhook's own conditions let the write reach it. @throws ApiError 403 when they cannot be evaluated */
async function conditionsHold(
  hook: Webhook,
  a: AdmissionAttributes,
  o: WebhookOptions,
): Promise<boolean> {
  const conditions = hook.matchConditions ?? [];
  if (conditions.length === 0) return true;
  const { Conditions, ExpressionError } = await import('../policy/expressions.ts');
  const { factsOf } = await import('../policy/facts.ts');
  const namespace = o.store.cache<Namespace>(GVR.namespaces).get('', a.namespace);
  const facts = factsOf(a, { uid: o.newUid(), namespace, params: undefined });
  try {
    return new Conditions(conditions).hold(facts);
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

function reviewOf(a: AdmissionAttributes, uid: string) {
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: admissionRequest(a, uid),
  };
}

/** Changes the object as the webhook wants it, then fills in defaults again. */
function applyPatch(hook: Webhook, a: AdmissionAttributes, response: WebhookResponse): void {
  if (!a.object) return;
  const patched = patchedObject(hook, a.object, response);
  defaultObject(a.kind, patched);
  // Those who hold the object see the change: admission changes it in place.
  const target = a.object as unknown as Record<string, unknown>;
  for (const key of Object.keys(target)) delete target[key];
  Object.assign(target, patched);
}

function patchedObject(hook: Webhook, object: KubeObject, response: WebhookResponse): KubeObject {
  try {
    if (response.patchType !== 'JSONPatch') {
      throw new WebhookCallError(`unsupported patch type ${response.patchType}`);
    }
    const text = Buffer.from(response.patch ?? '', 'base64').toString();
    return applyJsonPatch(object, JSON.parse(text));
  } catch (error) {
    const name = JSON.stringify(hook.name);
    throw internal(
      `webhook ${name} returned a patch that cannot be applied: ${errorMessage(error)}`,
    );
  }
}
