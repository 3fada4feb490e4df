/** Replays recorded scenarios against the mini server. */
import { isJsonObject } from '../meta.ts';
import { differences } from './matcher.ts';
import { MiniServer, Unsupported } from './mini-server.ts';

interface Exchange {
  method: string;
  path: string;
  headers?: Record<string, string | null>;
  body?: unknown;
  rawBody?: string;
  token?: string;
  watch?: unknown;
  open?: unknown;
  collect?: unknown;
  expect: {
    status: number;
    headers?: Record<string, unknown>;
    body?: unknown;
    text?: string;
  };
}

export interface Scenario {
  name: string;
  area: string;
  exchanges: Exchange[];
}

export interface Outcome {
  passed: number;
  skipped: number;
  /** `scenario #index METHOD path: difference`. */
  failures: string[];
}

/** Looks up `3.items[0].metadata["a.b"]` among the answers. */
function lookUp(answers: readonly unknown[], path: string): unknown {
  let at: unknown = answers;
  for (const m of path.matchAll(/\["([^"]+)"\]|\[(\d+)\]|([^.[\]]+)/g)) {
    const step = m[1] ?? m[2] ?? m[3] ?? '';
    if (Array.isArray(at)) at = at[Number(step)];
    else at = isJsonObject(at) ? at[step] : undefined;
  }
  return at;
}

function fillText(text: string, ns: string, answers: readonly unknown[]): unknown {
  const whole = /^\$\{(\d[^}]*)\}$/.exec(text);
  if (whole) return lookUp(answers, whole[1] ?? '');
  return text.replace(/\$\{([^}]+)\}/g, (_, ref: string) =>
    ref === 'ns' ? ns : String(lookUp(answers, ref)),
  );
}

function fillIn(value: unknown, ns: string, answers: readonly unknown[]): unknown {
  if (typeof value === 'string') return fillText(value, ns, answers);
  if (Array.isArray(value)) return value.map((v) => fillIn(v, ns, answers));
  if (!isJsonObject(value)) return value;
  const out: Record<string, unknown> = {};
  for (const [k, v] of Object.entries(value)) {
    out[String(fillText(k, ns, answers))] = fillIn(v, ns, answers);
  }
  return out;
}

/** The texts of `299 - "text"` headers. */
function expectedWarnings(e: Exchange): string[] {
  const given = e.expect.headers?.warning;
  const list = Array.isArray(given) ? given : [];
  return list.map((w) => JSON.parse(String(w).slice('299 - '.length)) as string);
}

function isOutside(e: Exchange): boolean {
  if (e.token !== undefined && e.token !== 'admin') return true;
  if (e.expect.text !== undefined) return true;
  return e.watch !== undefined || e.open !== undefined || e.collect !== undefined;
}

/** Runs a scenario until its end, or until an exchange this server can not answer. */
export function replay(scenario: Scenario): Outcome {
  const ns = 'ns1';
  const server = new MiniServer();
  const answers: unknown[] = [];
  const outcome: Outcome = { passed: 0, skipped: 0, failures: [] };
  for (const [i, e] of scenario.exchanges.entries()) {
    try {
      if (isOutside(e)) throw new Unsupported('exchange');
      const path = String(fillText(e.path, ns, answers));
      const answer = server.handle({
        method: e.method,
        path,
        headers: e.headers ?? {},
        ...(e.body === undefined ? {} : { body: fillIn(e.body, ns, answers) }),
        ...(e.rawBody === undefined ? {} : { rawBody: e.rawBody }),
      });
      answers.push(structuredClone(answer.body));
      const expected = fillIn(e.expect.body, ns, answers);
      const found = differences(
        { status: e.expect.status, body: expected, warnings: expectedWarnings(e) },
        {
          status: answer.status,
          body: JSON.parse(JSON.stringify(answer.body)),
          warnings: answer.warnings ?? [],
        },
      );
      if (found.length === 0) outcome.passed += 1;
      else
        outcome.failures.push(
          `${scenario.name} #${i} ${e.method} ${path}: ${found.slice(0, 3).join(' ; ')}`,
        );
    } catch (err) {
      if (!(err instanceof Unsupported)) throw err;
      outcome.skipped += scenario.exchanges.length - i;
      return outcome;
    }
  }
  return outcome;
}
