/** Connections to ports of this node's pods, for apiservers that have no way of their own into the pod network: HTTP's CONNECT. */
import type { Duplex } from 'node:stream';
import { type Clock, errorCode, errorMessage, joinStreams } from '@kubets/platform';
import { uidOf } from '../core/pod.ts';
import { POD_CONNECT_MS } from '../limits.ts';
import type { DoorPod } from '../ports.ts';
import { refuse } from './refuse.ts';

/** Begins a connection; it says `connect` or `error`. */
export type PodDial = (host: string, port: number) => Duplex;

/** Carries the code of a failed connection to who asked for it. */
export const ERROR_CODE_HEADER = 'x-kubets-error-code';

export interface PodConnectOptions {
  readonly clock: Clock;
  readonly pods: () => readonly DoorPod[];
  readonly dial: PodDial;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** `ADDRESS:PORT`, brackets around the address allowed. */
function parseTarget(text: string): Place | undefined {
  const found = /^\[?([\da-fA-F.:]+)\]?:(\d{1,5})$/.exec(text);
  if (found?.[1] === undefined) return undefined;
  const port = Number(found[2]);
  return port > 0 && port < 65_536 ? { host: found[1], port } : undefined;
}

/** Whether a pod of this node has the address, by its status and by its runtime, since others may write the former. */
async function isHere(host: string, pods: readonly DoorPod[]): Promise<boolean> {
  for (const { pod, runtime } of pods) {
    if (pod.spec?.hostNetwork === true || pod.status?.podIP !== host) continue;
    const { sandboxes } = await runtime.inspectPod(uidOf(pod));
    if (sandboxes.some(({ ready, ips }) => ready && ips.includes(host))) return true;
  }
  return false;
}

/**
 * Joins a client to a port of a pod. Only addresses of pods that run here are connected to, never the machine's own or its neighbours'.
 * Answers 404 for anything else, 502 when the pod does not take the connection; {@link ERROR_CODE_HEADER} says why.
 * @param target what stands in the request line
 */
export async function connectPod(
  target: string,
  client: Duplex,
  head: Buffer,
  o: PodConnectOptions,
): Promise<void> {
  const place = parseTarget(target);
  try {
    if (place !== undefined && (await isHere(place.host, o.pods())))
      dialFor(place, client, head, o);
    else refuse(client, 404, `no pod of this node has the address ${target}`);
  } catch (error) {
    refuse(client, 502, errorMessage(error));
  }
}

function dialFor(place: Place, client: Duplex, head: Buffer, o: PodConnectOptions): void {
  const backend = o.dial(place.host, place.port);
  const give = (): void => {
    timer.cancel();
    backend.destroy();
  };
  const onError = (error: unknown): void => {
    give();
    const code = errorCode(error);
    refuse(
      client,
      502,
      errorMessage(error),
      code === undefined ? {} : { [ERROR_CODE_HEADER]: code },
    );
  };
  const late = Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' });
  const timer = o.clock.setTimeout(() => onError(late), POD_CONNECT_MS);
  backend.once('error', onError);
  client.once('close', give);
  backend.once('connect', () => {
    timer.cancel();
    backend.off('error', onError);
    client.off('close', give);
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) backend.write(head);
    void joinStreams(client, backend);
  });
}
