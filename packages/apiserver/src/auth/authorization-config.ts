/** Which authorisers are asked, in which order: from flags, or from an AuthorizationConfiguration file. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Clock, ConfigError, errorMessage, isFlagGiven, type Logger } from '@kubets/platform';
import { OutboundClient } from '../outbound/http.ts';
import { loadKubeconfig } from '../outbound/kubeconfig.ts';
import { abacStep } from './abac.ts';
import type { AuthorizationFigures } from './authorization/figures.ts';
import {
  type AuthorizerSettings,
  DEFAULT_TTL_MS,
  readAuthorization,
} from './authorization/settings.ts';
import type { Mode } from './authorizer.ts';
import { WebhookAuthorizer, type WebhookFigures } from './webhook-authorizer.ts';

/** The flags that say it. */
export interface AuthorizationFlags {
  readonly authorizationMode: readonly string[];
  readonly authorizationConfig: string;
  readonly authorizationPolicyFile: string;
  readonly authorizationWebhookConfigFile: string;
  readonly authorizationWebhookVersion: string;
  readonly authorizationWebhookCacheAuthorizedTtl: number;
  readonly authorizationWebhookCacheUnauthorizedTtl: number;
}

interface Parts {
  readonly figures?: AuthorizationFigures | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const OWN = ['Node', 'RBAC', 'AlwaysAllow', 'AlwaysDeny'] as const;
const ownMode = (name: string) => OWN.find((one) => one === name);

/** The modes of the flags. @throws ConfigError */
export function authorizationModes(flags: AuthorizationFlags, parts: Parts): Mode[] {
  const { authorizationMode: modes } = flags;
  const kubeconfig = flags.authorizationWebhookConfigFile;
  const wanted = modes.includes('Webhook');
  if (wanted && kubeconfig === '') {
    const what = '--authorization-mode has Webhook';
    throw new ConfigError(`${what}: say where it is with --authorization-webhook-config-file`);
  }
  if (!wanted && kubeconfig !== '') {
    throw new ConfigError('--authorization-webhook-config-file needs --authorization-mode Webhook');
  }
  checkPolicyFile(flags, modes, '--authorization-mode');
  if (modes.length === 0) throw new ConfigError('--authorization-mode must name a mode');
  if (new Set(modes).size < modes.length) {
    throw new ConfigError(`--authorization-mode names a mode twice: ${modes.join(',')}`);
  }
  return modes.map((name) => {
    if (name !== 'Webhook') return known('--authorization-mode', name, flags);
    const target = loadKubeconfig('--authorization-webhook-config-file', kubeconfig);
    const webhook = new WebhookAuthorizer({
      ...parts,
      client: new OutboundClient(target, parts.clock),
      version: versionOf('--authorization-webhook-version', flags.authorizationWebhookVersion),
      authorizedTtlMs: flags.authorizationWebhookCacheAuthorizedTtl,
      unauthorizedTtlMs: flags.authorizationWebhookCacheUnauthorizedTtl,
      figures: parts.figures && figuresOf('webhook', parts.figures),
    });
    return { name: 'webhook', step: (asked) => webhook.authorize(asked) };
  });
}

function known(where: string, name: string, flags: AuthorizationFlags): Mode {
  const mode = ownMode(name);
  if (mode !== undefined) return mode;
  if (name === 'ABAC') {
    return { name: 'abac', type: name, step: abacStep(flags.authorizationPolicyFile) };
  }
  const all = [...OWN, 'ABAC', 'Webhook'].join(', ');
  throw new ConfigError(`${where}: "${name}" is none of ${all}`);
}

/** @throws ConfigError when one of them is there without the other */
function checkPolicyFile(
  { authorizationPolicyFile: file }: AuthorizationFlags,
  modes: readonly string[],
  where: string,
): void {
  if (modes.includes('ABAC') && file === '') {
    throw new ConfigError(
      `${where} has ABAC: say with --authorization-policy-file by which policies`,
    );
  }
  if (!modes.includes('ABAC') && file !== '') {
    throw new ConfigError('cannot specify --authorization-policy-file without mode ABAC');
  }
}

function versionOf(where: string, version: string): string {
  if (version === 'v1' || version === 'v1beta1') return version;
  throw new ConfigError(`${where}: "${version}" is neither v1 nor v1beta1`);
}

const CONFIG_FLAG = '--authorization-config';
const OTHER_FLAGS = [
  ...['authorization-mode', 'authorization-webhook-config-file', 'authorization-webhook-version'],
  'authorization-webhook-cache-authorized-ttl',
  'authorization-webhook-cache-unauthorized-ttl',
];

/** The modes of a file, and how those of its later texts are read. */
export interface FileModes {
  readonly modes: readonly Mode[];
  readonly file: string;
  /** What the file held. */
  readonly text: string;
  /** The modes of another text. @throws ConfigError */
  reread(text: string): readonly Mode[];
}

/** Loaded when there is a condition: the engine of expressions is not small. */
const conditions = (): typeof import('./authorization/match-conditions.ts') =>
  createRequire(import.meta.url)('./authorization/match-conditions.ts');

const read = (text: string): readonly AuthorizerSettings[] =>
  readAuthorization(text, (source) => conditions().conditionProblem(source));

const ownTypes = (all: readonly AuthorizerSettings[]): readonly string[] =>
  all.map(({ type }) => type).filter((type) => type !== 'Webhook');

/** The authorisers of an AuthorizationConfiguration, in its order. @throws ConfigError */
export function modesOfFile(flags: AuthorizationFlags, parts: Parts): FileModes {
  const { authorizationConfig: file } = flags;
  if (OTHER_FLAGS.some((name) => isFlagGiven(flags, name))) {
    const why = '--authorization-mode or --authorization-webhook-* flags are defined';
    throw new ConfigError(`${CONFIG_FLAG} can not be specified when ${why}`);
  }
  const text = contentOf(file);
  const made = (all: readonly AuthorizerSettings[]): Mode[] =>
    all.map((one) => modeOf(`${CONFIG_FLAG}: ${file}`, one, { ...parts, flags }));
  try {
    const first = read(text);
    const kept = ownTypes(first);
    checkPolicyFile(flags, kept, `${CONFIG_FLAG}: ${file}`);
    const reread = (again: string): Mode[] => {
      const all = read(again);
      checkSameTypes(kept, ownTypes(all));
      return made(all);
    };
    return { modes: made(first), file, text, reread };
  } catch (error) {
    if (!(error instanceof ConfigError) || error.message.startsWith(CONFIG_FLAG)) throw error;
    throw new ConfigError(`${CONFIG_FLAG}: ${file}: ${error.message}`);
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${CONFIG_FLAG}: cannot read ${file}: ${errorMessage(error)}`);
  }
}

/** What runs inside of this server neither comes nor goes while it runs. */
function checkSameTypes(before: readonly string[], now: readonly string[]): void {
  const added = now.find((type) => !before.includes(type) && !type.startsWith('Always'));
  if (added !== undefined) {
    const why = 'is not allowed if it was not enabled at initial server startup';
    throw new ConfigError(`authorizer type ${added} ${why}`);
  }
  const gone = before.find((type) => !now.includes(type));
  if (gone !== undefined) throw new ConfigError(`authorizer type ${gone} must stay`);
}

function modeOf(
  where: string,
  { type, name, webhook }: AuthorizerSettings,
  { flags, ...parts }: Parts & { readonly flags: AuthorizationFlags },
): Mode {
  if (type !== 'Webhook' || webhook === undefined) return known(where, type, flags);
  const { connectionInfo, failurePolicy, matchConditions } = webhook;
  const { kubeConfigFile } = connectionInfo;
  if (kubeConfigFile === undefined) {
    throw new ConfigError(`${where}: ${name}: this server runs in no pod: name a kubeConfigFile`);
  }
  const target = loadKubeconfig(`${where}: ${name}`, kubeConfigFile);
  const sources = matchConditions.map(({ expression }) => expression);
  const { figures } = parts;
  const hook = new WebhookAuthorizer({
    ...parts,
    client: new OutboundClient(target, parts.clock),
    version: webhook.subjectAccessReviewVersion,
    authorizedTtlMs: webhook.authorizedTTL || DEFAULT_TTL_MS.authorized,
    unauthorizedTtlMs: webhook.unauthorizedTTL || DEFAULT_TTL_MS.unauthorized,
    timeoutMs: webhook.timeout,
    onFailure: failurePolicy === 'Deny' ? 'Deny' : 'NoOpinion',
    matches: sources.length === 0 ? undefined : conditions().matcherOf(sources),
    figures: figures && figuresOf(name, figures),
  });
  return { name, step: (asked) => hook.authorize(asked) };
}

const figuresOf = (name: string, figures: AuthorizationFigures): WebhookFigures => ({
  asked: (result, seconds) => figures.asked(name, result, seconds),
  failedOpen: (result) => figures.failedOpen(name, result),
  matched: (outcome, seconds) => figures.matched(name, outcome, seconds),
});
