import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { decode, encode } from 'dns-packet';
import { Forwarder } from '../forward/forwarder.ts';
import { FixedView, headless, serviceInfo } from '../testing/fixed-view.ts';
import { emptyReply, RCODE, type Reply } from '../wire/message.ts';
import { framed } from '../wire/stream.ts';
import { Responder } from './responder.ts';
import { DnsServer } from './server.ts';

const run = promisify(execFile);
const http = { name: 'http', protocol: 'TCP', port: 80 };
const crowd = Array.from({ length: 120 }, (_, i) => ({
  ip: `10.244.9.${i}`,
  hostname: undefined,
  ports: [http],
}));
const view = new FixedView({
  namespaces: ['default', 'kube-system'],
  services: [
    serviceInfo('web', { clusterIps: ['10.96.1.1'], ports: [http] }),
    serviceInfo('docs', { externalName: 'www.example.org' }),
    serviceInfo('lost', { externalName: 'gone.example.org' }),
    serviceInfo('alias', { externalName: 'web.default.svc.cluster.local' }),
    serviceInfo('loop', { externalName: 'loop.default.svc.cluster.local' }),
    headless('crowd', [http]),
  ],
  endpoints: { 'default/crowd': crowd },
});

const upstreamReplies: Record<string, Reply> = {
  'www.example.org': {
    ...emptyReply(RCODE.ok),
    answers: [{ type: 'A', name: 'www.example.org', ttl: 60, data: '192.0.2.1' }],
  },
  'big.example.org': {
    ...emptyReply(RCODE.ok),
    answers: Array.from({ length: 150 }, (_, i) => ({
      type: 'A' as const,
      name: 'big.example.org',
      ttl: 60,
      data: `192.0.2.${i}`,
    })),
  },
};

function start(answer: ConstructorParameters<typeof DnsServer>[0]['answer']): DnsServer {
  return new DnsServer({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    log: silentLogger,
    answer,
  });
}

