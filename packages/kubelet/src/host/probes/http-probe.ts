/** HTTP probes: what they ask, where redirects lead them, and what counts as well. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HTTPGetAction } from '@kubets/api';
import { networkText } from '@kubets/platform';
import { MAX_PROBE_REDIRECTS, PROBE_BODY_BYTES } from '../../limits.ts';
import type { ProbeResult, ProbeTarget } from '../../ports.ts';
import { failed, OK, PROBE_AGENT } from './results.ts';
import { pathOf, portOf } from './target.ts';

const HTTP_PORT = 80;
const HTTPS_PORT = 443;
const HTTP_OK = 200;
const HTTP_ELSEWHERE = 300;
const HTTP_BAD = 400;
/** Answers whose `location` is followed. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

/**
 * Asks; redirects are followed as long as they stay on the host that was asked. One that leads elsewhere is the pod's last
 * word, which is well, and worth a warning.
 * @throws PortError
 */
export async function httpProbe(
  action: HTTPGetAction,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> {
  const host = action.host || target.podIp;
  const port = portOf(action.port, target.container);
  const path = pathOf(action);
  const scheme = action.scheme === 'HTTPS' ? 'https' : 'http';
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const first = `${scheme}://${bracketed}:${port}${path}`;
  const signal = AbortSignal.timeout(timeoutMs);
  let url = first;
  for (let hops = 0; hops < MAX_PROBE_REDIRECTS; hops += 1) {
    const answer = await ask(url, headersOf(action, hops > 0), signal).catch(
      (error: Error) => new Error(`Get "${url}": ${reasonOf(error, url)}`),
    );
    if (answer instanceof Error) return failed(answer.message);
    const next = followed(answer, url, first);
    if (next === undefined) return judged(answer);
    url = next;
  }
  return failed(`Get "${url}": stopped after ${MAX_PROBE_REDIRECTS} redirects`);
}

/** Where an answer leads on the same host; undefined where it does not, or leads nowhere. */
function followed({ status, location }: Answer, from: string, first: string): string | undefined {
  if (location === undefined || !REDIRECTS.has(status) || !URL.canParse(location, from)) {
    return undefined;
  }
  const next = new URL(location, from);
  return next.hostname === new URL(first).hostname ? next.href : undefined;
}

function judged({ status, body }: Answer): ProbeResult {
  if (status < HTTP_OK || status >= HTTP_BAD) {
    return failed(`HTTP probe failed with statuscode: ${status}`);
  }
  if (status < HTTP_ELSEWHERE) return OK;
  return { ...OK, warning: `Probe terminated redirects, Response body: ${body}` };
}

function headersOf(action: HTTPGetAction, isRedirected: boolean): Record<string, string> {
  const given = (action.httpHeaders ?? []).map(({ name, value }) => [name, value] as const);
  // The name of the host that was asked for first is not that of where it leads.
  const kept = given.filter(([name]) => !isRedirected || name.toLowerCase() !== 'host');
  return { 'User-Agent': PROBE_AGENT, Accept: '*/*', ...Object.fromEntries(kept) };
}

function ask(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, {
      headers,
      agent: false, // A new connection each time: keep-alive would hide a server that stopped accepting.
      signal,
      rejectUnauthorized: false, // Pods carry no certificate a node could check.
    });
    request.on('response', (answer) => {
      const { statusCode: status = 0 } = answer;
      const { location } = answer.headers;
      void bodyOf(answer).then((body) => resolve({ status, location, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

function reasonOf(error: Error, url: string): string {
  const isLate = error.name === 'AbortError' || error.name === 'TimeoutError';
  if (!isLate) {
    const { hostname, port, protocol } = new URL(url);
    const asked = Number(port || (protocol === 'https:' ? HTTPS_PORT : HTTP_PORT));
    return networkText(error, hostname.replace(/^\[|\]$/g, ''), asked);
  }
  return 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
}

function bodyOf(answer: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    answer.on('data', (chunk: Buffer) => {
      if (size < PROBE_BODY_BYTES) chunks.push(chunk);
      size += chunk.length;
    });
    answer.on('close', () => {
      resolve(Buffer.concat(chunks).toString('utf8', 0, PROBE_BODY_BYTES));
    });
  });
}
