import { createServer, type Server, type ServerResponse } from 'node:http';
import { ConfigError, errorMessage } from './errors.ts';
import type { Metrics } from './metrics.ts';

export type HealthCheck = () => void | Promise<void>;

interface Named {
  readonly name: string;
  readonly check: HealthCheck;
  readonly liveness: boolean;
}

/** What a process knows of its own health. `/livez` runs the liveness checks, `/readyz` and `/healthz` run all. */
export class Health {
  readonly #checks: Named[] = [];
  #notReady: string | undefined = 'starting';

  addCheck(name: string, check: HealthCheck, options: { liveness?: boolean } = {}): void {
    this.#checks.push({ name, check, liveness: options.liveness ?? false });
  }

  setReady(ready: boolean, why = 'not ready'): void {
    this.#notReady = ready ? undefined : why;
  }

  /** One line a check, as the stock components print them with `?verbose`. */
  async report(onlyLiveness: boolean): Promise<{ ok: boolean; lines: string[] }> {
    const lines: string[] = [];
    let ok = true;
    const note = (name: string, problem: string | undefined): void => {
      ok = ok && problem === undefined;
      lines.push(problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`);
    };
    note('ping', undefined);
    if (!onlyLiveness) note('startup', this.#notReady);
    for (const one of this.#checks.filter((each) => !onlyLiveness || each.liveness)) {
      try {
        await one.check();
        note(one.name, undefined);
      } catch (error) {
        note(one.name, errorMessage(error));
      }
    }
    return { ok, lines };
  }
}

function answer(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' });
  response.end(text);
}

async function handle(path: string, health: Health, metrics: Metrics, out: ServerResponse) {
  const [name, query = ''] = path.split('?', 2);
  if (name === '/metrics') {
    answer(out, 200, metrics.contentType, await metrics.metrics());
    return;
  }
  if (name !== '/healthz' && name !== '/livez' && name !== '/readyz') {
    answer(out, 404, 'text/plain; charset=utf-8', 'not found\n');
    return;
  }
  const { ok, lines } = await health.report(name === '/livez');
  const verbose = !ok || query.includes('verbose');
  const text = verbose
    ? `${lines.join('\n')}\n${name.slice(1)} check ${ok ? 'passed' : 'failed'}\n`
    : 'ok';
  answer(out, ok ? 200 : 503, 'text/plain; charset=utf-8', text);
}

/**
 * Serves `/healthz /livez /readyz /metrics` over plain HTTP.
 * @param address `host:port`; meant for loopback
 */
export function serveHealth(address: string, health: Health, metrics: Metrics): Promise<Server> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon);
  const port = Number(address.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port)) {
    return Promise.reject(new ConfigError(`--health-address: "${address}" is not HOST:PORT`));
  }
  const server = createServer((request, response) => {
    handle(request.url ?? '/', health, metrics, response).catch((error: unknown) => {
      answer(response, 500, 'text/plain; charset=utf-8', `${errorMessage(error)}\n`);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new ConfigError(`cannot listen on ${address} for health: ${errorMessage(error)}`));
    });
    server.listen(port, host, () => resolve(server));
  });
}
