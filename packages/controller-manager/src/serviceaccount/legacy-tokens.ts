/** Tokens kept in Secrets that were made for accounts without being asked for, and that nobody uses. */
import { type ConfigMap, isConflict, isNotFound, type Pod, type Secret } from '@kubets/api';
import { type Controller, type ControllerDeps, periodicController } from '../host/controller.ts';
import { LIST_PAGE_SIZE } from '../limits.ts';
import {
  annotationsOf,
  createdMs,
  isDeleting,
  labelsOf,
  nameOf,
  namespaceOf,
  uidOf,
} from '../objects/meta.ts';
import { ACCOUNT_NAME, ACCOUNT_UID } from '../tokens/decide.ts';
import { secretsOf } from './mounted-secrets.ts';

const TRACKING = 'kube-apiserver-legacy-service-account-token-tracking';
const LAST_USED = 'kubernetes.io/legacy-token-last-used';
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';
const DAY_MS = 24 * 3_600_000;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** The day, UTC: `2026-01-31`. */
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const isDay = (text: string | undefined): text is string =>
  text !== undefined && DATE.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));

/**
 * What becomes of a token that is in nobody's use: first it is marked, and refused from then on; deleted when nobody minded for
 * the same time again. Pure.
 * @param keptMs how long a token may go unused
 */
export function decideLegacyToken(
  secret: Secret,
  { nowMs, keptMs }: { nowMs: number; keptMs: number },
): 'keep' | 'mark' | 'delete' {
  if (isDeleting(secret) || createdMs(secret) >= nowMs - keptMs) return 'keep';
  const since = dayOf(nowMs - keptMs);
  const used = labelsOf(secret)[LAST_USED];
  if (used !== undefined && (!isDay(used) || used >= since)) return 'keep';
  const invalid = labelsOf(secret)[INVALID_SINCE];
  if (!isDay(invalid)) return 'mark';
  return invalid >= since ? 'keep' : 'delete';
}

/**
 * Marks, and later deletes, tokens that were made for accounts by older clusters and that nobody has used for a time.
 * @param keptMs `--legacy-service-account-token-clean-up-period`
 */
export function legacyTokenCleaner(deps: ControllerDeps, keptMs: number): Controller {
  const { serviceAccounts, tokenSecrets } = deps.informers;
  const configMaps = deps.api.resource<ConfigMap>('v1', 'configmaps');
  const secrets = deps.api.resource<Secret>('v1', 'secrets');
  const pods = deps.api.resource<Pod>('v1', 'pods');

  /** Since when all apiservers have noted who uses a token; the day itself does not count. */
  const trackedSinceMs = async (): Promise<number> => {
    const { data } = await configMaps.get('kube-system', TRACKING);
    const since = data?.since;
    return isDay(since) ? Date.parse(`${since}T00:00:00Z`) + DAY_MS : Number.POSITIVE_INFINITY;
  };

  /** Only what an account lists was made for it; a token that somebody asked for stays. */
  const wasMadeUnasked = (secret: Secret): boolean => {
    const { [ACCOUNT_NAME]: name = '', [ACCOUNT_UID]: uid } = annotationsOf(secret);
    const account = serviceAccounts.get(`${namespaceOf(secret)}/${name}`);
    if (account === undefined || (uid !== undefined && uid !== uidOf(account))) return false;
    return account.secrets?.some((one) => one.name === nameOf(secret)) ?? false;
  };

  const mountedIn = async (namespace: string): Promise<ReadonlySet<string>> => {
    const found = new Set<string>();
    let next: string | undefined;
    do {
      const page = { limit: LIST_PAGE_SIZE, ...(next === undefined ? {} : { continue: next }) };
      const list = await pods.list(namespace, page);
      for (const pod of list.items) for (const name of secretsOf(pod)) found.add(name);
      next = list.continue;
    } while (next);
    return found;
  };

  const carryOut = async (secret: Secret, what: 'mark' | 'delete', nowMs: number) => {
    const { uid, resourceVersion = '' } = secret.metadata;
    const place = [namespaceOf(secret), nameOf(secret)] as const;
    try {
      if (what === 'delete') {
        await secrets.delete(...place, { preconditions: { resourceVersion } });
        return;
      }
      const labels = { [INVALID_SINCE]: dayOf(nowMs) };
      await secrets.patch(...place, 'merge', { metadata: { uid, labels } });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  };

  return periodicController({
    name: 'legacy-serviceaccount-token-cleaner-controller',
    deps,
    periodMs: DAY_MS,
    needs: [serviceAccounts, tokenSecrets],
    async tick() {
      const nowMs = deps.clock.now();
      const due = tokenSecrets.list().flatMap((secret) => {
        const what = decideLegacyToken(secret, { nowMs, keptMs });
        return what === 'keep' || !wasMadeUnasked(secret) ? [] : [{ secret, what }];
      });
      if (due.length === 0 || nowMs < (await trackedSinceMs()) + keptMs) return;
      const mounted = new Map<string, ReadonlySet<string>>();
      for (const { secret, what } of due) {
        const namespace = namespaceOf(secret);
        const inUse = mounted.get(namespace) ?? (await mountedIn(namespace));
        mounted.set(namespace, inUse);
        if (!inUse.has(nameOf(secret))) await carryOut(secret, what, nowMs);
      }
    },
  });
}
