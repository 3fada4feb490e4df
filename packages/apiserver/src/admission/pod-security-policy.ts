import { FieldError } from '@kubets/api';
import type { Level, Policy } from './pod-security-checks.ts';

/** What the keys of its labels and annotations start with. */
export const PREFIX = 'pod-security.kubernetes.io/';

const LEVELS: readonly string[] = ['privileged', 'baseline', 'restricted'] satisfies Level[];

/** Which policy holds for what: refused, noted in the audit log, warned of. */
export interface Policies {
  readonly enforce: Policy;
  readonly audit: Policy;
  readonly warn: Policy;
}

/** What a namespace's labels ask for, and what is wrong with them. */
export interface NamespacePolicies extends Policies {
  readonly errors: FieldError[];
}

const NOTHING: Policy = { level: 'privileged', version: 'latest' };

/** What holds where neither a label nor the configuration says anything. */
export const NO_POLICIES: Policies = { enforce: NOTHING, audit: NOTHING, warn: NOTHING };

export type Labels = Readonly<Record<string, string>>;

export const policyText = ({ level, version }: Policy): string => `${level}:${version}`;

/** Whether one level allows less than the other. */
export const stricter = (one: Level, other: Level): boolean =>
  LEVELS.indexOf(one) > LEVELS.indexOf(other);

/** What is wrong with the name of a level; undefined: nothing. */
export const levelFault = (level: string): string | undefined =>
  LEVELS.includes(level) ? undefined : `must be one of ${LEVELS.join(', ')}`;

/** What is wrong with the name of a release; undefined: nothing. */
export const versionFault = (version: string): string | undefined =>
  version === 'latest' || /^v1\.(\d|[1-9]\d*)$/.test(version)
    ? undefined
    : 'must be "latest" or "v1.x"';

/**
 * Reads the labels; what they leave out is the configuration's. An enforced level nobody knows counts as the
 * strictest; one that only speaks (`audit`, `warn`) then says nothing. Without a level of its own, `warn` follows a
 * stricter `enforce` label.
 */
export function policiesOf(
  labels: Labels = {},
  defaults: Policies = NO_POLICIES,
): NamespacePolicies {
  const errors: FieldError[] = [];
  const enforce = readPolicy(labels, 'enforce', { defaults, unknown: 'restricted', errors });
  const audit = readPolicy(labels, 'audit', { defaults, unknown: 'privileged', errors });
  const warn = readPolicy(labels, 'warn', { defaults, unknown: 'privileged', errors });
  const says = (label: string): boolean => labels[PREFIX + label] !== undefined;
  const { level } = enforce.policy;
  const follows = !says('warn') && enforce.ownLevel && stricter(level, warn.policy.level);
  const version = says('warn-version') || !enforce.ownVersion ? warn.policy : enforce.policy;
  return {
    ...{ enforce: enforce.policy, audit: audit.policy, errors },
    warn: follows ? { level, version: version.version } : warn.policy,
  };
}

/** A mode's policy, and whether labels that can be read say it. */
interface ReadPolicy {
  readonly policy: Policy;
  readonly ownLevel: boolean;
  readonly ownVersion: boolean;
}

function readPolicy(
  labels: Labels,
  mode: keyof Policies,
  o: { defaults: Policies; unknown: Level; errors: FieldError[] },
): ReadPolicy {
  const faulty = (label: string, value: string | undefined, fault: string | undefined): boolean => {
    if (fault !== undefined) o.errors.push(bad(label, value, fault));
    return fault !== undefined;
  };
  const level = labels[PREFIX + mode];
  const badLevel = faulty(mode, level, level === undefined ? undefined : levelFault(level));
  const version = labels[`${PREFIX}${mode}-version`];
  const fault = version === undefined ? undefined : versionFault(version);
  const badVersion = faulty(`${mode}-version`, version, fault);
  const otherwise = o.defaults[mode];
  return {
    policy: {
      level: badLevel ? o.unknown : ((level as Level | undefined) ?? otherwise.level),
      version: badVersion ? 'latest' : (version ?? otherwise.version),
    },
    ownLevel: level !== undefined && !badLevel,
    ownVersion: version !== undefined && !badVersion,
  };
}

const bad = (label: string, value: unknown, rule: string): FieldError =>
  new FieldError('Invalid', `metadata.labels[${PREFIX}${label}]`, value, rule);
