import type { Duplex } from 'node:stream';
import { badRequest, type Pod } from '@kubets/api';
import type { StreamHandler, StreamRequest } from '../ports.ts';
import { relayUpgrade } from './relay.ts';
import {
  chooseContainer,
  findPod,
  isSet,
  type KubeletLookup,
  kubeletOfPod,
  type StreamingDeps,
} from './target.ts';

type Session = 'exec' | 'attach' | 'portforward';

const KUBELET_PATHS: Readonly<Record<Session, string>> = {
  exec: 'exec',
  attach: 'attach',
  portforward: 'portForward',
};

/** exec, attach and port-forward: joined to the pod's kubelet once it has agreed to the upgrade. */
export function podSessions(deps: StreamingDeps): StreamHandler[] {
  return (['exec', 'attach', 'portforward'] as const).map((session) => ({
    group: '',
    resource: 'pods',
    subresource: session,
    handle: (stream) => refusePlain(session, stream, deps),
    upgrade: (stream, socket, head) => open(session, { stream, socket, head }, deps),
  }));
}

/** Without an upgrade there is no session; what else would be wrong is told first. @throws ApiError always */
async function refusePlain(
  session: Session,
  { info, query }: StreamRequest,
  lookup: KubeletLookup,
): Promise<never> {
  const pod = await findPod(lookup.store, info.namespace, info.name);
  sessionPath(session, pod, query);
  await kubeletOfPod(lookup, pod);
  throw badRequest('Upgrade request required');
}

async function open(
  session: Session,
  o: { stream: StreamRequest; socket: Duplex; head: Buffer },
  deps: StreamingDeps,
): Promise<void> {
  const { info, query, request } = o.stream;
  const pod = await findPod(deps.store, info.namespace, info.name);
  const path = sessionPath(session, pod, query);
  const address = await kubeletOfPod(deps, pod);
  const method = request.method ?? 'GET';
  await relayUpgrade(deps.client, { ...address, scheme: 'https', method, path }, o);
}

/** The kubelet's path for a session. @throws ApiError 400 when the pod cannot take one */
export function sessionPath(session: Session, pod: Pod, query: URLSearchParams): string {
  const where = [pod.metadata.namespace ?? '', pod.metadata.name ?? ''];
  if (session === 'portforward') {
    const ports = new URLSearchParams();
    // Libraries name several ports in one value or in several.
    const named = query.getAll('ports').flatMap((value) => value.split(','));
    for (const port of named) ports.append('port', port);
    return withQuery(
      `/${KUBELET_PATHS[session]}/${where.map(encodeURIComponent).join('/')}`,
      ports,
    );
  }
  const container = chooseContainer(pod, query.get('container') ?? '');
  const phase = pod.status?.phase ?? '';
  if (session === 'exec' && (phase === 'Succeeded' || phase === 'Failed')) {
    const what = 'cannot exec into a container in a completed pod; current phase is';
    throw badRequest(`${what} ${phase}`);
  }
  const path = [KUBELET_PATHS[session], ...where, container].map(encodeURIComponent).join('/');
  return withQuery(`/${path}`, streamQuery(session, query));
}

const withQuery = (path: string, query: URLSearchParams): string =>
  query.size === 0 ? path : `${path}?${query.toString()}`;

/** A kubelet's names of the streams beside the API's own: kubelets of either habit understand. */
const STREAMS: readonly (readonly [string, readonly string[]])[] = [
  ['stdin', ['stdin', 'input']],
  ['stdout', ['stdout', 'output']],
  ['stderr', ['stderr', 'error']],
  ['tty', ['tty']],
];

function streamQuery(session: Session, query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  for (const [name, aliases] of STREAMS) {
    if (!isSet(query, name)) continue;
    for (const alias of aliases) out.set(alias, '1');
  }
  if (session === 'exec') for (const word of query.getAll('command')) out.append('command', word);
  return out;
}
