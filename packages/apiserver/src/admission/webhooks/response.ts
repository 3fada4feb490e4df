/** What a webhook answers, held to the rules of the version it was asked in. */
import { isJsonObject, type JsonObject, parseJson } from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import type { Webhook } from './match.ts';

/** The webhook could not be asked, or gave no answer that can be used. */
export class WebhookCallError extends Error {
  override readonly name = 'WebhookCallError';
}

export type ReviewVersion = 'v1' | 'v1beta1';

/** The part of an answer that counts. */
export interface WebhookResponse {
  readonly allowed: boolean;
  readonly status?: { code?: number; message?: string; reason?: string; status?: string };
  readonly patch?: string;
  readonly patchType?: string;
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
}

const GROUP = 'admission.k8s.io';

/** The first version a webhook takes that is known here. @throws WebhookCallError */
export function reviewVersionOf(hook: Webhook): ReviewVersion {
  for (const version of hook.admissionReviewVersions ?? []) {
    if (version === 'v1' || version === 'v1beta1') return version;
  }
  throw new WebhookCallError(
    'could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)',
  );
}

/** What was asked, as far as the answer has to fit it. */
export interface Asked {
  readonly uid: string;
  readonly version: ReviewVersion;
  readonly mayPatch: boolean;
}

/**
 * Reads an answer. Version v1beta1 was never held to uid, kind and type of patch, and is not now.
 * @throws WebhookCallError
 */
export function readResponse(text: string, asked: Asked): WebhookResponse {
  const review = parsed(text);
  const { response } = review;
  if (!isJsonObject(response)) throw unfit('webhook response was absent');
  if (asked.version === 'v1beta1') return lenient(response, asked);
  if (response.uid !== asked.uid) {
    const got = JSON.stringify(response.uid ?? '');
    throw unfit(`expected response.uid=${JSON.stringify(asked.uid)}, got ${got}`);
  }
  const wanted = `${GROUP}/v1, Kind=AdmissionReview`;
  const [kind, apiVersion] = [String(review.kind ?? ''), String(review.apiVersion ?? '/')];
  const got = `${apiVersion}, Kind=${kind}`;
  if (got !== wanted) throw unfit(`expected webhook response of ${wanted}, got ${got}`);
  checkPatch(response, asked.mayPatch);
  return response as unknown as WebhookResponse;
}

const unfit = (why: string): WebhookCallError =>
  new WebhookCallError(`received invalid webhook response: ${why}`);

function parsed(text: string): JsonObject {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new WebhookCallError(`failed to call webhook: ${errorMessage(error)}`);
  }
  return isJsonObject(value) ? value : {};
}

function lenient(response: JsonObject, { mayPatch }: Asked): WebhookResponse {
  const { patch, patchType: _said, ...rest } = response;
  const patched = mayPatch && patch ? { patch, patchType: 'JSONPatch' } : {};
  return { ...rest, ...patched } as unknown as WebhookResponse;
}

function checkPatch(response: JsonObject, mayPatch: boolean): void {
  const { patch, patchType } = response;
  const has = typeof patch === 'string' && patch !== '';
  const isTyped = patchType !== undefined && patchType !== null;
  if (!mayPatch) {
    if (has) throw unfit('validating webhook may not return response.patch');
    if (isTyped) throw unfit('validating webhook may not return response.patchType');
    return;
  }
  if (has && !isTyped) throw unfit('webhook returned response.patch but not response.patchType');
  if (!has && isTyped) throw unfit('webhook returned response.patchType but not response.patch');
  if (has && patchType !== 'JSONPatch') {
    const type = JSON.stringify(patchType);
    if (patchType === '') throw unfit(`webhook returned invalid response.patchType of ${type}`);
    throw new WebhookCallError(`unsupported patch type ${type}`);
  }
}
