/** How versions of a definition may be turned into each other. */
import {
  type CustomResourceConversion,
  type CustomResourceDefinition,
  fieldErrors,
  goQuote,
  names,
  validateWebhookClient,
} from '@kubets/api';
import { caBundleProblem } from './ca-bundle.ts';
import { isEstablished } from './conditions.ts';

type FieldError = fieldErrors.FieldError;
const { forbidden, invalid, notSupported, required } = fieldErrors;

const STRATEGIES = ['None', 'Webhook'];
const AT = 'spec.conversion';

/** @param old the definition before the change: what is served already keeps certificates that can be read */
export function conversionErrors(
  errors: FieldError[],
  conversion: CustomResourceConversion | undefined,
  old: CustomResourceDefinition | undefined,
): void {
  if (conversion === undefined) return;
  const { strategy, webhook } = conversion;
  const versions = webhook?.conversionReviewVersions ?? [];
  if (!strategy) errors.push(required(`${AT}.strategy`));
  else if (!STRATEGIES.includes(strategy)) {
    errors.push(notSupported(`${AT}.strategy`, strategy, STRATEGIES));
  }
  const client = `${AT}.webhookClientConfig`;
  if (strategy !== 'Webhook') {
    const why = 'should not be set when strategy is not set to Webhook';
    if (webhook?.clientConfig) errors.push(forbidden(client, why));
    if (versions.length > 0) errors.push(forbidden(`${AT}.conversionReviewVersions`, why));
    return;
  }
  if (webhook?.clientConfig === undefined) {
    errors.push(required(client, 'required when strategy is set to Webhook'));
  } else {
    validateWebhookClient(errors, client, webhook.clientConfig);
    const { caBundle = '' } = webhook.clientConfig;
    const problem = mayBeUnreadable(old) ? undefined : caBundleProblem(caBundle);
    if (problem !== undefined) {
      errors.push(invalid(`${client}.caBundle`, bytesText(caBundle), problem));
    }
  }
  reviewVersionErrors(errors, versions, old);
}

/** Certificates need not be readable before the definition is served, nor when they never were. */
function mayBeUnreadable(old: CustomResourceDefinition | undefined): boolean {
  if (old === undefined || !isEstablished(old)) return true;
  return caBundleProblem(old.spec.conversion?.webhook?.clientConfig?.caBundle ?? '') !== undefined;
}

/** Bytes as Go prints them. */
function bytesText(base64: string): fieldErrors.GoText {
  const bytes = [...Buffer.from(base64, 'base64')].map((byte) => `0x${byte.toString(16)}`);
  return new fieldErrors.GoText(`[]byte{${bytes.join(', ')}}`);
}

const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const isKnown = (version: string): boolean => REVIEW_VERSIONS.includes(version);

function reviewVersionErrors(
  errors: FieldError[],
  versions: readonly string[],
  old: CustomResourceDefinition | undefined,
): void {
  const at = `${AT}.conversionReviewVersions`;
  if (versions.length === 0) errors.push(required(at));
  versions.forEach((version, i) => {
    if (versions.indexOf(version) < i) {
      errors.push(invalid(`${at}[${i}]`, version, 'duplicate version'));
      return;
    }
    for (const why of names.dns1035Label(version)) {
      errors.push(invalid(`${at}[${i}]`, version, why));
    }
  });
  const before = old?.spec.conversion?.webhook?.conversionReviewVersions ?? [];
  const mustBeKnown = before.length === 0 || before.some(isKnown);
  if (versions.length > 0 && mustBeKnown && !versions.some(isKnown)) {
    const given = new fieldErrors.GoText(`[]string{${versions.map(goQuote).join(', ')}}`);
    errors.push(invalid(at, given, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`));
  }
}
