/** Whether the cluster's ports can be reached from here, before anything is changed. */
import { connect } from 'node:net';
import { errorCode, errorMessage } from '@kubets/platform';
import { StartError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type HostRole, hostPorts, type MasterAddress } from './settings.ts';

/** @returns why nobody answers there; undefined: somebody does */
function problemAt(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: limits.reachMs });
    const done = (problem: string | undefined): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.once('connect', () => done(undefined));
    socket.once('timeout', () => done('no answer'));
    socket.once('error', (error) => done(errorCode(error) ?? errorMessage(error)));
  });
}

async function checkPort(masters: readonly MasterAddress[], port: number): Promise<void> {
  const problems = await Promise.all(masters.map(({ address }) => problemAt(address, port)));
  // One of them may be down, and is no reason to stay out.
  if (masters.length === 0 || problems.includes(undefined)) return;
  const each = masters.map(({ address }, i) => `${address}: ${problems[i]}`).join(', ');
  throw new StartError(
    `no master answers on port ${port} (${each}); open it between the hosts, and look at "kubets status" on a master`,
  );
}

/** Masters talk to the API and to the store of the others, nodes to the API. @throws StartError that names the port */
export async function checkReach(
  masters: readonly MasterAddress[],
  roles: readonly HostRole[],
): Promise<void> {
  const { api, grpc, etcdClient, etcdPeer } = hostPorts;
  const store = roles.includes('master') ? [etcdClient, etcdPeer] : [];
  for (const port of [api, grpc, ...store]) await checkPort(masters, port);
}
