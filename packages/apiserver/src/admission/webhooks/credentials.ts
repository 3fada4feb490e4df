/** The WebhookAdmissionConfiguration: as whom webhooks are called. */
import type { JsonObject } from '@kubets/api';
import { ConfigError } from '@kubets/platform';
import { type Credentials, credentialsIn } from '../../outbound/kubeconfig.ts';

/** What proves to a webhook at `host:port` who calls; undefined: nothing does. */
export type WebhookCredentials = (host: string, port: number) => Credentials | undefined;

const KIND = 'WebhookAdmissionConfiguration';
const VERSION = 'apiserver.config.k8s.io/v1';
/** Read by upstream as well, under its former name. */
const OLD = { kind: 'WebhookAdmission', version: 'apiserver.config.k8s.io/v1alpha1' };

/** What the plugin's part of the configuration says. @throws ConfigError that begins with `where` */
export function webhookCredentialsOf(
  where: string,
  config: JsonObject,
  resolvePath: (path: string) => string,
): WebhookCredentials {
  const { kind, apiVersion } = config;
  const fits = kind === KIND && apiVersion === VERSION;
  if (!fits && !(kind === OLD.kind && apiVersion === OLD.version)) {
    throw new ConfigError(`${where}: want kind ${KIND} of ${VERSION}`);
  }
  const file = String(config.kubeConfigFile ?? '');
  if (file === '') return () => undefined;
  const { users, current } = credentialsIn(where, resolvePath(file));
  return (host, port) => {
    const name = namesFor(host, port).find((one) => users.has(one)) ?? current;
    return name === undefined ? undefined : users.get(name);
  };
}

/**
 * Names of users that are about a webhook, the most exact one first: `a.b.svc:8443`, `*.b.svc:8443`, `*.svc:8443`;
 * those without a port where it is 443; then `*`.
 */
function namesFor(host: string, port: number): string[] {
  const bracketed = host.includes(':') ? `[${host}]` : host;
  const targets = port === 443 ? [`${bracketed}:443`, host] : [`${bracketed}:${port}`];
  return [...targets.flatMap(widened), '*'];
}

function widened(target: string): string[] {
  const steps = target.split('.');
  return [target, ...steps.slice(1).map((_, i) => `*.${steps.slice(i + 1).join('.')}`)];
}
