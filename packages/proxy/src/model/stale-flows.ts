/** UDP flows that the kernel would go on sending to endpoints that are gone: it remembers them while packets come. */
import type { Logger } from '@kubets/platform';
import { CommandError } from '../errors.ts';
import type { CommandRunner, ProxyServicePort } from '../ports.ts';
import { usable } from './service-ports.ts';

const endpointsOf = (port: ProxyServicePort): Set<string> =>
  new Set(usable(port.endpoints).map(({ ip }) => ip));

function originals(port: ProxyServicePort): string[][] {
  const addresses = [port.clusterIP, ...port.externalIPs, ...port.loadBalancerIPs];
  const flows = addresses.map((ip) => ['-D', '-p', 'udp', '--orig-dst', ip]);
  if (port.nodePort > 0) flows.push(['-D', '-p', 'udp', '--dport', String(port.nodePort)]);
  return flows;
}

/**
 * Arguments of `conntrack` calls that end what the change made stale: flows to endpoints that left, and flows of
 * services that had no endpoint before.
 */
export function staleFlows(
  before: readonly ProxyServicePort[],
  after: readonly ProxyServicePort[],
): string[][] {
  const now = new Map(after.map((port) => [`${port.name}/${port.protocol}`, port]));
  const calls: string[][] = [];
  for (const old of before) {
    if (old.protocol !== 'udp') continue;
    const current = now.get(`${old.name}/udp`);
    const left = current === undefined ? new Set<string>() : endpointsOf(current);
    const had = endpointsOf(old);
    for (const ip of had) {
      if (left.has(ip)) continue;
      for (const flow of originals(old)) calls.push([...flow, '--dst-nat', ip]);
    }
    if (had.size === 0 && left.size > 0) calls.push(...originals(old));
  }
  return calls;
}

/** Ends stale flows with `conntrack`, change after change. */
export class StaleFlows {
  readonly #commands: CommandRunner;
  readonly #log: Logger;
  #ports: readonly ProxyServicePort[] = [];
  #hasConntrack = true;

  constructor(commands: CommandRunner, log: Logger) {
    this.#commands = commands;
    this.#log = log;
  }

  /** To be called when rules for these ports are in force. */
  async follow(ports: readonly ProxyServicePort[]): Promise<void> {
    const before = this.#ports;
    this.#ports = ports;
    if (!this.#hasConntrack) return;
    for (const args of staleFlows(before, ports)) {
      try {
        await this.#commands.run('conntrack', args);
      } catch (error) {
        // Exit code 1 says that there was no such flow.
        if (!(error instanceof CommandError)) throw error;
        if (error.exitCode !== undefined) continue;
        this.#hasConntrack = false;
        this.#log.warn('conntrack is not installed: UDP clients of endpoints that left may hang');
        return;
      }
    }
  }
}
