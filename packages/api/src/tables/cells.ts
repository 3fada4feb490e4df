/** Pieces of table cells that several kinds share. */

import type { ExactInteger } from '../exact-json.ts';
import type { Container, LabelSelector } from '../generated/types.ts';
import { lookup } from '../own.ts';
import { formatLabelSelector, labelSelectorOf } from '../selectors/labels.ts';
import { humanDuration } from '../time.ts';

export const NONE = '<none>';
export const UNKNOWN = '<unknown>';
export const UNSET = '<unset>';

export type Cell = string | ExactInteger | boolean | null;

/** How long ago a time was, as kubectl shows it. */
export function since(time: string | undefined | null, nowMs: number): string {
  if (!time) return UNKNOWN;
  return humanDuration(nowMs - Date.parse(time));
}

/** `a=b,c=d`, sorted by key. */
export function labelsText(labels: Record<string, string> | undefined): string {
  const entries = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? NONE : entries.map(([k, v]) => `${k}=${v}`).join(',');
}

export function selectorText(selector: LabelSelector | undefined): string {
  if (!selector) return NONE;
  try {
    return formatLabelSelector(labelSelectorOf(selector)) || NONE;
  } catch {
    // A stored selector that can not be read is shown as broken, not hidden.
    return '<error>';
  }
}

/** Names and images of containers, each comma-separated. */
export function containerTexts(containers: Container[] | undefined): [string, string] {
  const list = containers ?? [];
  return [list.map((c) => c.name).join(','), list.map((c) => c.image ?? '').join(',')];
}

/** At most `max` of a list, then how many more there are. */
export function firstFew(list: readonly string[], max: number): string {
  const shown = list.slice(0, max).join(',');
  return list.length > max ? `${shown} + ${list.length - max} more...` : shown;
}

const SHORT_MODES: Readonly<Record<string, string>> = lookup({
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
});

/** `RWO,ROX`: each mode once. */
export function accessModes(modes: string[] | undefined): string {
  const order = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'];
  const given = order.filter((m) => modes?.includes(m));
  return given.map((m) => SHORT_MODES[m]).join(',');
}

/** `host:port`, with brackets around IPv6. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
