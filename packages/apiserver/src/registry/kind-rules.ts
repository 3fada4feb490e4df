/** Facts of single kinds that decide how the registry writes them; as the stock server has them. */
import type { KindDef } from '@kubets/api';

const id = (def: KindDef): string => `${def.group}/${def.resource}`;

/** Without a propagation policy dependents are kept (older behaviour that clients rely on). */
const ORPHANS_BY_DEFAULT: ReadonlySet<string> = new Set(['/replicationcontrollers', 'batch/jobs']);

export const orphansByDefault = (def: KindDef): boolean => ORPHANS_BY_DEFAULT.has(id(def));

const EVENTS: ReadonlySet<string> = new Set(['/events', 'events.k8s.io/events']);

/** Seconds after which objects of a kind vanish; undefined for nearly all, and for events that are to stay (0). */
export function ttlSecondsOf(def: KindDef, eventTtlSeconds: number): number | undefined {
  return eventTtlSeconds > 0 && EVENTS.has(id(def)) ? eventTtlSeconds : undefined;
}

export const isPod = (def: KindDef): boolean => def.group === '' && def.resource === 'pods';
export const isNamespace = (def: KindDef): boolean =>
  def.group === '' && def.resource === 'namespaces';

export const isCustomDefinition = (def: KindDef): boolean =>
  def.group === 'apiextensions.k8s.io' && def.resource === 'customresourcedefinitions';

/** Subresources whose features are off in this version: as if they did not exist. */
const SWITCHED_OFF: ReadonlySet<string> = new Set(['/pods/resize']);

export const isSwitchedOff = (def: KindDef, subresource: string): boolean =>
  SWITCHED_OFF.has(`${id(def)}/${subresource}`);
