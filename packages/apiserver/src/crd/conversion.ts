/** Conversion webhooks: objects of a definition's one version turned into another by the definition's author. */
import { randomUUID } from 'node:crypto';
import {
  type CustomResourceDefinition,
  goQuote,
  isJsonObject,
  type JsonObject,
  type KubeObject,
  parseExact,
  unclassified,
} from '@kubets/api';
import type { Clock } from '@kubets/platform';
import { askWebhook } from '../admission/webhooks/call.ts';
import { WebhookCallError } from '../admission/webhooks/response.ts';
import type { PodWay } from '../outbound/pod-way.ts';
import type { ResourceStore } from '../ports.ts';
import { convertedObject, RefusedError } from './converted-object.ts';
import { CONVERSION_TIMEOUT_SECONDS } from './limits.ts';

export interface ConversionDeps {
  readonly store: ResourceStore;
  readonly clock: Clock;
  /** How pods are reached; absent: as everything else. */
  readonly way?: PodWay | undefined;
}

const GROUP = 'apiextensions.k8s.io';
const REVIEWS = ['v1', 'v1beta1'];

export class WebhookConversion {
  readonly #crd: CustomResourceDefinition;
  readonly #deps: ConversionDeps;

  constructor(crd: CustomResourceDefinition, deps: ConversionDeps) {
    this.#crd = crd;
    this.#deps = deps;
  }

  /**
   * The objects in another version, in their order; those that have it already are not sent.
   * @throws ApiError 500 when the webhook cannot be asked or answers nonsense
   */
  async convert(objects: readonly KubeObject[], apiVersion: string): Promise<KubeObject[]> {
    const sent = objects.filter((object) => object.apiVersion !== apiVersion);
    if (sent.length === 0) return [...objects];
    const isList = objects.length > 1;
    const what = describe(sent[0], isList);
    try {
      const made = await this.#ask(sent, apiVersion);
      if (made.length !== sent.length) {
        const counts = `returned ${made.length} objects, expected ${sent.length}`;
        throw new RefusedError(counts);
      }
      const shown = sent.map((object, index) =>
        convertedObject(object, made[index], { apiVersion, index, isList }),
      );
      return objects.map((object) =>
        object.apiVersion === apiVersion ? object : (shown.shift() ?? object),
      );
    } catch (error) {
      if (error instanceof WebhookCallError) {
        throw unclassified(`conversion webhook for ${what} failed: ${error.message}`);
      }
      if (!(error instanceof RefusedError)) throw error;
      throw unclassified(`conversion webhook for ${what} ${error.message}`);
    }
  }

  async #ask(objects: readonly KubeObject[], desiredAPIVersion: string): Promise<unknown[]> {
    const { webhook } = this.#crd.spec.conversion ?? {};
    const versions = webhook?.conversionReviewVersions ?? [];
    const version = versions.find((one) => REVIEWS.includes(one)) ?? 'v1';
    const apiVersion = `${GROUP}/${version}`;
    const uid = randomUUID();
    const request = { uid, desiredAPIVersion, objects };
    const text = await askWebhook(
      webhook?.clientConfig ?? {},
      { kind: 'ConversionReview', apiVersion, request },
      { ...this.#deps, seconds: CONVERSION_TIMEOUT_SECONDS },
    );
    return convertedObjects(text, { uid, apiVersion });
  }
}

/** `stable.example.com/v1, Kind=CronTab`. */
function describe(object: KubeObject | undefined, isList: boolean): string {
  return `${object?.apiVersion ?? ''}, Kind=${object?.kind ?? ''}${isList ? 'List' : ''}`;
}

function convertedObjects(text: string, o: { uid: string; apiVersion: string }): unknown[] {
  const review = parsed(text);
  // The first version was never held to that, and is not now.
  const isHeld = o.apiVersion === `${GROUP}/v1`;
  const gvk = `${o.apiVersion}, Kind=ConversionReview`;
  const seen = `${String(review.apiVersion ?? '')}, Kind=${String(review.kind ?? '')}`;
  if (isHeld && seen !== gvk) {
    throw new WebhookCallError(`expected webhook response of ${gvk}, got ${seen}`);
  }
  const { response } = review;
  if (!isJsonObject(response)) throw new WebhookCallError('no response provided');
  const uid = String(response.uid ?? '');
  if (isHeld && uid !== o.uid) {
    throw new WebhookCallError(`expected response.uid=${goQuote(o.uid)}, got ${goQuote(uid)}`);
  }
  const result = isJsonObject(response.result) ? response.result : {};
  if (result.status !== 'Success') {
    const { message } = result;
    const status = String(result.status ?? '');
    const why = typeof message === 'string' && message !== '' ? message : undefined;
    throw new WebhookCallError(why ?? `response.result.status was '${status}', not 'Success'`);
  }
  return Array.isArray(response.convertedObjects) ? response.convertedObjects : [];
}

function parsed(text: string): JsonObject {
  try {
    const value: unknown = parseExact(text);
    if (isJsonObject(value)) return value;
  } catch {
    // Said below, for whatever is no object.
  }
  throw new WebhookCallError('the response is no JSON');
}
