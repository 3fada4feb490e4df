/**
 * KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1), the stock scheduler's file: profiles with their plugins, and the
 * few numbers of the process. Pure.
 */
import { ConfigError, parseDurationMs } from '@kubets/platform';
import { POD_BACKOFF_MS } from '../limits.ts';
import { argsOf } from './args.ts';
import { type ExtenderConfig, extendersOf, leaveToExtenders } from './extenders.ts';
import { INDISPENSABLE, PLUGINS, POINT_NAMES } from './plugins.ts';
import { DEFAULT_ARGS, DEFAULT_PROFILE, type Profile, weightOf } from './profile.ts';
import { Reader } from './reader.ts';

const GROUP = 'kubescheduler.config.k8s.io';
const KIND = 'KubeSchedulerConfiguration';
/** What a file may say, of the process and of a profile: a name that is none of these is a slip of the pen. */
const FIELDS = [
  ...['apiVersion', 'kind', 'parallelism', 'leaderElection', 'clientConnection', 'profiles'],
  ...['enableProfiling', 'enableContentionProfiling', 'percentageOfNodesToScore', 'extenders'],
  ...['podInitialBackoffSeconds', 'podMaxBackoffSeconds', 'delayCacheUntilActive'],
];
const PROFILE_FIELDS = ['schedulerName', 'percentageOfNodesToScore', 'plugins', 'pluginConfig'];
const ELECTION_FIELDS = [
  ...['leaderElect', 'leaseDuration', 'renewDeadline', 'retryPeriod', 'resourceLock'],
  ...['resourceName', 'resourceNamespace'],
];
const CLIENT_FIELDS = ['kubeconfig', 'acceptContentTypes', 'contentType', 'qps', 'burst'];

/** What a file says. */
export interface SchedulerConfiguration {
  readonly profiles: readonly Profile[];
  readonly extenders: readonly ExtenderConfig[];
  readonly backoff: { readonly initial: number; readonly max: number };
  readonly volumeWaitMs: number | undefined;
  /** Values for flags of the process, by their names. */
  readonly flags: ReadonlyMap<string, string | boolean>;
}

/** Whether a file's content is of this kind, in whatever version. */
export function isConfiguration(content: object): boolean {
  const { kind, apiVersion } = content as { kind?: unknown; apiVersion?: unknown };
  return kind === KIND || String(apiVersion ?? '').startsWith(`${GROUP}/`);
}

