/** The query of a log request. Pure. */
import { DoorError } from '../errors.ts';

export interface LogOptions {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  /** Undefined: all lines. */
  readonly tailLines: number | undefined;
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
}

const MS_PER_SECOND = 1_000;

const isTrue = (text: string | null): boolean => text === 'true' || text === '1';

function whole(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^\d+$/.test(text)) throw new DoorError(400, `${name}: "${text}" is not a whole number`);
  return Number(text);
}

/** @throws DoorError 400 for what is no number or no time */
export function logOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const sinceSeconds = whole(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const timeMs = sinceTime === null ? undefined : Date.parse(sinceTime);
  if (timeMs !== undefined && Number.isNaN(timeMs)) {
    throw new DoorError(400, `sinceTime: "${sinceTime}" is not a time`);
  }
  return {
    follow: isTrue(query.get('follow')),
    previous: isTrue(query.get('previous')),
    timestamps: isTrue(query.get('timestamps')),
    tailLines: whole(query, 'tailLines'),
    sinceMs: sinceSeconds === undefined ? timeMs : nowMs - sinceSeconds * MS_PER_SECOND,
    limitBytes: whole(query, 'limitBytes'),
  };
}
