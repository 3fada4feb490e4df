/** Probes against real containers. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { HTTPGetAction, Probe } from '@kubets/api';
import { type Clock, delay, errorMessage } from '@kubets/platform';
import { PROBE_BODY_BYTES, PROBE_OUTPUT_CHARS } from '../../limits.ts';
import type { ContainerRuntime, ProbeResult, ProbeRunner, ProbeTarget } from '../../ports.ts';
import { grpcHealth } from './grpc-health.ts';
import { portOf } from './target.ts';

const OK: ProbeResult = { ok: true, output: '' };
const failed = (output: string): ProbeResult => ({
  ok: false,
  output: output.slice(0, PROBE_OUTPUT_CHARS),
});

const HTTP_OK = 200;
const HTTP_BAD = 400;

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

function headersOf(action: HTTPGetAction): Record<string, string> {
  const given = (action.httpHeaders ?? []).map(({ name, value }) => [name, value] as const);
  return { 'User-Agent': 'kube-probe/1.32', Accept: '*/*', ...Object.fromEntries(given) };
}

function httpProbe(
  action: HTTPGetAction,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> {
  const secure = action.scheme === 'HTTPS';
  const host = action.host || target.podIp;
  const port = portOf(action.port, target.container);
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`;
  const url = `${secure ? 'https' : 'http'}://${host}:${port}${path}`;
  return new Promise((resolve) => {
    const fail = (why: string): void => resolve(failed(`Get "${url}": ${why}`));
    const send = secure ? httpsRequest : httpRequest;
    const ask = send({
      host,
      port,
      path,
      headers: headersOf(action),
      agent: false, // A new connection each time: keep-alive would hide a server that stopped accepting.
      signal: AbortSignal.timeout(timeoutMs),
      rejectUnauthorized: false, // Pods carry no certificate a node could check.
    });
    ask.on('response', (answer) => {
      const status = answer.statusCode ?? 0;
      void bodyOf(answer).then(() => {
        if (status >= HTTP_OK && status < HTTP_BAD) resolve(OK);
        else resolve(failed(`HTTP probe failed with statuscode: ${status}`));
      });
    });
    ask.on('error', (error) => {
      const late = error.name === 'AbortError' || error.name === 'TimeoutError';
      fail(
        late
          ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
          : error.message,
      );
    });
    ask.end();
  });
}

function tcpProbe(host: string, port: number, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const end = (result: ProbeResult): void => {
      socket.destroy();
      resolve(result);
    };
    const text = `dial tcp ${host}:${port}`;
    socket.on('connect', () => end(OK));
    socket.on('timeout', () => end(failed(`${text}: i/o timeout`)));
    socket.on('error', (error) => end(failed(`${text}: ${error.message}`)));
  });
}

/** Runs exec, HTTP, TCP and gRPC probes. */
export class RealProbes implements ProbeRunner {
  readonly alwaysWell = false;
  readonly #runtime: ContainerRuntime;
  readonly #clock: Clock;

  constructor(runtime: ContainerRuntime, clock: Clock) {
    this.#runtime = runtime;
    this.#clock = clock;
  }

  async run(probe: Probe, target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
    try {
      if (probe.exec !== undefined) {
        return await this.#exec(probe.exec.command ?? [], target, timeoutMs);
      }
      if (probe.httpGet !== undefined) return await httpProbe(probe.httpGet, target, timeoutMs);
      if (probe.tcpSocket !== undefined) {
        const { host, port } = probe.tcpSocket;
        const number = portOf(port, target.container);
        return await tcpProbe(host || target.podIp, number, timeoutMs);
      }
      if (probe.grpc !== undefined) {
        const { port, service = '' } = probe.grpc;
        const why = await grpcHealth(`${target.podIp}:${port}`, service, timeoutMs);
        return why === undefined ? OK : failed(why);
      }
      return OK;
    } catch (error) {
      return failed(errorMessage(error));
    }
  }

  async #exec(
    command: readonly string[],
    target: ProbeTarget,
    timeoutMs: number,
  ): Promise<ProbeResult> {
    const late = new AbortController();
    const timeout = delay(timeoutMs, { clock: this.#clock, signal: late.signal }).then(
      () => failed(`command timed out: "${command.join(' ')}" timed out after ${timeoutMs}ms`),
      () => failed(''),
    );
    const run = this.#runtime.execSync(target.containerId, command, timeoutMs).then(
      ({ exitCode, stdout, stderr }) =>
        exitCode === 0 ? OK : failed(Buffer.concat([stdout, stderr]).toString('utf8')),
      (error: unknown) => failed(errorMessage(error)),
    );
    const result = await Promise.race([run, timeout]);
    late.abort();
    return result;
  }
}
