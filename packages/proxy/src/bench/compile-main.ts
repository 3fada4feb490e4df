/** How long compiling and loading take: `node packages/proxy/src/bench/compile-main.ts [SERVICES] [ENDPOINTS] [NETNS]`. */
import { silentLogger } from '@kubets/platform';
import { IptablesBackend } from '../iptables/backend.ts';
import { compile } from '../iptables/compile.ts';
import type { ProxyServicePort } from '../ports.ts';
import { ChildCommands } from '../runtime/commands.ts';
import { testEndpoint, testPort } from '../testing/builders.ts';

const CIDR = '10.244.0.0/16';

const ip = (prefix: string, index: number): string =>
  `${prefix}.${Math.floor(index / 250) % 250}.${(index % 250) + 1}`;

function services(count: number, endpoints: number): ProxyServicePort[] {
  return Array.from({ length: count }, (_, at) =>
    testPort(`service-${at}`, {
      clusterIP: ip('10.96', at),
      endpoints: Array.from({ length: endpoints }, (__, pod) =>
        testEndpoint(ip('10.244', at * endpoints + pod)),
      ),
    }),
  );
}

async function timed(what: string, run: () => Promise<void> | void): Promise<void> {
  const start = process.hrtime.bigint();
  await run();
  console.log(`${what}: ${Math.round(Number(process.hrtime.bigint() - start) / 1e6)} ms`);
}

const [serviceCount = '1000', endpointCount = '5', netns] = process.argv.slice(2);
const ports = services(Number(serviceCount), Number(endpointCount));
await timed('compile', () => void compile(ports, { clusterCidr: CIDR, randomFully: true }));
if (netns !== undefined) {
  const commands = new ChildCommands(['ip', 'netns', 'exec', netns]);
  const backend = new IptablesBackend({ commands, clusterCidr: CIDR, log: silentLogger });
  await timed('first load', () => backend.apply(ports, true));
  await timed('one service less', () => backend.apply(ports.slice(1), false));
  await timed('no change', () => backend.apply(ports.slice(1), false));
  await timed('cleanup', () => backend.cleanup());
}
