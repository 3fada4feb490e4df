/** Pages for people who look after a server: `/statusz` and `/flagz` (gates ComponentStatusz, ComponentFlagz). */
import { BUILD, type Clock, camel, type FlagSet } from '@kubets/platform';
import type { PathHandler, PathResponse } from '../ports.ts';

const COMPONENT = 'kube-apiserver';
const WARNING =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';
/** The stock server takes one of these at random, so that nobody parses the pages. */
const DELIMITER = ': ';
const TEXT = { 'content-type': 'text/plain; charset=utf-8' };
const MS_PER_S = 1_000;
const S_PER_MIN = 60;
const S_PER_H = 3_600;

/** Whether somebody takes text: `text/plain` or a wider range, with no parameter but UTF-8. */
function takesText(accept: string): boolean {
  return accept.split(',').some((range) => {
    const [media = '', ...rest] = range.split(';').map((part) => part.trim().toLowerCase());
    if (!/^(?:text|\*)\/(?:plain|\*)$/.test(media)) return false;
    const parameters = rest.filter((one) => one !== '' && !one.startsWith('q='));
    return parameters.every((one) => one === 'charset=utf-8');
  });
}

function page(path: string, body: () => string): PathHandler {
  return {
    name: path.slice(1),
    async handle({ info, headers }): Promise<PathResponse | undefined> {
      if (info.path !== path) return undefined;
      if (takesText(headers.accept ?? '')) return { status: 200, headers: TEXT, body: body() };
      const sniff = { ...TEXT, 'x-content-type-options': 'nosniff' };
      const why = 'media type not acceptable, must be: text/plain\n';
      return { status: 406, headers: sniff, body: why };
    },
  };
}

/** As `date` shows a time: `Tue Dec  1 04:10:00 UTC 2026`. */
function unixDate(ms: number): string {
  const [day = '', dayOfMonth = '', month = '', year = '', time = ''] = new Date(ms)
    .toUTCString()
    .split(/[ ,]+/);
  return `${day} ${month} ${String(Number(dayOfMonth)).padStart(2)} ${time} UTC ${year}`;
}

function upTime(ms: number): string {
  const seconds = Math.floor(ms / MS_PER_S);
  const two = (n: number): string => String(n).padStart(2, '0');
  const minutes = Math.floor(seconds / S_PER_MIN) % S_PER_MIN;
  return `${Math.floor(seconds / S_PER_H)} hr ${two(minutes)} min ${two(seconds % S_PER_MIN)} sec`;
}

export interface StatuszOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** The engine, where the stock server tells of its Go. */
  readonly engine: string;
}

/** `/statusz`: since when the server runs, and what it is. */
export function statuszPath({ clock, engine }: StatuszOptions): PathHandler {
  const startedMs = clock.now();
  const [version = ''] = BUILD.gitVersion.slice(1).split('+');
  return page('/statusz', () => {
    const lines = [
      ['Started', unixDate(startedMs)],
      ['Up', upTime(clock.now() - startedMs)],
      ['Go version', engine],
      ['Binary version', version],
      ['Emulation version', `${BUILD.major}.${BUILD.minor}`],
    ].map((pair) => pair.join(DELIMITER));
    return `\n${COMPONENT} statusz\n${WARNING}\n\n${lines.join('\n')}\n`;
  });
}

/** A length of time as Go shows it: `1m0s`, `1.5s`. */
function durationText(ms: number): string {
  if (ms !== 0 && Math.abs(ms) < MS_PER_S) return `${ms}ms`;
  const minutes = Math.trunc(ms / (S_PER_MIN * MS_PER_S));
  const hours = Math.trunc(minutes / S_PER_MIN);
  const seconds = `${(ms % (S_PER_MIN * MS_PER_S)) / MS_PER_S}s`;
  if (minutes === 0) return seconds;
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % S_PER_MIN}m${seconds}`;
}

function valueText(value: unknown, placeholder: string): string {
  if (Array.isArray(value)) return `[${value.join(',')}]`;
  if (placeholder === 'DURATION' && typeof value === 'number') return durationText(value);
  return value === undefined ? '' : String(value);
}

/** `/flagz`: the flags and what they are set to. */
export function flagzPath(flags: FlagSet, config: Readonly<Record<string, unknown>>): PathHandler {
  const lines = Object.entries(flags)
    .map(([name, { placeholder }]) => [name, valueText(config[camel(name)], placeholder)])
    .sort(([one = ''], [other = '']) => (one < other ? -1 : 1))
    .map((pair) => `${pair.join(DELIMITER)}\n`);
  return page('/flagz', () => `\n${COMPONENT} flags\n${WARNING}\n\n${lines.join('')}`);
}
