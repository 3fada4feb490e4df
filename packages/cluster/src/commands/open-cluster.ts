/** From a data directory and wishes to settings that hold: the part of `up` before anything runs. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@kubets/platform';
import { StartError } from '../errors.ts';
import { makePrivateDir, readIfThere, writeAtomic } from '../files.ts';
import {
  freePorts,
  hostAddress,
  installPackages,
  isPortFree,
  machineFacts,
} from '../install/machine.ts';
import { chooseRuntime } from '../install/runtime-choice.ts';
import { limits } from '../limits.ts';
import { type ClusterPaths, clusterPaths } from '../paths.ts';
import { ensurePki } from '../pki/ensure.ts';
import { kubeconfigText } from '../pki/kubeconfig.ts';
import { wantedLeaves } from '../pki/layout.ts';
import {
  defaults,
  masterNumbers,
  mergeWishes,
  nodeNames,
  parseSettings,
  portUses,
  type Runtime,
  type Settings,
  type Wishes,
} from '../plan/settings.ts';

export interface OpenOptions {
  readonly dataDir: string;
  readonly wishes: Wishes;
  readonly mayInstall: boolean;
  readonly nowMs: number;
  /** Progress for the user, a line each. */
  readonly say: (line: string) => void;
}

export interface OpenedCluster {
  readonly settings: Settings;
  readonly paths: ClusterPaths;
}

/** Where containers will run; installs what is missing if that is allowed. @throws ConfigError or StartError */
export async function settleRuntime(
  wish: Runtime | 'auto',
  options: Pick<OpenOptions, 'say' | 'mayInstall'>,
): Promise<Runtime> {
  const { say, mayInstall } = options;
  let choice = chooseRuntime(wish, machineFacts(), mayInstall);
  if (choice.action === 'install') {
    say(
      `real containers need ${choice.packages.join(', ')}: installing (--no-install prevents it)`,
    );
    await installPackages(choice.packages, say);
    choice = chooseRuntime(wish, machineFacts(), false);
  }
  if (choice.action === 'refuse') throw new ConfigError(choice.why);
  if (choice.action === 'install')
    throw new StartError('installing did not bring what was missing');
  if (choice.banner !== undefined) say(choice.banner);
  return choice.runtime;
}

async function newSettings(options: OpenOptions): Promise<Settings> {
  const { wishes } = options;
  const nodes = wishes.nodes ?? defaults.nodes;
  // Without nodes of its own a cluster has no use for containerd, whatever the machine offers.
  const runtime =
    nodes === 0 ? 'simulated' : await settleRuntime(wishes.runtime ?? 'auto', options);
  return {
    version: 1,
    masters: wishes.masters ?? defaults.masters,
    nodes,
    hollowNodes: wishes.hollowNodes ?? defaults.hollowNodes,
    runtime,
    port: wishes.port ?? defaults.port,
    hostIp: await hostAddress(),
    token: `kubets-${randomBytes(8).toString('hex')}`,
    ports: {},
    ...(wishes.expectedNodes === undefined ? {} : { expectedNodes: wishes.expectedNodes }),
    ...(wishes.loadBalancerRanges === undefined
      ? {}
      : { loadBalancerRanges: wishes.loadBalancerRanges }),
  };
}

/** Members of the store know each other by their ports, so these cannot change. */
const isFixedPort = (use: string): boolean => use.startsWith('etcd-') && !use.endsWith('.health');

/** Uses whose port somebody else has taken since the last start. */
async function takenUses(settings: Settings): Promise<string[]> {
  const taken: string[] = [];
  for (const use of portUses(settings)) {
    const port = settings.ports[use];
    if (port === undefined || (await isPortFree(port))) continue;
    if (isFixedPort(use)) {
      throw new ConfigError(
        `port ${port}, which ${use.split('.')[0]} needs, is taken by another process; end that one ("ss -ltnp" names it) and start again`,
      );
    }
    taken.push(use);
  }
  return taken;
}

/** Keeps the ports there are, and finds others for new uses and where somebody else sits by now. */
async function withPorts(settings: Settings): Promise<Settings> {
  const missing = portUses(settings).filter((use) => settings.ports[use] === undefined);
  missing.push(...(await takenUses(settings)));
  if (missing.length === 0) return settings;
  const found = await freePorts(missing.length);
  const added = Object.fromEntries(missing.map((use, i) => [use, found[i] ?? 0]));
  return { ...settings, ports: { ...settings.ports, ...added } };
}

function writeClientFiles(paths: ClusterPaths, settings: Settings): void {
  const read = (file: string): string => readIfThere(join(paths.pki, file)) ?? '';
  const identity = { cert: read('admin.crt'), key: read('admin.key'), ca: read('ca.crt') };
  const server = `https://127.0.0.1:${settings.port}`;
  writeAtomic(paths.kubeconfig, kubeconfigText({ server, ...identity }));
  const endpoints = masterNumbers(settings).map(
    (n) => `https://127.0.0.1:${settings.ports[`etcd-${n}.client`]}`,
  );
  const lines = [
    'export ETCDCTL_API=3',
    `export ETCDCTL_ENDPOINTS=${endpoints.join(',')}`,
    `export ETCDCTL_CACERT='${join(paths.pki, 'etcd-ca.crt')}'`,
    `export ETCDCTL_CERT='${join(paths.pki, 'etcdctl.crt')}'`,
    `export ETCDCTL_KEY='${join(paths.pki, 'etcdctl.key')}'`,
  ];
  writeAtomic(paths.etcdctlEnv, `${lines.join('\n')}\n`);
}

/** The cluster's settings if the directory holds one. */
export function savedSettings(paths: ClusterPaths): Settings | undefined {
  const text = readIfThere(paths.state);
  return text === undefined ? undefined : parseSettings(text, paths.state);
}

/** Settings, ports, certificates and client files, made or found. Nothing runs yet. */
export async function openCluster(options: OpenOptions): Promise<OpenedCluster> {
  const paths = clusterPaths(options.dataDir);
  const saved = savedSettings(paths);
  const wanted =
    saved === undefined
      ? await newSettings(options)
      : mergeWishes({ ...saved, hostIp: await hostAddress() }, options.wishes, paths.dataDir);
  const settings = await withPorts(wanted);
  makePrivateDir(paths.logs);
  const leaves = wantedLeaves({
    masters: settings.masters,
    nodeNames: nodeNames(settings),
    hollowNodes: settings.hollowNodes > 0,
    hostIp: settings.hostIp,
    hostName: hostname(),
    apiServiceIp: defaults.apiServiceIp,
    clusterDomain: defaults.clusterDomain,
    days: limits.certificateDays,
  });
  const made = await ensurePki(paths.pki, leaves, options.nowMs);
  if (saved !== undefined && made.length > 0)
    options.say(`renewed certificates: ${made.join(', ')}`);
  writeAtomic(paths.state, `${JSON.stringify(settings, null, 2)}\n`);
  writeClientFiles(paths, settings);
  return { settings, paths };
}
