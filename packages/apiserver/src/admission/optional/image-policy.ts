/** ImagePolicyWebhook: a service of the administrator's says which images pods may run. */
import { badRequest, isJsonObject, type JsonObject, type Pod } from '@kubets/api';
import { type Clock, ConfigError, delay, errorMessage } from '@kubets/platform';
import { LIMITS } from '../../edge-limits.ts';
import { ExpiringCache } from '../../outbound/expiring-cache.ts';
import { OutboundClient, OutboundError, type OutboundTarget } from '../../outbound/http.ts';
import { loadKubeconfig } from '../../outbound/kubeconfig.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../../ports.ts';
import { concerns, objectAs, refuse } from '../support.ts';

export interface ImagePolicy {
  readonly target: OutboundTarget;
  readonly allowTtlMs: number;
  readonly denyTtlMs: number;
  readonly retryBackoffMs: number;
  /** Whether pods run while the service cannot be asked. */
  readonly defaultAllow: boolean;
}

interface Verdict {
  readonly allowed: boolean;
  readonly reason: string;
}

/** Below the first and above the second a time is refused; the third is taken where none is given. In milliseconds. */
type Bounds = readonly [number, number, number];
const BACKOFF: Bounds = [0, 300_000, 500];
const ALLOW_TTL: Bounds = [1_000, 1_800_000, 300_000];
const DENY_TTL: Bounds = [1_000, 1_800_000, 30_000];

/** What the plugin's part of the configuration says. @throws ConfigError that begins with `where` */
export function imagePolicyOf(
  where: string,
  config: JsonObject,
  resolvePath: (path: string) => string,
): ImagePolicy {
  const own = isJsonObject(config.imagePolicy) ? config.imagePolicy : {};
  const file = String(own.kubeConfigFile ?? '');
  if (file === '') throw new ConfigError(`${where}: imagePolicy.kubeConfigFile is not given`);
  const timeOf = (name: string, scale: number, bounds: Bounds): number =>
    durationOf(`${where}: imagePolicy.${name}`, Number(own[name] ?? 0), scale, bounds);
  return {
    target: loadKubeconfig(where, resolvePath(file)),
    retryBackoffMs: timeOf('retryBackoff', 1, BACKOFF),
    allowTtlMs: timeOf('allowTTL', 1_000, ALLOW_TTL),
    denyTtlMs: timeOf('denyTTL', 1_000, DENY_TTL),
    defaultAllow: own.defaultAllow === true,
  };
}

/** -1 turns a thing off, 0 means the default. */
function durationOf(
  where: string,
  value: number,
  scale: number,
  [min, max, standard]: Bounds,
): number {
  if (value === -1) return 0;
  if (value === 0) return standard;
  const ms = value * scale;
  if (ms > min && ms <= max) return ms;
  throw new ConfigError(`${where}: valid value is between ${min} and ${max} ms, got ${ms} ms`);
}

/** Off by default. @throws ConfigError where there is no configuration */
export function imagePolicyWebhook(clock: Clock, policy: ImagePolicy | undefined): AdmissionPlugin {
  if (policy === undefined) {
    throw new ConfigError('ImagePolicyWebhook: --admission-control-config-file says nothing of it');
  }
  const client = new OutboundClient(policy.target, clock);
  const known = new ExpiringCache<Verdict>({ clock, limit: LIMITS.imageVerdicts });

  async function verdictOn(spec: object): Promise<Verdict> {
    const key = JSON.stringify(spec);
    const before = known.get(key);
    if (before !== undefined) return before;
    const text = await ask(client, spec, { clock, pauseMs: policy?.retryBackoffMs ?? 0 });
    const verdict = verdictIn(text);
    const { allowTtlMs = 0, denyTtlMs = 0 } = policy ?? {};
    known.set(key, verdict, verdict.allowed ? allowTtlMs : denyTtlMs);
    return verdict;
  }

  return {
    name: 'ImagePolicyWebhook',
    only: ['pods'],
    async validate(a) {
      const isPod = concerns(a, '', 'pods', 'CREATE', 'UPDATE');
      const isDebugger = a.subresource === 'ephemeralcontainers' && a.operation === 'UPDATE';
      if (!isPod && !(isDebugger && a.resource.resource === 'pods')) return;
      const verdict = await verdictOn(specOf(a)).catch((error) => failed(a, policy, error));
      if (verdict.allowed) return;
      const why = verdict.reason
        ? `image policy webhook backend denied one or more images: ${verdict.reason}`
        : 'one or more images rejected by webhook backend';
      throw refuse(a, why);
    },
  };
}

/** What happens to a pod that nobody could judge. */
function failed(a: AdmissionAttributes, policy: ImagePolicy, error: unknown): Verdict {
  if (!(error instanceof OutboundError)) throw error;
  if (policy.defaultAllow) {
    a.addAuditAnnotation?.('imagepolicywebhook.image-policy.k8s.io/failed-open', 'true');
    return { allowed: true, reason: '' };
  }
  throw refuse(a, errorMessage(error));
}

function specOf(a: AdmissionAttributes): object {
  const { spec, metadata } = objectAs<Pod>(a);
  if (!spec) throw badRequest('Resource was marked with kind Pod but was unable to be converted');
  const all =
    a.subresource === ''
      ? [...spec.containers, ...(spec.initContainers ?? [])]
      : (spec.ephemeralContainers ?? []);
  const notes = Object.entries(metadata.annotations ?? {}).filter(([key]) =>
    key.includes('.image-policy.k8s.io/'),
  );
  return {
    containers: all.map(({ image }) => ({ image })),
    ...(notes.length > 0 && { annotations: Object.fromEntries(notes) }),
    namespace: a.namespace,
  };
}

async function ask(
  client: OutboundClient,
  spec: object,
  { clock, pauseMs }: { clock: Clock; pauseMs: number },
): Promise<string> {
  const review = { kind: 'ImageReview', apiVersion: 'imagepolicy.k8s.io/v1alpha1' };
  const body = JSON.stringify({ ...review, metadata: {}, spec, status: { allowed: false } });
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await client.ask({ method: 'POST', body, timeoutMs: LIMITS.webhookTimeoutMs });
    } catch (error) {
      const isOver = attempt >= LIMITS.outboundAttempts;
      if (isOver || !(error instanceof OutboundError) || !error.retriable) throw error;
    }
    await delay(pauseMs * 1.5 ** (attempt - 1), { clock });
  }
}

function verdictIn(text: string): Verdict {
  const broken = (): never => {
    throw new OutboundError('the answer is no ImageReview', { retriable: false });
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return broken();
  }
  const status = isJsonObject(parsed) && isJsonObject(parsed.status) ? parsed.status : broken();
  return { allowed: status.allowed === true, reason: String(status.reason ?? '') };
}
