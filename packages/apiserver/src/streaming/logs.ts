import type { IncomingMessage } from 'node:http';
import { badRequest, FieldError, invalid } from '@kubets/api';
import type { AnyResponse, ResourceStore, StreamHandler, StreamRequest } from '../ports.ts';
import { type KubeletClient, refusal } from './kubelet-client.ts';
import { sendLogMessages } from './log-socket.ts';
import { relayBody } from './relay.ts';
import { chooseContainer, findPod, isSet, kubeletOfPod } from './target.ts';

const FLAGS = ['follow', 'previous', 'timestamps'];

/** `pods/NAME/log`: the kubelet's container log, streamed. */
export function podLogs(store: ResourceStore, client: KubeletClient): StreamHandler {
  return {
    group: '',
    resource: 'pods',
    subresource: 'log',
    handle: (stream, response) => sendLog(stream, response, { store, client }),
    upgrade: (stream, socket, head) =>
      sendLogMessages({ stream, socket, head }, (signal) =>
        openLog(stream, signal, { store, client }),
      ),
  };
}

type Deps = { store: ResourceStore; client: KubeletClient };

async function sendLog(stream: StreamRequest, response: AnyResponse, deps: Deps): Promise<void> {
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
  o: Deps,
): Promise<IncomingMessage | undefined> {
  const { info, query } = stream;
  const options = logQuery(query);
  const pod = await findPod(o.store, info.namespace, info.name);
  const container = chooseContainer(pod, query.get('container') ?? '');
  if (!pod.spec?.nodeName) return undefined;
  const address = await kubeletOfPod(o.store, pod);
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
 * @throws ApiError 400 for what is no number, 422 for numbers that make no sense
 */
export function logQuery(query: URLSearchParams): string {
  const out = new URLSearchParams();
  const errors: FieldError[] = [];
  for (const name of FLAGS) if (isSet(query, name)) out.set(name, 'true');
  const number = (name: string, least: number): void => {
    const text = query.get(name);
    if (text === null || text === '') return;
    const value = parseNumber(name, text);
    if (value < least) errors.push(new FieldError('Invalid', name, value, minimumText(least)));
    out.set(name, String(value));
  };
  number('tailLines', 0);
  number('limitBytes', 1);
  number('sinceSeconds', 1);
  const since = query.get('sinceTime');
  if (since) out.set('sinceTime', since);
  if (since && query.get('sinceSeconds')) {
    const detail = 'at most one of `sinceTime` or `sinceSeconds` may be specified';
    errors.push(new FieldError('Forbidden', 'sinceSeconds', '', detail));
  }
  if (errors.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, '', errors);
  return out.toString();
}

const minimumText = (least: number): string =>
  least === 0 ? 'must be greater than or equal to 0' : 'must be greater than 0';

function parseNumber(name: string, text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw badRequest(`${name}: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}
