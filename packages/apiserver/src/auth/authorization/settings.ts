/** The shapes of an AuthorizationConfiguration and what may be wrong with one, in the stock server's words. */
import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import {
  aggregateText,
  dns1123Subdomain,
  type FieldError,
  fieldErrors,
  goQuote,
} from '@kubets/api';
import { ConfigError, errorMessage } from '@kubets/platform';
import { LIMITS } from '../../edge-limits.ts';
import {
  type DocumentKind,
  durationMs,
  listOf,
  optional,
  type Read,
  readDocument,
  struct,
  text,
} from '../../settings/reader.ts';

const { invalid, required, duplicate, notSupported, tooMany } = fieldErrors;

const webhook = struct({
  authorizedTTL: optional(durationMs),
  unauthorizedTTL: optional(durationMs),
  timeout: durationMs,
  subjectAccessReviewVersion: text,
  matchConditionSubjectAccessReviewVersion: text,
  failurePolicy: text,
  connectionInfo: struct({ type: text, kubeConfigFile: optional(text) }),
  matchConditions: listOf(struct({ expression: text })),
});

const fields = {
  authorizers: listOf(struct({ type: text, name: text, webhook: optional(webhook) })),
};

/** A webhook that is asked about rights. */
export type WebhookSettings = Read<typeof webhook>;
export type AuthorizerSettings = Read<typeof fields.authorizers>[number];

const KIND: DocumentKind<typeof fields> = {
  kind: 'AuthorizationConfiguration',
  versions: ['v1', 'v1beta1', 'v1alpha1'],
  fields,
};

const TYPES = ['ABAC', 'AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook'];
const MAX_TIMEOUT_MS = 30_000;
const MS_PER_S = 1_000;
const S_PER_MINUTE = 60;
const S_PER_HOUR = 3_600;

/** How answers of webhooks are kept where the configuration does not say. */
export const DEFAULT_TTL_MS = { authorized: 300_000, unauthorized: 30_000 };

type Errors = FieldError[];

/** Complains about conditions, whose expressions take the engine to judge. */
export type ConditionCheck = (expression: string) => string | undefined;

/** Reads the text of a file. @throws ConfigError that tells all that is wrong */
export function readAuthorization(
  source: string,
  check: ConditionCheck,
): readonly AuthorizerSettings[] {
  const { authorizers } = read(source);
  const errors: Errors = [];
  if (authorizers.length === 0) {
    errors.push(required('authorizers', 'at least one authorization mode must be defined'));
  }
  const seen = { types: new Set<string>(), names: new Set<string>() };
  for (const [i, one] of authorizers.entries()) {
    checkAuthorizer(errors, `authorizers[${i}]`, one, { ...seen, check });
  }
  if (errors.length > 0) throw new ConfigError(aggregateText(errors));
  const misnamed = authorizers
    .filter(({ type, name }) => type !== 'Webhook' && name !== type.toLowerCase())
    .map(
      ({ type, name }) =>
        `expected name ${type.toLowerCase()} for authorizer ${type} instead of ${name}`,
    );
  if (misnamed.length === 0) return authorizers;
  throw new ConfigError(misnamed.length === 1 ? `${misnamed[0]}` : `[${misnamed.join(', ')}]`);
}

function read(source: string): ReturnType<typeof readDocument<typeof fields>> {
  try {
    return readDocument(source, KIND);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`failed to load AuthorizationConfiguration from file: ${error.message}`);
  }
}

interface Seen {
  readonly types: Set<string>;
  readonly names: Set<string>;
  readonly check: ConditionCheck;
}

function checkAuthorizer(
  errors: Errors,
  at: string,
  { type, name, webhook: hook }: AuthorizerSettings,
  { types, names, check }: Seen,
): void {
  const stop = (error: FieldError): number => errors.push(error);
  if (type === '') return void stop(required(`${at}.type`));
  if (!TYPES.includes(type)) return void stop(notSupported(`${at}.type`, type, TYPES));
  if (types.has(type) && type !== 'Webhook') return void stop(duplicate(`${at}.type`, type));
  types.add(type);
  const messages = dns1123Subdomain(name);
  if (name === '') errors.push(required(`${at}.name`));
  else if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
  else if (messages.length > 0) {
    errors.push(invalid(`${at}.name`, name, `authorizer name is invalid: ${messages.join(', ')}`));
  }
  names.add(name);
  if (type !== 'Webhook') {
    if (hook === undefined) return;
    stop(invalid(`${at}.webhook`, 'non-null', 'may only be specified when type=Webhook'));
  } else if (hook === undefined) stop(required(`${at}.webhook`, 'required when type=Webhook'));
  else checkWebhook(errors, at, hook, check);
}

