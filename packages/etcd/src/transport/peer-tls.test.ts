/** Who is let in between members with TLS, and whom a member believes. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { silentLogger, systemClock, systemRandom, type TlsMaterial } from '@kubets/platform';
import { Channel } from '../client/channel.ts';
import type { TransportHandlers } from '../host/ports.ts';
import { member, stranger } from '../server/testing/certificates.ts';
import { GrpcTransport } from './grpc-transport.ts';
import { fetchMembers } from './join.ts';
import { MEMBERS } from './messages.ts';
import { linkTo } from './peer-link.ts';
import { targetOf } from './peer-url.ts';

const opened: GrpcTransport[] = [];
after(() => Promise.all(opened.map((transport) => transport.stop())));

interface Opened {
  readonly transport: GrpcTransport;
  readonly url: string;
  /** Resolves with the next event: `up 2`, `messages`, `unreachable 2` … */
  next(event: string): Promise<void>;
}

async function open(
  memberId: bigint,
  tls: TlsMaterial,
  { host = '127.0.0.1', requireClientCert = true } = {},
): Promise<Opened> {
  const waiting = new Map<string, () => void>();
  const note = (event: string): void => waiting.get(event)?.();
  const handlers: TransportHandlers = {
    onMessages: () => note('messages'),
    onSnapshot: async () => undefined,
    onPeerUp: (id) => note(`up ${id}`),
    onPeerDown: (id) => note(`down ${id}`),
    onUnreachable: (id) => note(`unreachable ${id}`),
    members: () => [],
  };
  const { transport, ports } = await GrpcTransport.listen({
    listenUrls: [`https://${host}:0`],
    tls,
    requireClientCert,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
  });
  opened.push(transport);
  const url = `https://${host}:${ports[0]}`;
  transport.identify({ clusterId: 7n, memberId }, [url]);
  await transport.start(handlers);
  const next = (event: string): Promise<void> =>
    new Promise((resolve) => waiting.set(event, resolve));
  return { transport, url, next };
}

async function assertUnreachable({ transport, next }: Opened, url: string): Promise<void> {
  const unreachable = next('unreachable 2');
  transport.setPeers([{ id: 2n, peerUrls: [url] }]);
  transport.send([{ type: 'timeoutNow', from: 1n, to: 2n, term: 1 }]);
  await unreachable;
  assert.deepEqual(transport.connected(), []);
}

test('members of one authority speak to each other', async () => {
  const [a, b] = [await open(1n, member), await open(2n, member)];
  const up = a.next('up 2');
  const [there, back] = [b.next('messages'), a.next('messages')];
  const answering = b.next('up 1');
  a.transport.setPeers([{ id: 2n, peerUrls: [b.url] }]);
  await up;
  a.transport.send([{ type: 'timeoutNow', from: 1n, to: 2n, term: 1 }]);
  await there;
  await answering;
  b.transport.send([{ type: 'timeoutNow', from: 2n, to: 1n, term: 1 }]);
  await back;
  assert.equal((await fetchMembers(b.url, systemClock, member)).clusterId, 7n);
});

test('whom the authority does not know is neither let in nor believed', async () => {
  const known = await open(2n, member);
  const unknown = await open(1n, stranger);
  await assertUnreachable(unknown, known.url);
  await assert.rejects(fetchMembers(known.url, systemClock, stranger));
  await assertUnreachable(await open(1n, member), unknown.url);
});

test('a member is not believed at an address its certificate does not name', async () => {
  const elsewhere = await open(2n, member, { host: '127.0.0.2' });
  await assertUnreachable(await open(1n, member), elsewhere.url);
  await assert.rejects(fetchMembers(elsewhere.url, systemClock, member));
});

test('a certificate is asked for unless that is turned off', async () => {
  const ask = async (url: string) => {
    const tls = { ca: member.ca };
    const channel = new Channel({ name: targetOf(url).target, tls, clock: systemClock });
    await channel.reach(600_000);
    const answer = await channel.send({ method: MEMBERS, request: {}, timeoutMs: 600_000 });
    channel.close();
    return 'value' in answer;
  };
  assert.equal(await ask((await open(1n, member)).url), false);
  assert.equal(await ask((await open(1n, member, { requireClientCert: false })).url), true);
});

test('a call that is refused in the greeting is over', async () => {
  const { url } = await open(1n, member);
  const link = linkTo(url, systemClock, { ca: member.ca });
  await new Promise<void>((resolve) => {
    link.call(MEMBERS.path, {
      onOpen: () => assert.fail('let in without a certificate'),
      onOver: () => resolve(),
    });
  });
  link.close();
});
