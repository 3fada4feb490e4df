import {
  type Container,
  isNotFound,
  type Pod,
  type PodSpec,
  type ServiceAccount,
  type Volume,
  type VolumeMount,
} from '@kubets/api';
import { type Clock, delay, type Random } from '@kubets/platform';
import { MIRROR_ANNOTATION } from '../auth/identity.ts';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { refersTo } from './mirror-pod.ts';
import { foreignSecret, foreignSecretAdded, insistsOnSecrets } from './mountable-secrets.ts';
import { concerns, objectAs, refuse } from './support.ts';

/** Where containers find their token, the CA and their namespace. */
export const TOKEN_MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** One hour and seven seconds: the odd life tells such tokens from those a user asked for. */
export const PROJECTED_TOKEN_SECONDS = 3607;
const ROOT_CA_CONFIGMAP = 'kube-root-ca.crt';
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
/** The default account of a new namespace is made by a controller a moment later. */
const DEFAULT_ACCOUNT_ATTEMPTS = 10;
const ATTEMPT_PAUSE_MS = 150;

/** Pods run as a service account, `default` if they name none, and get its token mounted unless told not to. */
export function serviceAccount(o: {
  store: ResourceStore;
  clock: Clock;
  random: Random;
}): AdmissionPlugin {
  const accounts = o.store.cache<ServiceAccount>(GVR.serviceAccounts);

  async function read(namespace: string, name: string): Promise<ServiceAccount | undefined> {
    const cached = accounts.get(namespace, name);
    if (cached) return cached;
    try {
      return await o.store.get<ServiceAccount>({ ...GVR.serviceAccounts, namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function find(a: AdmissionAttributes, name: string): Promise<ServiceAccount> {
    const attempts = name === 'default' ? DEFAULT_ACCOUNT_ATTEMPTS : 1;
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) await delay(ATTEMPT_PAUSE_MS, { clock: o.clock });
      const found = await read(a.namespace, name);
      if (found) return found;
    }
    const why = `error looking up service account ${a.namespace}/${name}: serviceaccount "${name}" not found`;
    throw refuse(a, why);
  }

  /** @throws ApiError 403 for what a pod of the account may not use */
  async function check(a: AdmissionAttributes): Promise<void> {
    const pod = objectAs<Pod>(a);
    const { spec } = pod;
    if (!spec) return;
    const isAdding = a.subresource === EPHEMERAL;
    if (!isAdding && isMirror(pod)) {
      checkMirror(a, pod);
      return;
    }
    const { serviceAccountName = '' } = spec;
    if (serviceAccountName === '') {
      const { name = '' } = pod.metadata;
      throw refuse(a, `no service account specified for pod ${a.namespace}/${name}`);
    }
    const account = await find(a, serviceAccountName);
    if (!insistsOnSecrets(account)) return;
    const fault = isAdding ? foreignSecretAdded(pod, account) : foreignSecret(pod, account);
    if (fault !== undefined) throw refuse(a, fault);
  }

  return {
    name: 'ServiceAccount',
    only: ['pods'],
    async admit(a) {
      if (!concerns(a, '', 'pods', 'CREATE')) return;
      const pod = objectAs<Pod>(a);
      const { spec } = pod;
      if (!spec) return;
      if (isMirror(pod)) {
        checkMirror(a, pod);
        return;
      }
      spec.serviceAccountName ||= 'default';
      spec.serviceAccount = spec.serviceAccountName;
      const account = await find(a, spec.serviceAccountName);
      if (shouldMount(spec, account)) mountToken(spec, o.random);
      if ((spec.imagePullSecrets ?? []).length === 0 && account.imagePullSecrets?.length) {
        spec.imagePullSecrets = account.imagePullSecrets.map(({ name }) => ({ name }));
      }
      await check(a);
    },
    validate(a) {
      const isAdding = a.subresource === EPHEMERAL && a.operation === 'UPDATE';
      return isAdding || concerns(a, '', 'pods', 'CREATE') ? check(a) : undefined;
    },
  };
}

const EPHEMERAL = 'ephemeralcontainers';

const isMirror = ({ metadata }: Pod): boolean =>
  metadata.annotations?.[MIRROR_ANNOTATION] !== undefined;

/** A pod that a node makes itself must not bring it rights. */
function checkMirror(a: AdmissionAttributes, pod: Pod): void {
  const { spec } = pod;
  if (spec?.serviceAccountName) throw refuse(a, 'a mirror pod may not reference service accounts');
  if (refersTo(pod, 'secrets')) throw refuse(a, 'a mirror pod may not reference secrets');
  const projected = (spec?.volumes ?? []).flatMap((volume) => volume.projected?.sources ?? []);
  if (projected.some((source) => source.serviceAccountToken)) {
    throw refuse(a, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
}

function shouldMount(spec: PodSpec, account: ServiceAccount): boolean {
  return spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
}

function mountToken(spec: PodSpec, random: Random): void {
  const volumes = spec.volumes ?? [];
  const known = volumes.find(
    (volume) => volume.name.startsWith(VOLUME_PREFIX) && volume.projected !== undefined,
  );
  const name = known?.name ?? freshName(volumes, random);
  const mount: VolumeMount = { name, readOnly: true, mountPath: TOKEN_MOUNT_PATH };
  let used = false;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    used = addMount(container, mount) || used;
  }
  if (used && !known) spec.volumes = [...volumes, tokenVolume(name)];
}

function addMount(container: Container, mount: VolumeMount): boolean {
  const mounts = container.volumeMounts ?? [];
  if (mounts.some((one) => one.mountPath === mount.mountPath)) return false;
  container.volumeMounts = [...mounts, { ...mount }];
  return true;
}

function freshName(volumes: Volume[], random: Random): string {
  const taken = new Set(volumes.map((volume) => volume.name));
  for (;;) {
    const letters = Array.from(
      { length: 5 },
      () => NAME_ALPHABET[random.int(NAME_ALPHABET.length)],
    );
    const name = VOLUME_PREFIX + letters.join('');
    if (!taken.has(name)) return name;
  }
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: PROJECTED_TOKEN_SECONDS, path: 'token' } },
        {
          configMap: { name: ROOT_CA_CONFIGMAP, items: [{ key: 'ca.crt', path: 'ca.crt' }] },
        },
        {
          downwardAPI: {
            items: [
              {
                path: 'namespace',
                fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
              },
            ],
          },
        },
      ],
      defaultMode: 0o644,
    },
  };
}
