/** What a call with streams looks like on the wire. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { serviceMethods } from '../codec/index.ts';
import { FrameReader, sealFrame } from './frames.ts';
import { type Etcd, startEtcd } from './solo.ts';

const FRAME_HEAD = 5;
const MAX_BYTES = 10_000_000;

let etcd: Etcd;
let session: ClientHttp2Session;
before(async () => {
  etcd = await startEtcd({ memory: true });
  session = connect(etcd.endpoint);
});
after(async () => {
  session.close();
  await etcd.stop();
});

function methodOf(service: string, name: string) {
  const method = serviceMethods(service)[name];
  assert.ok(method, name);
  return method;
}

function open(service: string, name: string) {
  const method = methodOf(service, name);
  const stream = session.request({
    ...{ ':method': 'POST', ':path': method.path, te: 'trailers' },
    'content-type': 'application/grpc',
  });
  return { stream, send: (body: object) => stream.write(frameOf(method, body)) };
}

const frameOf = ({ request }: ReturnType<typeof methodOf>, body: object): Buffer =>
  sealFrame(request.encode(body, FRAME_HEAD));

/** A whole call on the same connection: whatever was sent on it before has arrived when this has. */
async function roundTrip(): Promise<void> {
  const { stream, send } = open('etcdserverpb.KV', 'Range');
  send({ key: Buffer.from('k') });
  stream.end();
  stream.resume();
  await once(stream, 'close');
}

describe('a call with streams', () => {
  it('sends nothing before its first message, and the headers with it', async () => {
    const watch = open('etcdserverpb.Watch', 'Watch');
    let headersSeen = false;
    watch.stream.on('response', () => {
      headersSeen = true;
    });
    await roundTrip();
    assert.equal(headersSeen, false, 'headers came alone');
    watch.send({ createRequest: { key: Buffer.from('k') } });
    const [chunk] = await once(watch.stream, 'data');
    assert.equal(headersSeen, true);
    const [message = Buffer.alloc(0)] = new FrameReader(MAX_BYTES).push(chunk);
    const { response } = methodOf('etcdserverpb.Watch', 'Watch');
    assert.equal((response.decode(message) as { created: boolean }).created, true);
    watch.stream.close();
  });

  it('that ends without a message has its status in the headers', async () => {
    const keepAlive = open('etcdserverpb.Lease', 'LeaseKeepAlive');
    keepAlive.stream.end();
    const [headers] = await once(keepAlive.stream, 'response');
    assert.deepEqual([headers[':status'], headers['grpc-status']], [200, '0']);
    keepAlive.stream.resume();
    await once(keepAlive.stream, 'close');
  });
});
