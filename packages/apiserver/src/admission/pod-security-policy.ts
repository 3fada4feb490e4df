import { FieldError } from '@kubets/api';
import type { Level } from './pod-security-checks.ts';

/** What the keys of its labels and annotations start with. */
export const PREFIX = 'pod-security.kubernetes.io/';

const LEVELS: readonly string[] = ['privileged', 'baseline', 'restricted'] satisfies Level[];

/** A level, and of which release. */
export interface Policy {
  readonly level: Level;
  readonly version: string;
}

/** What a namespace's labels ask for, and what is wrong with them. */
export interface NamespacePolicies {
  readonly enforce: Policy;
  readonly audit: Policy;
  readonly warn: Policy;
  readonly errors: FieldError[];
}

export type Labels = Readonly<Record<string, string>>;

export const policyText = ({ level, version }: Policy): string => `${level}:${version}`;

/** Whether one level allows less than the other. */
export const stricter = (one: Level, other: Level): boolean =>
  LEVELS.indexOf(one) > LEVELS.indexOf(other);

/**
 * Reads the labels. An enforced level nobody knows counts as the strictest; one that only speaks (`audit`,
 * `warn`) then says nothing. Without a level of its own, `warn` follows a stricter `enforce`.
 */
export function policiesOf(labels: Labels = {}): NamespacePolicies {
  const errors: FieldError[] = [];
  const enforce = policyOf(labels, 'enforce', { otherwise: 'restricted', errors });
  const audit = policyOf(labels, 'audit', { otherwise: 'privileged', errors });
  const warn = policyOf(labels, 'warn', { otherwise: 'privileged', errors });
  const follows = labels[`${PREFIX}warn`] === undefined && stricter(enforce.level, warn.level);
  return { enforce, audit, warn: follows ? followed(labels, enforce, warn) : warn, errors };
}

function followed(labels: Labels, enforce: Policy, warn: Policy): Policy {
  const own = labels[`${PREFIX}warn-version`] !== undefined;
  return own ? { level: enforce.level, version: warn.version } : enforce;
}

function policyOf(
  labels: Labels,
  mode: string,
  o: { otherwise: Level; errors: FieldError[] },
): Policy {
  const level = labels[PREFIX + mode];
  const version = labels[`${PREFIX}${mode}-version`] ?? 'latest';
  const known = level === undefined || LEVELS.includes(level);
  if (!known) o.errors.push(bad(mode, level, `must be one of ${LEVELS.join(', ')}`));
  const readable = version === 'latest' || /^v1\.(\d|[1-9]\d*)$/.test(version);
  if (!readable) o.errors.push(bad(`${mode}-version`, version, 'must be "latest" or "v1.x"'));
  return {
    level: known ? ((level ?? 'privileged') as Level) : o.otherwise,
    version: readable ? version : 'latest',
  };
}

const bad = (label: string, value: string, rule: string): FieldError =>
  new FieldError('Invalid', `metadata.labels[${PREFIX}${label}]`, value, rule);
