/** What a process counts of its requests to the apiservers, under the stock names. */
import {
  CounterTable,
  type FamilyRegistry,
  HistogramTable,
  type Spread,
  type Tally,
} from '@kubets/platform';

/** What a request does, as a method of HTTP. */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** All requests of one method to one apiserver. */
interface Route {
  readonly took: Spread;
  readonly codes: Map<number, Tally>;
}

const MS_PER_S = 1_000;
const SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
/** Stands for requests without an answer. */
export const NO_ANSWER = 0;

/** One for all the clients of a process. */
export class ClientFigures {
  readonly #total;
  readonly #took;
  readonly #routes = new Map<string, Map<Method, Route>>();

  constructor(registry: FamilyRegistry) {
    this.#total = new CounterTable({
      ...{ registry, name: 'rest_client_requests_total' },
      help: 'Requests to apiservers, by their answers',
      labels: ['code', 'host', 'method'],
    });
    this.#took = new HistogramTable({
      ...{ registry, name: 'rest_client_request_duration_seconds' },
      help: 'Time until an apiserver has answered',
      labels: ['host', 'verb'],
      bounds: SECONDS,
    });
  }

  /** A request has ended. @param code of the answer; {@link NO_ANSWER}: there was none */
  ended(method: Method, host: string, code: number, tookMs: number): void {
    const { took, codes } = this.#routeOf(host, method);
    took.observe(tookMs / MS_PER_S);
    let tally = codes.get(code);
    if (tally === undefined) {
      tally = this.#total.at(code === NO_ANSWER ? '<error>' : String(code), host, method);
      codes.set(code, tally);
    }
    tally.inc();
  }

  #routeOf(host: string, method: Method): Route {
    const known = this.#routes.get(host)?.get(method);
    if (known !== undefined) return known;
    const made = { took: this.#took.at(host, method), codes: new Map<number, Tally>() };
    const ofHost = this.#routes.get(host) ?? new Map<Method, Route>();
    this.#routes.set(host, ofHost.set(method, made));
    return made;
  }
}
