/** `extenders` of a configuration: services that are asked along with the plugins. Pure. */
import { nameRules } from '@kubets/api';
import { ConfigError, parseDurationMs } from '@kubets/platform';
import { EXTENDER_TIMEOUT_MS } from '../limits.ts';
import type { Profile } from './profile.ts';
import type { Reader } from './reader.ts';

/** How an extender's certificate is checked, and which one it is shown. */
export interface ExtenderTls {
  readonly insecure: boolean;
  /** The name its certificate must carry, if not the host's; '' for none. */
  readonly serverName: string;
  /** PEM in a file or in the configuration itself, which goes before the file. */
  readonly ca: PemSource;
  readonly cert: PemSource;
  readonly key: PemSource;
}

export interface PemSource {
  readonly file: string;
  readonly data: string;
}

/** A resource whose pods an extender wants to be asked about. */
export interface ManagedResource {
  readonly name: string;
  /** Nobody but the extender counts it. */
  readonly ignoredByScheduler: boolean;
}

export interface ExtenderConfig {
  readonly urlPrefix: string;
  /** Last parts of the paths; '' for what it is not asked. */
  readonly verbs: Readonly<Record<'filter' | 'prioritize' | 'preempt' | 'bind', string>>;
  readonly weight: number;
  readonly timeoutMs: number;
  /** It knows nodes and pods itself: names are enough. */
  readonly nodeCacheCapable: boolean;
  /** Only pods that ask for one of these concern it; none: all do. */
  readonly managedResources: readonly ManagedResource[];
  /** Pods are placed without it when it fails. */
  readonly ignorable: boolean;
  readonly tls: ExtenderTls;
}

/** @throws ConfigError naming the field */
export function extendersOf(root: Reader): ExtenderConfig[] {
  const seen = new Set<string>();
  const extenders = root.list('extenders').map((one) => extenderOf(one, seen));
  const binders = extenders.filter(({ verbs }) => verbs.bind !== '').length;
  if (binders > 1) {
    const why = 'only one extender can implement bind';
    throw new ConfigError(`extenders: found ${binders} extenders implementing bind: ${why}`);
  }
  return extenders;
}

function extenderOf(reader: Reader, seen: Set<string>): ExtenderConfig {
  const text = (name: string): string => reader.text(name) ?? '';
  const urlPrefix = text('urlPrefix').replace(/\/+$/, '');
  if (!/^https?:\/\//.test(urlPrefix) || !URL.canParse(urlPrefix)) {
    throw new ConfigError(`${reader.path}.urlPrefix: expected a URL of http or https`);
  }
  const verbs = {
    filter: text('filterVerb'),
    prioritize: text('prioritizeVerb'),
    preempt: text('preemptVerb'),
    bind: text('bindVerb'),
  };
  const weight = reader.integer('weight', { min: 0 }) ?? 0;
  if (verbs.prioritize !== '' && weight === 0) {
    throw new ConfigError(`${reader.path}.weight: must have a positive weight applied to it`);
  }
  return {
    ...{ urlPrefix, verbs, weight },
    timeoutMs: timeoutOf(reader),
    nodeCacheCapable: reader.boolean('nodeCacheCapable') ?? false,
    managedResources: reader.list('managedResources').map((one) => managedOf(one, seen)),
    ignorable: reader.boolean('ignorable') ?? false,
    tls: tlsOf(reader),
  };
}

function timeoutOf(reader: Reader): number {
  const text = reader.text('httpTimeout');
  if (text === undefined) return EXTENDER_TIMEOUT_MS;
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new ConfigError(`${reader.path}.httpTimeout: expected a duration`);
  return ms === 0 ? EXTENDER_TIMEOUT_MS : ms;
}

function managedOf(reader: Reader, seen: Set<string>): ManagedResource {
  const name = reader.text('name') ?? '';
  const at = `${reader.path}.name`;
  const [problem] = nameRules.qualifiedName(name);
  if (problem !== undefined) throw new ConfigError(`${at}: "${name}": ${problem}`);
  const isNative = !name.includes('/') || /(^|\.)kubernetes\.io\//.test(name);
  if (isNative || name.startsWith('requests.')) {
    throw new ConfigError(`${at}: "${name}" is an invalid extended resource name`);
  }
  if (seen.has(name)) throw new ConfigError(`${at}: duplicate extender managed resource name`);
  seen.add(name);
  return { name, ignoredByScheduler: reader.boolean('ignoredByScheduler') ?? false };
}

function tlsOf(reader: Reader): ExtenderTls {
  const tls = reader.child('tlsConfig');
  const pem = (name: string): PemSource => ({
    file: tls?.text(`${name}File`) ?? '',
    data: Buffer.from(tls?.text(`${name}Data`) ?? '', 'base64').toString('utf8'),
  });
  const ca = pem('ca');
  const hasAuthority = ca.file !== '' || ca.data !== '';
  // Without an authority this old switch asks for encryption and nothing else.
  const onlyEncrypts = reader.boolean('enableHTTPS') === true && !hasAuthority;
  return {
    insecure: onlyEncrypts || (tls?.boolean('insecure') ?? false),
    serverName: tls?.text('serverName') ?? '',
    ...{ ca, cert: pem('cert'), key: pem('key') },
  };
}

/** What extenders count alone is not counted by the profile, whatever it was told to leave out. */
export function leaveToExtenders(profile: Profile, extenders: readonly ExtenderConfig[]): Profile {
  const names = extenders.flatMap(({ managedResources }) =>
    managedResources.filter((one) => one.ignoredByScheduler).map(({ name }) => name),
  );
  if (names.length === 0) return profile;
  const fit = { ...profile.args.fit, ignoredResources: new Set(names) };
  return { ...profile, args: { ...profile.args, fit } };
}
