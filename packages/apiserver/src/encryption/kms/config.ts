/** The settings of a service that keeps keys, in an EncryptionConfiguration. */
import { parseDurationMs } from '@kubets/api';

export interface KmsSettings {
  readonly name: string;
  readonly endpoint: string;
  readonly timeoutMs: number;
}

const USUAL_MS = 3_000;
const V1 =
  'KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead. (v1 is not supported here)';

/** @param fail ends the reading of the file with what is wrong */
export function kmsSettings(
  kms: Readonly<Record<string, unknown>>,
  fail: (what: string) => never,
): KmsSettings {
  const { apiVersion = 'v1', name, endpoint, timeout, cachesize } = kms;
  if (apiVersion === 'v1') return fail(V1);
  if (apiVersion !== 'v2') {
    const only = 'only v1 and v2 are supported';
    return fail(`unsupported apiVersion ${String(apiVersion)} for KMS provider, ${only}`);
  }
  if (typeof name !== 'string' || name === '')
    return fail('name is a mandatory field for a provider');
  if (name.includes(':')) return fail(`kms provider "${name}": a name has no colon`);
  if (typeof endpoint !== 'string' || endpoint === '') {
    return fail('endpoint is a mandatory field for a kms');
  }
  const [, scheme = '', path = ''] = /^([a-z]*):\/\/(.*)$/.exec(endpoint) ?? [];
  if (scheme !== 'unix') {
    return fail(`unsupported scheme "${scheme}" for KMS provider, only unix is supported`);
  }
  if (!path.startsWith('/') || path.length < 2) {
    return fail('invalid endpoint for kms provider: want unix:///PATH');
  }
  if (cachesize !== undefined) return fail('cachesize is not supported in v2');
  return { name, endpoint, timeoutMs: timeoutOf(timeout, fail) };
}

function timeoutOf(timeout: unknown, fail: (what: string) => never): number {
  if (timeout === undefined || timeout === null) return USUAL_MS;
  const ms = typeof timeout === 'string' ? parseDurationMs(timeout) : undefined;
  if (ms === undefined) return fail('timeout is no duration, such as 3s');
  return ms > 0 ? ms : fail('timeout should be a positive value');
}
