/** How commands reach a cluster: etcdctl's flags, and its environment variables. */

import { type ClientTls, ConfigError, loadClientTls, parseDurationMs } from '@kubets/platform';
import { type Command, Option } from 'commander';
import { AdminClient } from '../client/admin-client.ts';
import type { Io } from './io.ts';
import { ownCluster } from './own-cluster.ts';

export interface ConnectFlags {
  /** Absent: this machine's cluster, else a member on this machine. */
  readonly endpoints?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly user?: string;
  readonly password?: string;
  readonly commandTimeout: string;
}

const LOCAL = '127.0.0.1:2379';

/** A member that has not answered by then is not there. */
const ALIVE_MS = 1_500;

/** Adds the flags to a command. */
export function withConnection(command: Command): Command {
  const option = (flags: string, help: string, env: string) => new Option(flags, help).env(env);
  return command
    .addOption(
      option(
        '--endpoints <list>',
        `HOST:PORT,… of the members (default: this machine’s cluster, else ${LOCAL})`,
        'ETCDCTL_ENDPOINTS',
      ),
    )
    .addOption(option('--cacert <file>', 'CA certificate of the members', 'ETCDCTL_CACERT'))
    .addOption(option('--cert <file>', 'certificate shown to the members', 'ETCDCTL_CERT'))
    .addOption(option('--key <file>', 'its key', 'ETCDCTL_KEY'))
    .addOption(option('--user <name>', 'NAME or NAME:PASSWORD', 'ETCDCTL_USER'))
    .addOption(option('--password <text>', 'the password of --user', 'ETCDCTL_PASSWORD'))
    .option('--command-timeout <duration>', 'time for one call', '5s');
}

function tlsOf({ cacert, cert, key }: ConnectFlags): ClientTls | undefined {
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConfigError('--cert and --key go together: give both');
  }
  if (cacert === undefined) {
    if (cert === undefined) return undefined;
    throw new ConfigError('--cert and --key need --cacert, the CA of the members');
  }
  return loadClientTls({
    caFile: cacert,
    ...(cert !== undefined && { certFile: cert }),
    ...(key !== undefined && { keyFile: key }),
  });
}

function endpointsOf({ endpoints: list = LOCAL }: ConnectFlags): string[] {
  const endpoints = list.split(',').map((one) => one.trim());
  return endpoints.filter((one) => one !== '');
}

/** Connections made from one set of flags. */
export interface Connector {
  readonly endpoints: readonly string[];
  /** Nobody named them. */
  readonly isOwn: boolean;
  /** Runs with a client of these endpoints (absent: those of the flags), which is closed afterwards. */
  run<T>(work: (client: AdminClient) => Promise<T>, endpoints?: readonly string[]): Promise<T>;
  /** Whether a member answers soon. */
  isAlive(endpoints: readonly string[]): Promise<boolean>;
}

/** @throws ConfigError when the flags do not fit together */
export function connectorOf(given: ConnectFlags, { clock, dataDirs }: Io): Connector {
  const isNamed = given.endpoints !== undefined || given.cacert !== undefined;
  const own = isNamed ? undefined : ownCluster(dataDirs);
  const flags: ConnectFlags = { ...given, ...own };
  const tls = tlsOf(flags);
  const all = endpointsOf(flags);
  const timeoutMs = parseDurationMs(flags.commandTimeout);
  if (timeoutMs === undefined || timeoutMs === 0) {
    throw new ConfigError(`--command-timeout: "${flags.commandTimeout}" is not such as 5s`);
  }
  const [user, inUser] = (flags.user ?? '').split(/:(.*)/s);
  const password = flags.password ?? inUser;
  if (user && password === undefined) throw new ConfigError('--user needs a password');
  const connector = (callMs: number): Connector => ({
    endpoints: all,
    isOwn: own !== undefined,
    async run(work, endpoints = all) {
      const client = new AdminClient({ endpoints, ...(tls && { tls }), clock, timeoutMs: callMs });
      try {
        if (user) await client.login(user, password ?? '');
        return await work(client);
      } finally {
        client.close();
      }
    },
    async isAlive(endpoints) {
      if (endpoints.length === 0) return false;
      try {
        await connector(Math.min(callMs, ALIVE_MS)).run((client) => client.status(), endpoints);
        return true;
      } catch {
        // Whatever keeps it from answering: nobody should wait for it.
        return false;
      }
    },
  });
  return connector(timeoutMs);
}
