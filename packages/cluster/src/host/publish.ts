/** What a master writes into the API so that others can join: public facts, shared facts, sealed authorities, tokens. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  type ConfigMap,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KubeObject,
  type Secret,
} from '@kubets/api';
import type { Api } from '@kubets/client';
import { readIfThere } from '../files.ts';
import { CERTS_SECRET, CONFIG_MAP, type SharedFacts } from '../join/discover.ts';
import {
  newToken,
  nonceBytes,
  rfc3339,
  SYSTEM,
  seal,
  signatureKey,
  signatureOf,
  TOKEN_TYPE,
  type Token,
  tokenSecret,
} from '../join/token.ts';
import { limits } from '../limits.ts';
import type { HostSettings, MasterAddress } from './settings.ts';

const SEALED = ['ca.crt', 'ca.key', 'etcd-ca.crt', 'etcd-ca.key', 'sa.key', 'sa.pub'];

async function apply<T extends KubeObject>(api: Api, resource: string, object: T): Promise<T> {
  const of = api.resource<T>('v1', resource);
  try {
    return await of.create(object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const { namespace = '', name = '' } = object.metadata;
    const { metadata } = await of.get(namespace, name);
    const { resourceVersion } = metadata;
    return of.update({ ...object, metadata: { ...object.metadata, resourceVersion } } as T);
  }
}

/** `kube-public/cluster-info`: where the cluster is and whom to trust. Anybody may read it; tokens sign it. */
export async function publishClusterInfo(api: Api, endpoint: string, ca: string): Promise<void> {
  const data = Buffer.from(ca).toString('base64');
  const kubeconfig = [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    '- name: ""',
    '  cluster:',
    `    server: https://${endpoint}`,
    `    certificate-authority-data: ${data}`,
    'contexts: []',
    'current-context: ""',
    'users: []',
    '',
  ].join('\n');
  const object: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cluster-info', namespace: 'kube-public' },
    data: { kubeconfig },
  };
  const maps = api.resource<ConfigMap>('v1', 'configmaps');
  try {
    await maps.create(object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const there = await maps.get('kube-public', 'cluster-info');
    // The signatures of tokens lie beside it: without them nobody could join until they are made anew.
    if (there.data?.kubeconfig === kubeconfig) return;
    await maps.update({ ...there, data: { ...there.data, kubeconfig } });
  }
}

const factsMap = (facts: SharedFacts): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: CONFIG_MAP, namespace: SYSTEM },
  data: { cluster: JSON.stringify(facts, null, 2) },
});

export async function readFacts(api: Api): Promise<SharedFacts> {
  const map = await api.resource<ConfigMap>('v1', 'configmaps').get(SYSTEM, CONFIG_MAP);
  return JSON.parse(map.data?.cluster ?? '{}') as SharedFacts;
}

export async function publishFacts(api: Api, host: HostSettings): Promise<void> {
  await apply(api, 'configmaps', factsMap({ cluster: host.cluster, masters: host.masters }));
}

const pickData = ({ data = {} }: ConfigMap): Pick<ConfigMap, 'data'> => ({ data });

/** Hosts come and go at the same time: what collided with somebody else's change is tried again. */
async function untilNoConflict(work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await work();
      return;
    } catch (error) {
      if (!isConflict(error) || tries >= limits.conflictTries) throw error;
    }
  }
}

/** Changes the shared facts, whoever else does at the same time. */
export function changeFacts(api: Api, change: (facts: SharedFacts) => SharedFacts): Promise<void> {
  const maps = api.resource<ConfigMap>('v1', 'configmaps');
  return untilNoConflict(async () => {
    const map = await maps.get(SYSTEM, CONFIG_MAP);
    const facts = JSON.parse(map.data?.cluster ?? '{}') as SharedFacts;
    // The version that was read comes along: somebody else's change in between makes this a conflict.
    await maps.update({ ...map, ...pickData(factsMap(change(facts))) });
  });
}

/** Changes the list of masters in the shared facts. */
export const changeMasters = (
  api: Api,
  change: (masters: readonly MasterAddress[]) => readonly MasterAddress[],
): Promise<void> => changeFacts(api, (facts) => ({ ...facts, masters: change(facts.masters) }));

/**
 * Signs the public facts with a token, as a controller-manager will: one that has just begun to lead does so only after a while,
 * and until then nobody could join with a token that was printed already.
 */
export async function signClusterInfo(api: Api, token: Token): Promise<void> {
  const maps = api.resource<ConfigMap>('v1', 'configmaps');
  await untilNoConflict(async () => {
    const there = await maps.get('kube-public', 'cluster-info');
    const signature = signatureOf(there.data?.kubeconfig ?? '', token);
    if (there.data?.[signatureKey(token)] === signature) return;
    await maps.update({ ...there, data: { ...there.data, [signatureKey(token)]: signature } });
  });
}

/** @returns a token hosts can join with from now on */
export async function createToken(
  api: Api,
  o: { readonly nowMs: number; readonly ttlMs: number; readonly description: string },
): Promise<{ token: Token; secret: Secret }> {
  const token = newToken(randomBytes);
  const expiresAtMs = o.ttlMs > 0 ? o.nowMs + o.ttlMs : undefined;
  const object = tokenSecret(token, { expiresAtMs, description: o.description });
  const secret = await api.resource<Secret>('v1', 'secrets').create(object);
  await signClusterInfo(api, token);
  return { token, secret };
}

export async function listTokens(api: Api): Promise<Secret[]> {
  const options = { fieldSelector: `type=${TOKEN_TYPE}` };
  return (await api.resource<Secret>('v1', 'secrets').list(SYSTEM, options)).items;
}

export async function deleteToken(api: Api, id: string): Promise<boolean> {
  try {
    await api.resource<Secret>('v1', 'secrets').delete(SYSTEM, `bootstrap-token-${id}`);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/**
 * Puts the authorities, sealed with a new key, where a joining master finds them. The Secret belongs to a token of its own that
 * signs and authenticates nothing: when that ends, after two hours, the garbage collector takes the Secret with it.
 * @returns the key, in hexadecimal
 */
export async function uploadAuthorities(api: Api, pki: string, nowMs: number): Promise<string> {
  const key = randomBytes(32);
  const life = newToken(randomBytes);
  const { data, ...rest } = tokenSecret(life, { expiresAtMs: undefined, description: '' });
  const text = (value: string): string => Buffer.from(value).toString('base64');
  const owner = await api.resource<Secret>('v1', 'secrets').create({
    ...rest,
    data: {
      'token-id': data?.['token-id'] ?? '',
      'token-secret': data?.['token-secret'] ?? '',
      description: text('ends the life of the secrets for new masters'),
      expiration: text(rfc3339(nowMs + limits.certificateKeyTtlMs)),
    },
  });
  const sealed = SEALED.map((file): [string, string] => {
    const content = readIfThere(join(pki, file)) ?? '';
    return [file, text(seal(content, key, randomBytes(nonceBytes)))];
  });
  const object: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      name: CERTS_SECRET,
      namespace: SYSTEM,
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'Secret',
          name: owner.metadata.name ?? '',
          uid: owner.metadata.uid ?? '',
        },
      ],
    },
    data: Object.fromEntries(sealed),
  };
  await apply(api, 'secrets', object);
  return key.toString('hex');
}
