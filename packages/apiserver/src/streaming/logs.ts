import type { IncomingMessage } from 'node:http';
import { badRequest, FieldError, goQuote, invalid, parseTime } from '@kubets/api';
import type { AnyResponse, StreamHandler, StreamRequest } from '../ports.ts';
import { refusal } from './kubelet-client.ts';
import { sendLogMessages } from './log-socket.ts';
import { relayBody } from './relay.ts';
import { chooseContainer, findPod, isSet, kubeletOfPod, type StreamingDeps } from './target.ts';

const FLAGS = ['follow', 'previous', 'timestamps'];

/** `pods/NAME/log`: the kubelet's container log, streamed. */
export function podLogs(deps: StreamingDeps): StreamHandler {
  return {
    group: '',
    resource: 'pods',
    subresource: 'log',
    handle: (stream, response) => sendLog(stream, response, deps),
    upgrade: (stream, socket, head) =>
      sendLogMessages({ stream, socket, head }, (signal) => openLog(stream, signal, deps)),
  };
}

async function sendLog(
  stream: StreamRequest,
  response: AnyResponse,
  deps: StreamingDeps,
): Promise<void> {
  const gone = goneSignal(response, stream.signal);
  const answer = await openLog(stream, gone, deps);
  if (answer === undefined) {
    response.statusCode = 204;
    response.end();
    return;
  }
  response.statusCode = 200;
  response.setHeader('content-type', answer.headers['content-type'] ?? 'text/plain');
  response.setHeader('cache-control', 'no-cache, private');
  await relayBody(answer, response, gone);
}

/**
 * The kubelet's answer; `undefined`: nothing has run yet, so there is nothing to send, which is no error.
 * @throws ApiError what the kubelet, or we, refuse
 */
async function openLog(
  stream: StreamRequest,
  signal: AbortSignal,
  o: StreamingDeps,
): Promise<IncomingMessage | undefined> {
  const { info, query } = stream;
  const options = logQuery(query, info.name);
  const pod = await findPod(o.store, info.namespace, info.name);
  const container = chooseContainer(pod, query.get('container') ?? '');
  if (!pod.spec?.nodeName) return undefined;
  const address = await kubeletOfPod(o, pod);
  const where = [info.namespace, info.name, container].map(encodeURIComponent).join('/');
  const path = `/containerLogs/${where}${options === '' ? '' : `?${options}`}`;
  const answer = await o.client.request({
    ...address,
    scheme: 'https',
    method: 'GET',
    path,
    headers: {},
    signal,
  });
  if (answer.statusCode !== 200) throw await refusal(answer, { resource: 'pods', name: info.name });
  return answer;
}

/** Aborts when the client goes away or the server drains. */
function goneSignal(response: AnyResponse, signal: AbortSignal): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return AbortSignal.any([gone.signal, signal]);
}

/**
 * The kubelet's query for the client's options.
 * @param name the pod's
 * @throws ApiError 400 for what cannot be read, 422 for what makes no sense
 */
export function logQuery(query: URLSearchParams, name = ''): string {
  const out = new URLSearchParams();
  for (const flag of FLAGS) if (isSet(query, flag)) out.set(flag, 'true');
  const sinceSeconds = integer(query, 'sinceSeconds');
  const sinceTime = time(query, 'sinceTime');
  const numbers = {
    tailLines: integer(query, 'tailLines'),
    limitBytes: integer(query, 'limitBytes'),
  };
  const errors = [
    ...atLeast('tailLines', numbers.tailLines, 0),
    ...atLeast('limitBytes', numbers.limitBytes, 1),
    ...complaintsOfSince(sinceSeconds, sinceTime),
  ];
  if (query.has('stream')) errors.push(forbidden('stream', 'may not be specified'));
  if (errors.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, name, errors);
  for (const [field, value] of Object.entries({ ...numbers, sinceSeconds, sinceTime })) {
    if (value !== undefined) out.set(field, String(value));
  }
  return out.toString();
}

function complaintsOfSince(seconds: number | undefined, time: string | undefined): FieldError[] {
  if (seconds === undefined || time === undefined) return atLeast('sinceSeconds', seconds, 1);
  // The stock server gives the options as a whole a path without a name, and prints it so.
  return [forbidden('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified')];
}

const forbidden = (field: string, why: string): FieldError =>
  new FieldError('Forbidden', field, '', why);

function atLeast(field: string, value: number | undefined, least: 0 | 1): FieldError[] {
  if (value === undefined || value >= least) return [];
  const why = least === 0 ? 'must be greater than or equal to 0' : 'must be greater than 0';
  return [new FieldError('Invalid', field, value, why)];
}

function integer(query: URLSearchParams, field: string): number | undefined {
  const text = query.get(field);
  if (text === null) return undefined;
  if (/^[-+]?\d+$/.test(text)) return Number(text);
  throw badRequest(`strconv.ParseInt: parsing ${goQuote(text)}: invalid syntax`);
}

/** A time as it was written; none at all is the time zero. */
function time(query: URLSearchParams, field: string): string | undefined {
  const text = query.get(field);
  if (text === null) return undefined;
  if (text === '' || text === 'null') return '0001-01-01T00:00:00Z';
  try {
    parseTime(text);
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
  return text;
}
