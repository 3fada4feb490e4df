/** A way to pods for apiservers outside the pod network: their nodes' kubelets connect for them. */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Node } from '@kubets/api';
import { parseIPv4 } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import type { PodWay } from '../outbound/pod-way.ts';
import type { ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import type { KubeletTls } from './kubelet-client.ts';
import { addressOf, type KubeletAddress } from './target.ts';

export interface KubeletWayOptions {
  readonly store: ResourceStore;
  /** How this server shows itself to kubelets. */
  readonly tls: KubeletTls;
  readonly addressTypes: readonly string[];
}

/** See `packages/kubelet/src/door/pod-connect.ts`. */
const ERROR_CODE_HEADER = 'x-kubets-error-code';

/** Asks the kubelet whose node's range has the address for a tunnel, by HTTP's CONNECT. */
export class KubeletWay implements PodWay {
  readonly #o: KubeletWayOptions;

  constructor(options: KubeletWayOptions) {
    this.#o = options;
  }

  async open(host: string, port: number, signal?: AbortSignal): Promise<Duplex | undefined> {
    const { store, addressTypes, tls } = this.#o;
    const address = parseIPv4(host);
    if (address === undefined) return undefined;
    const nodes = store.cache<Node>(GVR.nodes);
    await nodes.whenSynced();
    const node = nodes.list().find(({ spec }) => isWithin(address, spec?.podCIDR));
    if (node === undefined) return undefined;
    return tunnelThrough(addressOf(node, addressTypes), { target: `${host}:${port}`, tls, signal });
  }
}

function isWithin(address: number, range = ''): boolean {
  const [base = '', digits = ''] = range.split('/');
  const first = parseIPv4(base);
  if (first === undefined || !/^\d+$/.test(digits)) return false;
  return address >= first && address < first + 2 ** (32 - Number(digits));
}

function tunnelThrough(
  kubelet: KubeletAddress,
  o: { target: string; tls: KubeletTls; signal: AbortSignal | undefined },
): Promise<Duplex | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex | undefined>();
  const request = httpsRequest({
    ...{ ...kubelet, ...o.tls, agent: false, method: 'CONNECT', path: o.target },
    ...(o.signal && { signal: o.signal }),
    // A kubelet may take that long to connect in its turn.
    timeout: 2 * LIMITS.kubeletConnectMs,
  });
  request.once('timeout', () => request.destroy(failure('i/o timeout', 'ETIMEDOUT')));
  request.once('error', reject);
  request.once('connect', (answer: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (answer.statusCode === 200) {
      request.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
      return;
    }
    const code = answer.headers[ERROR_CODE_HEADER];
    if (head.length > 0) socket.unshift(head);
    refusalOf(socket, Number(answer.headers['content-length'])).then((message) => {
      socket.destroy();
      // Any other answer comes from a kubelet that makes no such connections.
      if (answer.statusCode === 502) reject(failure(message, String(code ?? '')));
      else resolve(undefined);
    }, reject);
  });
  request.end();
  return promise;
}

const failure = (message: string, code: string): Error =>
  Object.assign(new Error(message), { code });

/** The body after an answer to CONNECT: the parser leaves it in the stream. */
async function refusalOf(socket: Duplex, length: number): Promise<string> {
  const body = await text(socket).catch(() => '');
  return body.slice(0, Number.isFinite(length) ? length : LIMITS.kubeletErrorBytes);
}