function checkWebhook(errors: Errors, at: string, w: WebhookSettings, check: ConditionCheck): void {
  if (w.timeout === 0) errors.push(required(`${at}.timeout`));
  else if (w.timeout < 0 || w.timeout > MAX_TIMEOUT_MS) {
    errors.push(invalid(`${at}.timeout`, durationText(w.timeout), 'must be > 0s and <= 30s'));
  }
  const ttls = { authorizedTTL: w.authorizedTTL, unauthorizedTTL: w.unauthorizedTTL };
  for (const [name, ms] of Object.entries(ttls)) {
    if (ms !== undefined && ms < 0) {
      errors.push(invalid(`${at}.${name}`, durationText(ms), 'must be > 0s'));
    }
  }
  checkChoice(errors, `${at}.subjectAccessReviewVersion`, w.subjectAccessReviewVersion, [
    ...['v1', 'v1beta1'],
  ]);
  const version = `${at}.matchConditionSubjectAccessReviewVersion`;
  if (w.matchConditionSubjectAccessReviewVersion !== '') {
    checkChoice(errors, version, w.matchConditionSubjectAccessReviewVersion, ['v1']);
  } else if (w.matchConditions.length > 0) {
    errors.push(required(version, 'required if match conditions are specified'));
  }
  checkChoice(errors, `${at}.failurePolicy`, w.failurePolicy, ['NoOpinion', 'Deny']);
  checkConnection(errors, `${at}.connectionInfo`, w.connectionInfo);
  checkConditions(errors, `${at}.matchConditions`, w.matchConditions, check);
}

function checkChoice(errors: Errors, at: string, value: string, choices: readonly string[]): void {
  if (value === '') errors.push(required(at));
  else if (!choices.includes(value)) errors.push(notSupported(at, value, choices));
}

function checkConnection(
  errors: Errors,
  at: string,
  info: WebhookSettings['connectionInfo'],
): void {
  const { type, kubeConfigFile: file } = info;
  const path = `${at}.kubeConfigFile`;
  if (type === '') errors.push(required(`${at}.type`));
  else if (type === 'InClusterConfig') {
    if (file === undefined) return;
    errors.push(invalid(path, file, 'can only be set when type=KubeConfigFile'));
  } else if (type !== 'KubeConfigFile') {
    // A file is shown by where it lies in memory: there is none to tell.
    const shown = file === undefined ? '(*string)(nil)' : '(*string)(0xc000000000)';
    const value = new fieldErrors.GoText(
      `apiserver.WebhookConnectionInfo{Type:${goQuote(type)}, KubeConfigFile:${shown}}`,
    );
    errors.push(notSupported(`${at}.type`, value, ['InClusterConfig', 'KubeConfigFile']));
  } else if (file === undefined || file === '') errors.push(required(path));
  else if (!isAbsolute(file)) errors.push(invalid(path, file, 'must be an absolute path'));
  else {
    const problem = fileProblem(file);
    if (problem !== undefined) errors.push(invalid(path, file, problem));
  }
}

function fileProblem(file: string): string | undefined {
  try {
    return statSync(file).isFile() ? undefined : 'must be a regular file';
  } catch (error) {
    const { code } = error as { code?: unknown };
    const why = code === 'ENOENT' ? 'no such file or directory' : errorMessage(error);
    return `error loading file: stat ${file}: ${why}`;
  }
}

function checkConditions(
  errors: Errors,
  path: string,
  conditions: WebhookSettings['matchConditions'],
  check: ConditionCheck,
): void {
  if (conditions.length > LIMITS.matchConditions) {
    errors.push(tooMany(path, conditions.length, LIMITS.matchConditions));
    return;
  }
  const seen = new Set<string>();
  for (const [i, { expression }] of conditions.entries()) {
    const at = `${path}[${i}].expression`;
    if (expression.trim() === '') errors.push(required(at));
    else if (seen.has(expression)) errors.push(duplicate(at, expression));
    else {
      seen.add(expression);
      const problem = check(expression);
      if (problem !== undefined) errors.push(invalid(at, expression, problem));
    }
  }
}

/** A duration as the stock server shows it: `1m0.5s`. */
function durationText(ms: number): string {
  const sign = ms < 0 ? '-' : '';
  const total = Math.abs(ms) / MS_PER_S;
  if (total < 1) return `${sign}${Math.abs(ms)}ms`;
  const hours = Math.floor(total / S_PER_HOUR);
  const minutes = Math.floor((total % S_PER_HOUR) / S_PER_MINUTE);
  const seconds = `${Number((total % S_PER_MINUTE).toFixed(9))}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}
