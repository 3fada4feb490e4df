/** The kubelet's HTTPS door: what the apiserver, and who else may, asks of a node. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type ClientTls,
  type Clock,
  ConfigError,
  errorMessage,
  type Logger,
  type Metrics,
} from '@kubets/platform';
import { WebSocketServer } from 'ws';
import { allContainers, ephemeralContainers, specOf, uidOf } from '../core/pod.ts';
import { DoorError, RuntimeFault } from '../errors.ts';
import { DOOR_MAX_CONNECTIONS } from '../limits.ts';
import type { DoorPod, RawTunnel, RuntimeContainer, StreamRequest } from '../ports.ts';
import { SIMULATED_TEXT } from '../simulated/runtime.ts';
import type { DoorAccess } from './access.ts';
import { admit } from './admission.ts';
import { bridgeExec, EXEC_PROTOCOLS } from './exec-socket.ts';
import { logOptions } from './log-options.ts';
import { sendLog } from './log-reader.ts';
import { sendNodeLog } from './node-logs.ts';
import { connectPod, type PodDial } from './pod-connect.ts';
import { CHANNEL_PROTOCOL, forwardedPorts, joinChannels } from './port-channels.ts';
import { refuse } from './refuse.ts';
import { joinSockets, joinWebSocket, PORT_FORWARD_PROTOCOL, TUNNEL_PROTOCOL } from './tunnel.ts';
import type { UsagePages } from './usage-pages.ts';

export interface DoorOptions {
  /** The server's certificate, and the authority that signs those of its clients. Without the former nobody gets in yet. */
  readonly tls: ClientTls;
  /** Who may do what here. */
  readonly access: DoorAccess;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly find: (namespace: string, name: string) => DoorPod | undefined;
  readonly all: () => readonly DoorPod[];
  readonly healthy: () => Promise<string | undefined>;
  /** What `/configz` shows. */
  readonly configuration: () => object;
  readonly usage: UsagePages;
  /** Folder of the machine's logs; undefined where its nodes are simulated. */
  readonly logFolder: string | undefined;
  /** Begins connections to pods; undefined where they have no addresses of their own. */
  readonly dial?: PodDial | undefined;
}

interface Place extends DoorPod {
  readonly container: string;
}

const PROTOCOL_HEADER = 'x-stream-protocol-version';

const flagOf = (query: URLSearchParams, ...names: string[]): boolean =>
  names.some((name) => query.get(name) === '1' || query.get(name) === 'true');

/** Paths are `/what/NAMESPACE/POD[/CONTAINER]`. */
function partsOf(url: URL): string[] {
  return url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
}