/** @throws ConfigError naming the field */
export function readConfiguration(content: object): SchedulerConfiguration {
  const root = new Reader(content, '');
  const version = root.text('apiVersion') ?? '';
  if (version !== `${GROUP}/v1`) {
    throw new ConfigError(`apiVersion: "${version}" is not ${GROUP}/v1`);
  }
  if (root.text('kind') !== KIND) throw new ConfigError(`kind: expected ${KIND}`);
  root.only(FIELDS);
  root.child('clientConnection')?.only(CLIENT_FIELDS);
  root.integer('parallelism', { min: 1 });
  const extenders = extendersOf(root);
  const percentage = root.integer('percentageOfNodesToScore', { min: 0, max: 100 });
  const profiles = root.list('profiles').map((one) => profileOf(one, percentage ?? 0));
  const names = profiles.map(({ profile }) => profile.name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new ConfigError(`profiles: "${twice}" is there twice`);
  const [first] = profiles;
  const all = first
    ? profiles.map(({ profile }) => profile)
    : [{ ...DEFAULT_PROFILE, percentageOfNodes: percentage ?? 0 }];
  return {
    profiles: all.map((profile) => leaveToExtenders(profile, extenders)),
    extenders,
    backoff: backoffOf(root),
    volumeWaitMs: first?.volumeWaitMs,
    flags: flagsOf(root),
  };
}

const MS = 1_000;

function backoffOf(root: Reader): SchedulerConfiguration['backoff'] {
  const initial = root.integer('podInitialBackoffSeconds', { min: 1 });
  const max = root.integer('podMaxBackoffSeconds', { min: 1 });
  const backoff = {
    initial: initial === undefined ? POD_BACKOFF_MS.initial : initial * MS,
    max: max === undefined ? POD_BACKOFF_MS.max : max * MS,
  };
  if (backoff.max < backoff.initial) {
    const why = 'must be greater than or equal to podInitialBackoffSeconds';
    throw new ConfigError(`podMaxBackoffSeconds: ${why}`);
  }
  return backoff;
}

function flagsOf(root: Reader): Map<string, string | boolean> {
  const flags = new Map<string, string | boolean>();
  const election = root.child('leaderElection');
  election?.only(ELECTION_FIELDS);
  if (election) checkElection(election);
  const elects = election?.boolean('leaderElect');
  if (elects !== undefined) flags.set('leader-elect', elects);
  for (const [field, name] of [
    ['leaseDuration', 'leader-elect-lease-duration'],
    ['renewDeadline', 'leader-elect-renew-deadline'],
    ['retryPeriod', 'leader-elect-retry-period'],
    ['resourceName', 'leader-elect-resource-name'],
    ['resourceNamespace', 'leader-elect-resource-namespace'],
  ] as const) {
    const value = election?.text(field);
    if (value !== undefined) flags.set(name, value);
  }
  return flags;
}

/** @throws ConfigError for times with which nobody could stay leader */
function checkElection(election: Reader): void {
  if (election.boolean('leaderElect') === false) return;
  const timeOf = (name: string, usual: string): number => {
    const text = election.text(name) ?? usual;
    const ms = parseDurationMs(text);
    if (ms !== undefined && ms > 0) return ms;
    throw new ConfigError(`leaderElection.${name}: "${text}" must be greater than zero`);
  };
  const lease = timeOf('leaseDuration', '15s');
  const renew = timeOf('renewDeadline', '10s');
  const retry = timeOf('retryPeriod', '2s');
  if (lease <= renew) {
    throw new ConfigError('leaderElection.leaseDuration: must be greater than renewDeadline');
  }
  if (renew <= retry) {
    throw new ConfigError('leaderElection.renewDeadline: must be greater than retryPeriod');
  }
  const lock = election.text('resourceLock') ?? 'leases';
  if (lock !== 'leases') throw new ConfigError('leaderElection.resourceLock: must be "leases"');
}

interface Read {
  readonly profile: Profile;
  readonly volumeWaitMs: number | undefined;
}

function profileOf(reader: Reader, percentage: number): Read {
  const name = reader.text('schedulerName') || DEFAULT_PROFILE.name;
  const own = reader.integer('percentageOfNodesToScore', { min: 0, max: 100 });
  reader.only(PROFILE_FIELDS);
  const plugins = reader.child('plugins');
  plugins?.only(POINT_NAMES);
  const { args, volumeWaitMs } = argsOf(reader.list('pluginConfig'), DEFAULT_ARGS);
  const filters = new Set(merged(plugins, 'filter').keys());
  const scores = merged(plugins, 'score');
  const preempts = merged(plugins, 'postFilter').has('DefaultPreemption');
  for (const point of ['queueSort', 'bind'] as const) refuseIndispensable(plugins, point);
  return {
    profile: { name, filters, scores, preempts, percentageOfNodes: own ?? percentage, args },
    volumeWaitMs,
  };
}

interface Said {
  readonly enabled: readonly { readonly name: string; readonly weight: number }[];
  readonly disabled: ReadonlySet<string>;
}

const KNOWN: ReadonlySet<string> = new Set(PLUGINS.map(({ name }) => name));

function saidAt(plugins: Reader | undefined, point: string): Said {
  const set = plugins?.child(point);
  set?.only(['enabled', 'disabled']);
  const nameOf = (one: Reader): string => {
    const name = one.text('name') ?? '';
    if (KNOWN.has(name) || (name === '*' && one.path.includes('.disabled'))) return name;
    throw new ConfigError(`${one.path}.name: plugin "${name}" does not exist`);
  };
  const enabled = (set?.list('enabled') ?? []).map((one) => ({
    name: nameOf(one),
    weight: one.integer('weight', { min: 0, max: 100 }) ?? 0,
  }));
  const disabled = new Set((set?.list('disabled') ?? []).map(nameOf));
  return { enabled, disabled };
}

/**
 * The plugins at a point, with their weights: what is said of the point goes before what is said of all points, and both before
 * what is so by default.
 */
function merged(plugins: Reader | undefined, point: 'filter' | 'score' | 'postFilter') {
  const here = saidAt(plugins, point);
  const everywhere = saidAt(plugins, 'multiPoint');
  const isOff = ({ disabled }: Said, name: string): boolean =>
    disabled.has(name) || disabled.has('*');
  const found = new Map<string, number>();
  for (const { name, points } of PLUGINS) {
    if (!points.includes(point)) continue;
    const own = here.enabled.find((one) => one.name === name);
    const common = everywhere.enabled.find((one) => one.name === name);
    const byDefault = !isOff(everywhere, name);
    const isOn = own !== undefined || (!isOff(here, name) && (common !== undefined || byDefault));
    if (!isOn) continue;
    const said = own ?? common;
    found.set(name, said === undefined ? weightOf(name) : said.weight || 1);
  }
  for (const { name } of here.enabled) {
    if (found.has(name)) continue;
    throw new ConfigError(`plugins.${point}.enabled: plugin "${name}" has nothing to say there`);
  }
  return found;
}

/** Nobody else sorts the queue or binds pods. */
function refuseIndispensable(plugins: Reader | undefined, point: 'queueSort' | 'bind'): void {
  const { enabled } = saidAt(plugins, point);
  for (const where of [point, 'multiPoint']) {
    const { disabled, enabled: common } = saidAt(plugins, where);
    for (const name of INDISPENSABLE) {
      const isBack = [...enabled, ...common].some((one) => one.name === name);
      if (!disabled.has(name) || isBack) continue;
      throw new ConfigError(`plugins.${where}.disabled: "${name}" cannot be done without`);
    }
  }
}
