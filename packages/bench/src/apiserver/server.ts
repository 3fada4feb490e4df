/** The server under test: ours, started for each group of rows, or one that runs already. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchError } from '../errors.ts';
import { ADMIN_TOKEN, ApiProcess, LOAD_TOKEN } from '../runtime/api-process.ts';
import { Cluster } from '../runtime/cluster.ts';
import { accessOf } from '../runtime/kubeconfig.ts';
import { type Access, metricIn, RestClient } from '../runtime/rest.ts';
import type { ApiServerConfig } from './config.ts';
import { NAMESPACE, PODS_PATH } from './objects.ts';

const FORBIDDEN = 403;
const CONFLICT = 409;
const ALLOWED_MS = 10_000;
const ALLOWED_TRY_MS = 10;
const NOT_FOUND = 404;
const TIMED_OUT = 504;
const ACCOUNT = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'bench' } };
const DELETE_NOW = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 };

/** A server that serves, with the namespace and the rights the load needs. */
export interface Server {
  readonly url: string;
  /** What the load sends: a token of a user whose rights come from RBAC. */
  readonly token: string;
  /** A connection of the bench's own. */
  readonly client: RestClient;
  memoryMib(): Promise<number>;
  cpuSeconds(): Promise<number>;
}

/** Runs work on a server that holds no pods of the bench, and leaves none behind. */
export async function withServer<T>(
  config: ApiServerConfig,
  work: (server: Server, own: ApiProcess | undefined) => Promise<T>,
): Promise<T> {
  const given = givenAccess(config);
  if (given !== undefined) {
    const server = await prepared(given);
    try {
      return await work(server, undefined);
    } finally {
      await removePods(server.client);
      server.client.close();
    }
  }
  const store = await Cluster.start('ours');
  const own = await ApiProcess.create(store.endpoints, config.profileDir);
  try {
    await own.start();
    const server = await prepared({ url: own.url, token: ADMIN_TOKEN }, LOAD_TOKEN);
    try {
      return await work(server, own);
    } finally {
      server.client.close();
    }
  } finally {
    await own.dispose();
    await store.stop();
  }
}

function givenAccess({ server, kubeconfig }: ApiServerConfig): Access | undefined {
  return kubeconfig === undefined ? server : accessOf(kubeconfig);
}

/** Makes the namespace, and a user for the load unless its token is known. */
async function prepared(access: Access, loadToken?: string): Promise<Server> {
  const client = new RestClient(access);
  const make = (path: string, object: object): Promise<unknown> =>
    client.json('POST', path, object, [CONFLICT]);
  await make('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  await make('/api/v1/namespaces', { metadata: { name: 'kube-node-lease' } });
  await make(`/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, ACCOUNT);
  await make('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'kubets-bench' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [
      { kind: 'ServiceAccount', name: 'bench', namespace: NAMESPACE },
      { kind: 'Group', name: 'load', apiGroup: 'rbac.authorization.k8s.io' },
    ],
  });
  const token = loadToken ?? (await accountToken(client));
  const loader = new RestClient({ url: access.url, token });
  client.close();
  await whenAllowed(loader);
  await removePods(loader);
  const metric = async (name: string): Promise<number> => {
    const value = metricIn(await loader.text('/metrics'), name);
    if (Number.isNaN(value)) throw new BenchError(`/metrics has no ${name}`);
    return value;
  };
  return {
    ...{ url: access.url, token, client: loader },
    memoryMib: async () => (await metric('process_resident_memory_bytes')) / 2 ** 20,
    cpuSeconds: () => metric('process_cpu_seconds_total'),
  };
}

/** A server takes note of a new binding a moment after it was made. @throws BenchError after ten seconds */
async function whenAllowed(client: RestClient): Promise<void> {
  const untilMs = performance.now() + ALLOWED_MS;
  for (;;) {
    const { status } = await client.ask('GET', `${PODS_PATH}?limit=1`);
    if (status !== FORBIDDEN) return;
    if (performance.now() > untilMs) throw new BenchError('the load has no right to list pods');
    await sleep(ALLOWED_TRY_MS);
  }
}

async function accountToken(client: RestClient): Promise<string> {
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/bench/token`;
  const body = { spec: { expirationSeconds: 7_200 } };
  const made = await client.json<{ status: { token: string } }>('POST', path, body);
  return made.status.token;
}

/** Deletes the bench's pods without grace; resolves when they are gone. */
export async function removePods(client: RestClient): Promise<void> {
  for (;;) {
    // A server that gives up the request after a minute goes on deleting.
    await client.json('DELETE', PODS_PATH, DELETE_NOW, [NOT_FOUND, TIMED_OUT]);
    const left = await client.json<{ items: unknown[] }>('GET', `${PODS_PATH}?limit=1`);
    if (left.items.length === 0) return;
  }
}
