/** Flags of a stock etcd that scripts give and that mean nothing here, so that such scripts start a member unchanged. */

import { type Flag, flag } from '@kubets/platform';

/** Why nothing has to be done, flag by flag. */
const WITHOUT_EFFECT = {
  'auto-tls': 'no certificates are made up: give --cert-file and --key-file for TLS',
  'backend-batch-interval': 'the state is written to disk behind the log',
  'backend-batch-limit': 'the state is written to disk behind the log',
  'enable-grpc-gateway': 'there is no JSON gateway',
  'enable-pprof': 'profile with --cpu-prof of Node.js',
  'enable-v2': 'there is only the API of version 3',
  'experimental-compact-hash-check-enabled': 'kubets etcd check compares members',
  'experimental-corrupt-check-time': 'kubets etcd check compares members',
  'experimental-initial-corrupt-check': 'kubets etcd check compares members',
  'feature-gates': 'there are none',
  'initial-election-tick-advance': 'the first election is not waited for longer than it takes',
  logger: 'see --log-format',
  'log-outputs': 'the log goes to standard error',
  'max-snapshots': 'snapshots go to members as streams, not as files',
  'max-wals': 'a segment of the log goes as soon as it is not needed',
  'peer-auto-tls': 'no certificates are made up: give --peer-cert-file and --peer-key-file for TLS',
  'pre-vote': 'it is always on',
  'strict-reconfig-check': 'it is always on',
} as const;

type Name = keyof typeof WITHOUT_EFFECT;

/** On and off like etcd’s own: they may stand without a value. */
const SWITCHES: ReadonlySet<Name> = new Set<Name>([
  ...(['auto-tls', 'enable-grpc-gateway', 'enable-pprof', 'enable-v2'] as const),
  ...(['experimental-compact-hash-check-enabled', 'peer-auto-tls', 'pre-vote'] as const),
  ...(['experimental-initial-corrupt-check', 'strict-reconfig-check'] as const),
  'initial-election-tick-advance',
]);

function flagFor(name: Name): Flag<unknown> {
  const help = `taken as etcd takes it, without effect: ${WITHOUT_EFFECT[name]}`;
  return SWITCHES.has(name) ? flag.bool({ help }) : flag.string({ help });
}

const names = Object.keys(WITHOUT_EFFECT) as Name[];

export const compatFlags: Readonly<Record<Name, Flag<unknown>>> = Object.fromEntries(
  names.map((name) => [name, flagFor(name)]),
) as Record<Name, Flag<unknown>>;

const camel = (name: string): string =>
  name.replace(/-([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());

/** What was asked for and is not done, for the log: flag and reason. */
export function withoutEffect(config: object): { flag: string; why: string }[] {
  return names
    .filter((name) => {
      const value: unknown = Reflect.get(config, camel(name));
      return value !== undefined && value !== false;
    })
    .map((name) => ({ flag: `--${name}`, why: WITHOUT_EFFECT[name] }));
}
