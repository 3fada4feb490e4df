/** Sends the fuzz's requests to a server's HTTPS door and judges the answers. */
import { type ClientHttp2Session, connect } from 'node:http2';
import { yamlLibrary } from '@kubets/platform';
import fc from 'fast-check';
import type { EmbeddedApiServer } from '../embedded/start.ts';
import { type FuzzRequest, fuzzRequest } from './fuzz-requests.ts';

interface FuzzAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

/** What is wrong with an answer; undefined: nothing. */
export function judge(request: FuzzRequest, answer: FuzzAnswer): string | undefined {
  const { status, contentType, text } = answer;
  if (status < 200 || status > 599) return `status ${status}`;
  if (status === 500 && !isUpstreams500(request) && !isUnfit(request, text))
    return `an internal error: ${text.slice(0, 300)}`;
  if (status < 400 || request.method === 'HEAD') return undefined;
  if (contentType.startsWith('text/plain') && status === 404) return undefined;
  return isBareRefusal(request, answer) ? undefined : statusProblem(answer);
}

/** Patches that do not fit the kind's types, told so with code 500 by the stock server as well (decision 64). */
const UNFIT_PATCH = new RegExp(
  [
    'failed to create typed patch object',
    'does not contain declared merge key',
    'list element types are not identical',
    'no elements in any of the given slices',
    'expected a (map|\\[\\]interface)',
    'unknown patch type',
  ].join('|'),
);

/** Options of a delete that are none, and a version that is no number in an object, are told in the same way there. */
const UNFIT_OPTIONS =
  /get version\/kind; json parse|converted to DeleteOptions|json: cannot unmarshal/;
const UNFIT_VERSION = /strconv\.ParseUint: parsing/;

const isUnfit = ({ method }: FuzzRequest, text: string): boolean =>
  (method === 'PATCH' && UNFIT_PATCH.test(text)) ||
  (method === 'DELETE' && UNFIT_OPTIONS.test(text)) ||
  ((method === 'PUT' || method === 'PATCH') && UNFIT_VERSION.test(text));

/**
 * A version that is no number, or none of 64 bits, is told by a Status of code 500: so the stock server does, as the
 * recorded exchanges show.
 */
const isUpstreams500 = ({ path }: FuzzRequest): boolean =>
  /[?&]resourceVersion=(?!\d{1,19}(&|$))[^&]/.test(path);

/** OpenAPI that is not there, or not in that form, has no body in a stock server either. */
const isBareRefusal = ({ path }: FuzzRequest, { status, text }: FuzzAnswer): boolean =>
  path.startsWith('/openapi/v') && (status === 404 || status === 406) && text === '';

function statusProblem({ status, contentType, text }: FuzzAnswer): string | undefined {
  if (contentType.startsWith('application/vnd.kubernetes.protobuf')) {
    const isStatus = text.startsWith('k8s\0') && /Status[\s\S]*Failure/.test(text);
    return isStatus ? undefined : `no Status as protobuf: ${text}`;
  }
  try {
    const isYaml = contentType.startsWith('application/yaml');
    if (!isYaml && !contentType.startsWith('application/json')) return `error as ${contentType}`;
    const body = (isYaml ? yamlLibrary().parse(text) : JSON.parse(text)) as Record<string, unknown>;
    const { kind, apiVersion, status: outcome, code, message } = body;
    const isStatus = kind === 'Status' && apiVersion === 'v1' && outcome === 'Failure';
    if (isStatus && code === status && typeof message === 'string') return undefined;
    return `not a Status of ${status}: ${text.slice(0, 300)}`;
  } catch {
    return `unreadable: ${text.slice(0, 300)}`;
  }
}

/** A client that reconnects when the server gave a connection up. */
export class FuzzClient {
  readonly #api: EmbeddedApiServer;
  #session: ClientHttp2Session | undefined;

  constructor(api: EmbeddedApiServer) {
    this.#api = api;
  }

  send(request: FuzzRequest): Promise<FuzzAnswer> {
    return new Promise((resolve, reject) => {
      const { method, path, headers, body } = request;
      const endStream = body === undefined;
      const authorization = `Bearer ${this.#api.token}`;
      const stream = this.#open().request(
        { authorization, ...headers, ':method': method, ':path': path },
        { endStream },
      );
      let text = '';
      let status = 0;
      let contentType = '';
      const isWatch = /[?&]watch=|\/watch\//.test(path);
      stream.on('response', (answer) => {
        status = answer[':status'] ?? 0;
        contentType = String(answer['content-type'] ?? '');
        // A watch goes on until somebody has enough.
        if (isWatch && status === 200) stream.close();
      });
      stream.on('data', (chunk: Buffer) => {
        if (text.length < 10_000) text += chunk.toString('utf8');
      });
      stream.on('error', (error) => {
        if (status === 0) reject(error);
      });
      stream.on('close', () => {
        if (status === 0) reject(new Error('the server closed without an answer'));
        else resolve({ status, contentType, text });
      });
      if (!endStream) stream.end(body);
    });
  }

  close(): void {
    this.#session?.destroy();
  }

  #open(): ClientHttp2Session {
    if (this.#session !== undefined && !this.#session.closed && !this.#session.destroyed) {
      return this.#session;
    }
    const session = connect(this.#api.url, { ca: this.#api.ca });
    session.setMaxListeners(0);
    session.on('error', () => undefined);
    this.#session = session;
    return session;
  }
}

/** A request that was answered wrongly, and how to send it again. */
export interface FuzzFinding {
  readonly request: FuzzRequest;
  readonly why: string;
}

const BATCH = 500;
const AT_ONCE = 16;

/** Sends so many requests of a seed; tells what was answered wrongly and how often each status came. */
export async function fuzz(
  api: EmbeddedApiServer,
  o: { readonly seed: number; readonly requests: number; onBatch?(sent: number): Promise<void> },
): Promise<{ findings: FuzzFinding[]; statuses: Map<number, number> }> {
  const client = new FuzzClient(api);
  const findings: FuzzFinding[] = [];
  const statuses = new Map<number, number>();
  const one = async (request: FuzzRequest): Promise<void> => {
    const answer = await client.send(request).catch((error: Error) => error);
    const why = answer instanceof Error ? `no answer: ${answer.message}` : judge(request, answer);
    if (why !== undefined) findings.push({ request, why });
    if (!(answer instanceof Error)) {
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    }
  };
  try {
    for (let sent = 0; sent < o.requests; sent += BATCH) {
      const numRuns = Math.min(BATCH, o.requests - sent);
      const requests = fc.sample(fuzzRequest, { numRuns, seed: o.seed + sent }).values();
      const worker = async (): Promise<void> => {
        for (const request of requests) await one(request);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      await o.onBatch?.(sent + numRuns);
    }
  } finally {
    client.close();
  }
  return { findings, statuses };
}