describe('the name server, asked by dig', () => {
  const upstream = start(async (query) => {
    return upstreamReplies[query.question.name] ?? emptyReply(RCODE.nameError);
  });
  let server: DnsServer;
  let port = 0;

  before(async () => {
    const upstreamPort = await upstream.listen();
    const forwarder = new Forwarder({
      upstreams: [{ host: '127.0.0.1', port: upstreamPort }],
      clock: systemClock,
      random: seededRandom(1),
      log: silentLogger,
    });
    const responder = new Responder({
      view,
      zone: { domain: 'cluster.local', serverIp: '10.96.0.10' },
      random: seededRandom(2),
      forward: (question, dnssecOk) => forwarder.ask(question, dnssecOk),
    });
    server = start((query) => responder.answer(query));
    port = await server.listen();
  });

  after(async () => {
    await server.close();
    await upstream.close();
  });

  async function dig(...args: string[]): Promise<string> {
    const base = ['@127.0.0.1', '-p', String(port), '+time=3', '+tries=1'];
    const { stdout } = await run('dig', [...base, ...args]);
    return stdout;
  }

  it('gives a service’s address, with authority', async () => {
    const out = await dig('web.default.svc.cluster.local');
    assert.match(out, /status: NOERROR/);
    assert.match(out, /flags: qr aa rd ra/);
    assert.match(out, /^web\.default\.svc\.cluster\.local\.\s+5\s+IN\s+A\s+10\.96\.1\.1$/m);
  });

  it('answers plain DNS without EDNS', async () => {
    const out = await dig('+noedns', '+short', 'web.default.svc.cluster.local');
    assert.equal(out.trim(), '10.96.1.1');
  });

  it('answers over TCP', async () => {
    const out = await dig('+tcp', '+short', 'web.default.svc.cluster.local');
    assert.equal(out.trim(), '10.96.1.1');
  });

  it('says "no such name" and "no such record" with the zone’s SOA', async () => {
    const missing = await dig('nope.default.svc.cluster.local');
    assert.match(missing, /status: NXDOMAIN/);
    assert.match(missing, /^cluster\.local\.\s+5\s+IN\s+SOA/m);
    const noData = await dig('AAAA', 'web.default.svc.cluster.local');
    assert.match(noData, /status: NOERROR.*\n.*ANSWER: 0, AUTHORITY: 1/);
  });

  it('cuts what does not fit and gives all of it over TCP', async () => {
    const cut = await dig('+ignore', '+bufsize=512', 'crowd.default.svc.cluster.local');
    assert.match(cut, /flags: qr aa tc/);
    const whole = await dig('+short', 'crowd.default.svc.cluster.local');
    assert.equal(whole.trim().split('\n').length, crowd.length);
  });

  it('gives ports and names by address', async () => {
    const srv = await dig('+short', 'SRV', '_http._tcp.web.default.svc.cluster.local');
    assert.equal(srv.trim(), '0 100 80 web.default.svc.cluster.local.');
    const ptr = await dig('+short', '-x', '10.96.1.1');
    assert.equal(ptr.trim(), 'web.default.svc.cluster.local.');
  });

  it('asks upstream for other names, over TCP when they are long', async () => {
    assert.equal((await dig('+short', 'www.example.org')).trim(), '192.0.2.1');
    assert.equal((await dig('+short', 'big.example.org')).trim().split('\n').length, 150);
    assert.match(await dig('nothing.example.org'), /status: NXDOMAIN/);
  });

  it('refuses to ask for clients that do not want it', async () => {
    assert.match(await dig('+norecurse', 'www.example.org'), /status: REFUSED/);
  });

  it('follows aliases outside and inside', async () => {
    assert.equal(
      (await dig('+short', 'docs.default.svc.cluster.local')).trim(),
      'www.example.org.\n192.0.2.1',
    );
    assert.equal(
      (await dig('+short', 'alias.default.svc.cluster.local')).trim(),
      'web.default.svc.cluster.local.\n10.96.1.1',
    );
    assert.match(await dig('lost.default.svc.cluster.local'), /status: NXDOMAIN/);
    assert.equal(
      (await dig('+short', 'CNAME', 'docs.default.svc.cluster.local')).trim(),
      'www.example.org.',
    );
  });

  it('does not follow an alias in circles', async () => {
    assert.match(await dig('loop.default.svc.cluster.local'), /status: SERVFAIL/);
  });

  it('passes on types it does not know', async () => {
    assert.match(await dig('TYPE65', 'nothing.example.org'), /status: NXDOMAIN/);
    assert.match(await dig('TYPE65', 'web.default.svc.cluster.local'), /status: NOERROR/);
  });

  it('fails rather than denies while it does not know the cluster yet', async () => {
    view.isSynced = false;
    try {
      assert.match(await dig('nope.default.svc.cluster.local'), /status: SERVFAIL/);
      assert.match(await dig('web.default.svc.cluster.local'), /status: NOERROR/);
    } finally {
      view.isSynced = true;
    }
  });

  it('answers many queries on one TCP connection', async () => {
    const names = Array.from({ length: 40 }, (_, i) => i + 1);
    const socket = connect(port, '127.0.0.1');
    const ids: number[] = [];
    const done = new Promise<void>((resolve, reject) => {
      let pending = Buffer.alloc(0);
      socket.on('error', reject);
      socket.on('data', (chunk) => {
        pending = Buffer.concat([pending, chunk]);
        while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
          const end = 2 + pending.readUInt16BE(0);
          ids.push(decode(pending.subarray(2, end)).id ?? 0);
          pending = pending.subarray(end);
        }
        if (ids.length === names.length) resolve();
      });
    });
    const question = { type: 'A' as const, name: 'web.default.svc.cluster.local' };
    for (const id of names)
      socket.write(framed(encode({ type: 'query', id, questions: [question] })));
    await done;
    socket.destroy();
    assert.deepEqual(
      ids.sort((a, b) => a - b),
      names,
    );
  });

  it('does not answer what is itself an answer', async () => {
    const socket = createSocket('udp4');
    const received: Buffer[] = [];
    socket.on('message', (bytes) => received.push(bytes));
    const response = encode({ type: 'response', id: 9, questions: [{ type: 'A', name: 'a' }] });
    const query = encode({
      type: 'query',
      id: 8,
      questions: [{ type: 'A', name: 'cluster.local' }],
    });
    const first = new Promise<void>((resolve) => socket.once('message', () => resolve()));
    socket.send(response, port, '127.0.0.1');
    socket.send(query, port, '127.0.0.1');
    await first;
    socket.close();
    assert.deepEqual(
      received.map((bytes) => decode(bytes).id),
      [8],
    );
  });
});

describe('the doors', () => {
  it('say which address cannot be had', async () => {
    const first = start(async () => emptyReply(RCODE.ok));
    const port = await first.listen();
    const second = new DnsServer({
      host: '127.0.0.1',
      port,
      clock: systemClock,
      log: silentLogger,
      answer: async () => emptyReply(RCODE.ok),
    });
    await assert.rejects(second.listen(), { message: new RegExp(`127.0.0.1:${port} \\(TCP\\)`) });
    await first.close();
  });

  it('answer a failure inside with a server failure', async () => {
    const server = start(async () => {
      throw new Error('bug');
    });
    const port = await server.listen();
    const { stdout } = await run('dig', ['@127.0.0.1', '-p', String(port), '+tries=1', 'a.b']);
    assert.match(stdout, /status: SERVFAIL/);
    await server.close();
  });
});
