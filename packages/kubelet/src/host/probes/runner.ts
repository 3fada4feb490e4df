/** Probes against real containers. */
import { connect } from 'node:net';
import type { Probe } from '@kubets/api';
import { type Clock, delay, networkText } from '@kubets/platform';
import { durationText } from '../../core/time.ts';
import type { ContainerRuntime, ProbeResult, ProbeRunner, ProbeTarget } from '../../ports.ts';
import { grpcHealth } from './grpc-health.ts';
import { httpProbe } from './http-probe.ts';
import { failed, OK } from './results.ts';
import { portOf } from './target.ts';

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
    socket.on('error', (error) => end(failed(networkText(error, host, port))));
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
    if (probe.exec !== undefined) {
      return this.#exec(probe.exec.command ?? [], target, timeoutMs);
    }
    if (probe.httpGet !== undefined) return httpProbe(probe.httpGet, target, timeoutMs);
    if (probe.tcpSocket !== undefined) {
      const { host, port } = probe.tcpSocket;
      const number = portOf(port, target.container);
      return tcpProbe(host || target.podIp, number, timeoutMs);
    }
    if (probe.grpc !== undefined) {
      const { port, service = '' } = probe.grpc;
      const why = await grpcHealth(`${target.podIp}:${port}`, service, timeoutMs);
      return why === undefined ? OK : failed(why);
    }
    return OK;
  }

  async #exec(
    command: readonly string[],
    target: ProbeTarget,
    timeoutMs: number,
  ): Promise<ProbeResult> {
    const late = new AbortController();
    const timeout = delay(timeoutMs, { clock: this.#clock, signal: late.signal }).then(
      () =>
        failed(
          `command timed out: "${command.join(' ')}" timed out after ${durationText(timeoutMs)}`,
        ),
      () => failed(''),
    );
    const run = this.#runtime
      .execSync(target.containerId, command, timeoutMs)
      .then(({ exitCode, stdout, stderr }) =>
        exitCode === 0 ? OK : failed(Buffer.concat([stdout, stderr]).toString('utf8')),
      );
    try {
      return await Promise.race([run, timeout]);
    } finally {
      late.abort();
    }
  }
}
