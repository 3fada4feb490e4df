/** Finds out whom to trust, and what the cluster is, with nothing but a token and a hash. */
import type { ConfigMap, Node, Secret } from '@kubets/api';
import { ConfigError, publicKeyPin, yamlLibrary } from '@kubets/platform';
import { StartError, TokenError } from '../errors.ts';
import type { ClusterFacts, MasterAddress } from '../host/settings.ts';
import { limits } from '../limits.ts';
import { type Answer, ask, type Door } from './rest.ts';
import { signatureFits, signatureKey, type Token, tokenText } from './token.ts';

export const CONFIG_MAP = 'kubets-config';
export const CERTS_SECRET = 'kubets-certs';

/** What `kube-system/kubets-config` says. */
export interface SharedFacts {
  readonly cluster: ClusterFacts;
  readonly masters: readonly MasterAddress[];
}

export interface Discovered extends SharedFacts {
  readonly ca: string;
}

function authorityIn(kubeconfig: string): string {
  const config: unknown = yamlLibrary().parse(kubeconfig);
  const pick = (value: unknown, key: string | number): unknown =>
    typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  const first = pick(pick(config, 'clusters'), 0);
  const data = pick(pick(first, 'cluster'), 'certificate-authority-data');
  if (typeof data !== 'string')
    throw new ConfigError('the cluster’s public facts name no authority');
  return Buffer.from(data, 'base64').toString('utf8');
}

function checkClock(answer: Answer, nowMs: number): void {
  if (answer.serverMs === undefined) return;
  const skewMs = nowMs - answer.serverMs;
  if (Math.abs(skewMs) <= limits.clockSkewMs) return;
  const side = skewMs > 0 ? 'ahead of' : 'behind';
  throw new ConfigError(
    `this host’s clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${side} the cluster’s; set it (such as "timedatectl set-ntp true") and join again`,
  );
}

/** The release's major and minor number must be the cluster's. */
export function checkRelease(cluster: string, own: string): void {
  const line = (release: string): string => release.split('.').slice(0, 2).join('.');
  if (line(cluster) === line(own)) return;
  throw new ConfigError(
    `this is kubets ${own}, the cluster runs ${cluster}; install ${line(cluster)} here, or upgrade the cluster first ("kubets upgrade" on each of its hosts)`,
  );
}

async function publicFacts(door: Door, token: Token, nowMs: number): Promise<string> {
  const answer = await ask(door, '/api/v1/namespaces/kube-public/configmaps/cluster-info');
  checkClock(answer, nowMs);
  const at = `${door.host}:${door.port}`;
  if (answer.status !== 200) {
    throw new StartError(
      `${at} answers ${answer.status} instead of the cluster’s public facts; is it a master made by "kubets init"?`,
    );
  }
  const { data = {} } = answer.body as ConfigMap;
  const content = data.kubeconfig ?? '';
  if (!signatureFits(content, data[signatureKey(token)], token)) {
    throw new TokenError(
      `the token is not valid on ${at} (unknown, expired, or mistyped); make another with "kubets token create --print-join-command" on a master`,
    );
  }
  return content;
}

async function authorised(door: Door, path: string, what: string): Promise<unknown> {
  const answer = await ask(door, path);
  if (answer.status === 200) return answer.body;
  if (answer.status === 404) throw new ConfigError(`the cluster has no ${what}`);
  const reason = answer.status === 401 ? 'the token has expired' : `it answers ${answer.status}`;
  throw new ConfigError(
    `cannot read ${what}: ${reason}; make a new token with "kubets token create" on a master`,
  );
}

export interface DiscoverOptions {
  readonly host: string;
  readonly port: number;
  readonly token: Token;
  /** `sha256:…` of the authority's public key, several for a change of authority; empty: not checked. */
  readonly pins: readonly string[];
  readonly nowMs: number;
  readonly release: string;
}

/** @throws ConfigError or StartError with the next step, before anything was changed on this host */
export async function discover(options: DiscoverOptions): Promise<Discovered> {
  const { host, port, token, pins, nowMs } = options;
  const ca = authorityIn(await publicFacts({ host, port }, token, nowMs));
  const pin = publicKeyPin(ca);
  if (pins.length > 0 && !pins.includes(pin)) {
    throw new ConfigError(
      `the authority of ${host}:${port} has the hash ${pin}, not ${pins.join(' or ')}: another cluster, or somebody in between; compare with "kubets token create --print-join-command" on a master`,
    );
  }
  const door = { host, port, ca, token: tokenText(token) };
  const path = `/api/v1/namespaces/kube-system/configmaps/${CONFIG_MAP}`;
  const map = (await authorised(door, path, `ConfigMap kube-system/${CONFIG_MAP}`)) as ConfigMap;
  const facts = JSON.parse(map.data?.cluster ?? '{}') as SharedFacts;
  checkRelease(facts.cluster.release, options.release);
  return { ...facts, ca };
}

/**
 * A second host of one name would take the first one's place: both would speak for one Node. A node that has been silent for long
 * may be replaced, and a host may come back as itself.
 * @throws StartError: it may be reset meanwhile, or found to be lost
 */
export async function checkNodeName(
  door: Required<Door>,
  host: { readonly name: string; readonly address: string },
): Promise<void> {
  const { status, body } = await ask(door, `/api/v1/nodes/${host.name}`);
  if (status !== 200) return;
  const { conditions = [], addresses = [] } = (body as Node).status ?? {};
  const isReady = conditions.some((one) => one.type === 'Ready' && one.status === 'True');
  const own = addresses.filter((one) => one.type === 'InternalIP').map((one) => one.address);
  if (!isReady || own.includes(host.address)) return;
  throw new StartError(
    `the cluster has a node called ${host.name} already, at ${own.join(', ')}, and it is Ready; name this host with --name, or take that one out first: "kubets reset" on it`,
  );
}

/** The authorities, still sealed. @throws ConfigError when they are gone: they live two hours */
export async function sealedAuthorities(
  door: Required<Door>,
): Promise<Readonly<Record<string, string>>> {
  const path = `/api/v1/namespaces/kube-system/secrets/${CERTS_SECRET}`;
  const answer = await ask(door, path);
  if (answer.status === 404) {
    throw new ConfigError(
      'the cluster’s secrets for new masters have expired (they live two hours); run "kubets certs upload" on a master and use the key it prints',
    );
  }
  if (answer.status !== 200) {
    throw new StartError(`cannot read the cluster’s secrets: the API answers ${answer.status}`);
  }
  const { data = {} } = answer.body as Secret;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString('utf8'),
    ]),
  );
}