/** Several listeners, one door: addresses may differ, the port is the same. */
export class Door {
  readonly #options: DoorOptions;
  readonly #servers: Server[] = [];
  #tls: ClientTls;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => chooseProtocol(offered) ?? false,
  });
  readonly #leaving = new AbortController();
  /** Connections that speak something else than HTTP by now; the server has forgotten them. */
  readonly #upgraded = new Set<Duplex>();
  readonly #tunnels = new WeakSet<IncomingMessage>();

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#tls = options.tls;
    this.#sockets.on('headers', (headers, request) => {
      if (this.#tunnels.has(request)) headers.push(`Sec-WebSocket-Protocol: ${TUNNEL_PROTOCOL}`);
    });
  }

  /**
   * @param port 0 takes a free one
   * @returns the port
   * @throws ConfigError when the address cannot be taken
   */
  async listen(host: string, port: number): Promise<number> {
    // Who has no certificate may have a token.
    const server = createServer({ ...this.#tls, requestCert: true, rejectUnauthorized: false });
    server.maxConnections = DOOR_MAX_CONNECTIONS;
    server.on('request', (request, response) => void this.#answer(request, response));
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#keep(socket);
      void this.#upgrade(request, socket, head);
    });
    server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#keep(socket);
      void this.#connect(request, socket, head);
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        reject(new ConfigError(`cannot listen on ${host}:${port}: ${error.message}`));
      });
      server.listen(port, host, resolve);
    });
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  #keep(socket: Duplex): void {
    socket.on('error', () => socket.destroy());
    this.#upgraded.add(socket);
    socket.on('close', () => this.#upgraded.delete(socket));
  }

  /** Shows another certificate from the next connection on. */
  useTls(tls: ClientTls): void {
    this.#tls = tls;
    for (const server of this.#servers) server.setSecureContext(tls);
  }

  async close(): Promise<void> {
    this.#leaving.abort();
    for (const client of this.#sockets.clients) client.terminate();
    for (const socket of this.#upgraded) socket.destroy();
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? '/', 'https://kubelet');
      await admit(request, partsOf(url)[0] ?? '', this.#options.access);
      await this.#route(url, request, response);
    } catch (error) {
      const status = error instanceof DoorError ? error.statusCode : 500;
      if (status === 500) {
        this.#options.log.warn({ url: request.url, error: errorMessage(error) }, 'request failed');
      }
      if (response.headersSent) response.destroy();
      else text(response, status, errorMessage(error));
    }
  }

  async #route(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [what = '', ...rest] = partsOf(url);
    if (what === 'healthz') return this.#health(response);
    if (what === 'configz') return json(response, this.#options.configuration());
    if (what === 'logs') return this.#nodeLog(url, rest, response);
    if (what === 'metrics' && rest.length > 0) return this.#usagePage(rest[0] ?? '', response);
    if (what === 'metrics') {
      const { metrics } = this.#options;
      response.writeHead(200, { 'content-type': metrics.contentType });
      response.end(await metrics.metrics());
      return;
    }
    if (what === 'pods') return this.#pods(response);
    if (what === 'stats' && rest[0] === 'summary') {
      return json(response, await this.#options.usage.summary());
    }
    if (what === 'containerLogs' && rest.length === 3) {
      return this.#logs(this.#place(rest), url, request, response);
    }
    if (['exec', 'attach', 'portForward'].includes(what)) {
      throw new DoorError(400, 'Upgrade request required');
    }
    throw new DoorError(404, 'not found');
  }

  async #nodeLog(url: URL, parts: readonly string[], response: ServerResponse): Promise<void> {
    const { logFolder } = this.#options;
    if (logFolder === undefined) throw new DoorError(404, 'not found');
    if (url.pathname === '/logs') {
      response.writeHead(301, { location: '/logs/' }).end();
      return;
    }
    await sendNodeLog(logFolder, parts, response);
  }

  async #usagePage(name: string, response: ServerResponse): Promise<void> {
    const page = await this.#usageText(name);
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(page);
  }

  #usageText(name: string): string | Promise<string> {
    const { usage } = this.#options;
    switch (name) {
      case 'resource':
        return usage.resources();
      case 'cadvisor':
        return usage.cadvisor();
      case 'probes':
        return usage.probes();
      default:
        throw new DoorError(404, 'not found');
    }
  }

  async #health(response: ServerResponse): Promise<void> {
    const fault = await this.#options.healthy();
    text(response, fault === undefined ? 200 : 500, fault ?? 'ok');
  }

  #pods(response: ServerResponse): void {
    const items = this.#options.all().map((one) => one.pod);
    json(response, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
  }

  /** @throws DoorError 404 */
  #place([namespace = '', name = '', container = '']: readonly string[]): Place {
    const found = this.#options.find(namespace, name);
    if (found === undefined) throw new DoorError(404, `pod "${namespace}/${name}" not found`);
    const containers = [...allContainers(found.pod), ...ephemeralContainers(found.pod)];
    if (!containers.some((one) => one.name === container)) {
      throw new DoorError(404, `container "${container}" not found in pod "${name}"`);
    }
    return { ...found, container };
  }

  async #runs({ pod, runtime, container }: Place): Promise<RuntimeContainer[]> {
    const state = await runtime.inspectPod(uidOf(pod));
    return state.containers.filter((one) => one.name === container);
  }

  async #logs(
    place: Place,
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { clock } = this.#options;
    const options = logOptions(url.searchParams, clock.now());
    const runs = await this.#runs(place);
    const run = options.previous ? runs.slice(1).find((one) => one.phase === 'exited') : runs[0];
    const who = `container "${place.container}" in pod "${place.pod.metadata.name}"`;
    if (run === undefined) {
      if (options.previous) throw new DoorError(400, `previous terminated ${who} not found`);
      throw new DoorError(400, `${who} is waiting to start: ${waitingReason(place)}`);
    }
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    if (run.logPath === '') {
      response.end(`${SIMULATED_TEXT}\n`);
      return;
    }
    const gone = new AbortController();
    request.on('close', () => gone.abort());
    response.on('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#leaving.signal]);
    await sendLog({
      path: run.logPath,
      options,
      clock,
      signal,
      running: async () => (await this.#runs(place)).some((o) => o.id === run.id && isAlive(o)),
      write: (data) => writeTo(response, data, signal),
    });
    response.end();
  }

  async #connect(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { access, clock, all: pods, dial } = this.#options;
    try {
      await admit(request, '', access);
    } catch (error) {
      refuse(socket, error instanceof DoorError ? error.statusCode : 500, errorMessage(error));
      return;
    }
    if (dial) await connectPod(request.url ?? '', socket, head, { clock, pods, dial });
    else refuse(socket, 404, 'not found');
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      const url = new URL(request.url ?? '/', 'https://kubelet');
      const [what = '', ...rest] = partsOf(url);
      await admit(request, what, this.#options.access);
      const spdy = /^spdy\/3\.1$/i.test(String(request.headers.upgrade ?? ''));
      if (what === 'portForward') return await this.#portForward(url, request, socket, head);
      if (what !== 'exec' && what !== 'attach') throw new DoorError(404, 'not found');
      const place = this.#place(rest);
      const stream = await this.#streamRequest(place, what, url.searchParams);
      if (spdy) {
        const protocols = String(request.headers[PROTOCOL_HEADER] ?? '');
        const tunnel = await place.runtime.openStreamTunnel(stream, protocols);
        endWith(socket, tunnel);
        joinSockets(socket, head, tunnel);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (client) => {
        void bridgeExec(client, stream, place.runtime, this.#options.log);
      });
    } catch (error) {
      const expected = error instanceof DoorError;
      if (!expected && !(error instanceof RuntimeFault)) {
        this.#options.log.warn({ error: errorMessage(error) }, 'cannot open session');
      }
      refuse(socket, expected ? error.statusCode : 500, errorMessage(error));
    }
  }

  async #streamRequest(
    place: Place,
    what: 'exec' | 'attach',
    query: URLSearchParams,
  ): Promise<StreamRequest> {
    const [run] = await this.#runs(place);
    if (run?.phase !== 'running') {
      throw new DoorError(
        500,
        `unable to upgrade connection: container not found ("${place.container}")`,
      );
    }
    const command = query.getAll('command');
    if (what === 'exec' && command.length === 0) {
      throw new DoorError(400, 'you must specify at least 1 command for the container');
    }
    const tty = flagOf(query, 'tty');
    return {
      containerId: run.id,
      command: what === 'exec' ? command : undefined,
      stdin: flagOf(query, 'stdin', 'input'),
      stdout: flagOf(query, 'stdout', 'output'),
      stderr: flagOf(query, 'stderr', 'error') && !tty,
      tty,
    };
  }

  async #portForward(
    url: URL,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    const [, namespace = '', name = ''] = partsOf(url);
    const found = this.#options.find(namespace, name);
    if (found === undefined) throw new DoorError(404, `pod "${namespace}/${name}" not found`);
    const offered = String(request.headers['sec-websocket-protocol'] ?? '');
    const isTunnel = offered.includes(TUNNEL_PROTOCOL);
    const speaksChannels = !isTunnel && offered.includes(CHANNEL_PROTOCOL);
    const ports = speaksChannels ? forwardedPorts(url.searchParams) : [];
    const state = await found.runtime.inspectPod(uidOf(found.pod));
    const sandbox = state.sandboxes.find((one) => one.ready);
    if (sandbox === undefined) throw new DoorError(500, `pod "${name}" is not running`);
    const tunnel = await found.runtime.openPortForward(sandbox.id, PORT_FORWARD_PROTOCOL);
    endWith(socket, tunnel);
    if (/^websocket$/i.test(String(request.headers.upgrade ?? ''))) {
      if (speaksChannels) request.headers['sec-websocket-protocol'] = CHANNEL_PROTOCOL;
      // The tunnel's name holds a slash, which strict parsers refuse: it is agreed on here, not by the library.
      else delete request.headers['sec-websocket-protocol'];
      if (isTunnel) this.#tunnels.add(request);
      this.#sockets.handleUpgrade(request, socket, head, (client) => {
        if (speaksChannels) joinChannels(client, tunnel, ports);
        else joinWebSocket(client, tunnel);
      });
    } else {
      joinSockets(socket, head, tunnel);
    }
  }
}

/** A client that is gone, or is refused its upgrade after all, leaves no tunnel behind. */
function endWith(client: Duplex, { socket }: RawTunnel): void {
  if (client.destroyed) socket.destroy();
  else client.once('close', () => socket.destroySoon());
}

/** The first protocol on offer that is spoken here. */
const chooseProtocol = (offered: ReadonlySet<string>): string | undefined =>
  EXEC_PROTOCOLS.find((one) => offered.has(one));

const isAlive = (run: RuntimeContainer): boolean =>
  run.phase === 'running' || run.phase === 'created';

function waitingReason({ pod, container }: Place): string {
  const { status } = pod;
  const all = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  const found = all.find((one) => one.name === container);
  const initializing = (specOf(pod).initContainers ?? []).length > 0;
  const initial = initializing ? 'PodInitializing' : 'ContainerCreating';
  return found?.state?.waiting?.reason ?? initial;
}

function text(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(message);
}

function json(response: ServerResponse, value: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

/** Writes, and waits while the client is slower than the log. */
async function writeTo(response: ServerResponse, data: Buffer, signal: AbortSignal): Promise<void> {
  if (signal.aborted || response.write(data)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once('drain', resolve);
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
