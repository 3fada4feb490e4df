/** Connections to pods that are not simply made: for apiservers outside the pod network. */
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

/** How connections to pods are had that are not simply made. */
export interface PodWay {
  /**
   * Connects to a port of a pod.
   * @returns undefined where the address has to be dialed as any other: it is no pod's, or its kubelet knows nothing of this
   * @throws an error with the `code` a failed connection has
   */
  open(host: string, port: number, signal?: AbortSignal): Promise<Duplex | undefined>;
}

type Trust = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;

/** What a request over a connection of a {@link PodWay} adds to its options: no agent keeps such connections. */
export function overTunnel(tunnel: Duplex, tls: Trust | undefined, host: string) {
  const servername = tls?.servername || (isIP(host) ? '' : host);
  const createConnection = (): Duplex =>
    tls === undefined ? tunnel : connectTls({ ...tls, servername, host, socket: tunnel });
  return { agent: undefined, createConnection };
}
