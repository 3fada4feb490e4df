import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import type { TlsMaterial } from '@kubets/platform';
import { EmbeddedAuthority } from '../embedded/certificates.ts';
import type { AnyRequest } from '../ports.ts';
import { PeerReader, type Peers } from './peer.ts';

let clients: EmbeddedAuthority;
let proxies: EmbeddedAuthority;
let strangers: EmbeddedAuthority;
let server: Server;
let reader: PeerReader;
let seen: (peers: Peers) => void = () => undefined;

before(async () => {
  clients = await EmbeddedAuthority.create(Date.now(), 'CN=clients');
  proxies = await EmbeddedAuthority.create(Date.now(), 'CN=proxies');
  strangers = await EmbeddedAuthority.create(Date.now(), 'CN=strangers');
  const { cert, key, ca } = await clients.issue('CN=server');
  const proxyCa = (await proxies.issue('CN=x')).ca;
  reader = new PeerReader(ca, proxyCa);
  const trust = { requestCert: true, rejectUnauthorized: false, ca: [ca, proxyCa] };
  server = createServer({ cert, key, ...trust }, (socket: TLSSocket) => {
    socket.on('error', () => socket.destroy());
    seen(reader.of({ socket } as unknown as AnyRequest));
    socket.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => server.close());

async function peersOf(material?: TlsMaterial): Promise<Peers> {
  const { promise, resolve } = Promise.withResolvers<Peers>();
  seen = resolve;
  const { port } = server.address() as AddressInfo;
  const own = material ? { cert: material.cert, key: material.key } : {};
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...own });
  socket.on('error', () => socket.destroy());
  const peers = await promise;
  socket.destroy();
  return peers;
}

describe('the certificate of a connection', () => {
  it('of the client CA names a client, and no proxy', async () => {
    const { peer, proxy } = await peersOf(await clients.issue('CN=ann,O=dev'));
    assert.deepEqual([peer?.commonName, peer?.organizations], ['ann', ['dev']]);
    assert.match(peer?.fingerprint ?? '', /^[0-9a-f]{64}$/);
    assert.equal(proxy, undefined);
  });

  it("of the proxies' CA names a proxy, and no client", async () => {
    const { peer, proxy } = await peersOf(await proxies.issue('CN=front,O=system:masters'));
    assert.equal(peer, undefined);
    assert.equal(proxy?.commonName, 'front');
  });

  it('of another CA, or none, names nobody', async () => {
    assert.deepEqual(await peersOf(await strangers.issue('CN=ann')), { peer: undefined });
    assert.deepEqual(await peersOf(), { peer: undefined });
  });
});
