import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { KubeObject, Node, Pod } from '@kubets/api';
import { failure } from '../edge-testing.ts';
import { createStreaming } from './index.ts';
import { logQuery } from './logs.ts';
import { isRoutable, parseProxyName } from './proxies.ts';
import { addressOf, chooseContainer } from './target.ts';
import { StreamingSetup } from './testing.ts';

const pod = (spec: Partial<Pod['spec']> = {}, status: Pod['status'] = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name: 'p' },
  spec: { containers: [{ name: 'c' }], nodeName: 'n', ...spec },
  status,
});

let t: StreamingSetup;
beforeEach(async () => {
  t = new StreamingSetup();
  await t.start();
});
afterEach(() => t.close());

const LOG = '/api/v1/namespaces/ns/pods/p/log';
const EXEC = '/api/v1/namespaces/ns/pods/p/exec';

describe('logs', () => {
  it('come from the kubelet, asked with the apiserver’s certificate', async () => {
    t.store.seed(pod());
    t.reply = (_request, response) => {
      response.setHeader('content-type', 'text/plain');
      response.end('line 1\nline 2\n');
    };
    const { status, headers, body } = await t.get(
      `${LOG}?tailLines=5&timestamps=true&previous=false`,
    );
    assert.deepEqual([status, body], [200, 'line 1\nline 2\n']);
    assert.equal(headers['content-type'], 'text/plain');
    const [asked] = t.seen;
    assert.equal(asked?.url, '/containerLogs/ns/p/c?timestamps=true&tailLines=5');
    assert.equal(asked?.peer, 'client');
  });

  it('are followed line by line, and the kubelet learns when the client leaves', async () => {
    t.store.seed(pod());
    const gone = Promise.withResolvers<void>();
    let write: (line: string) => void = () => undefined;
    t.reply = (_request, response) => {
      response.on('close', () => gone.resolve());
      response.flushHeaders();
      write = (line) => response.write(line);
    };
    const request = t.open(`${LOG}?follow=true`);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    for (const line of ['one\n', 'two\n']) {
      write(line);
      const [chunk] = await once(response, 'data');
      assert.equal(String(chunk), line);
    }
    request.destroy();
    await gone.promise;
  });

  it('end when the server drains', async () => {
    t.store.seed(pod());
    t.reply = (_request, response) => response.flushHeaders();
    const [response] = (await once(t.open(`${LOG}?follow=true`), 'response')) as [IncomingMessage];
    response.on('error', () => undefined);
    response.resume();
    const closed = new Promise((resolve) => response.on('close', resolve));
    t.stop.abort();
    await closed;
  });

  it('of a pod without a node are empty', async () => {
    t.store.seed(pod({ nodeName: '' }));
    assert.equal((await t.get(LOG)).status, 204);
  });

  const refusals: [string, () => void, number, RegExp][] = [
    ['no such pod', () => undefined, 404, /^pods "p" not found$/],
    [
      'no such node',
      () => t.store.seed(pod({ nodeName: 'gone' })),
      404,
      /^nodes "gone" not found$/,
    ],
    [
      'a kubelet that is not there',
      () => t.store.seed(pod(), t.node(1)),
      500,
      /^Get "https:\/\/127\.0\.0\.1:1\/containerLogs\/ns\/p\/c": dial tcp 127\.0\.0\.1:1: connect: connection refused/,
    ],
    [
      'a node without an address',
      () => t.store.seed(pod(), { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } }),
      500,
      /^no preferred addresses found/,
    ],
    [
      'a text of the kubelet',
      () => {
        t.store.seed(pod());
        t.reply = (_request, response) => {
          response.statusCode = 400;
          response.end('container "c" is waiting to start\n');
        };
      },
      400,
      /^container "c" is waiting to start$/,
    ],
    [
      'a Status of the kubelet',
      () => {
        t.store.seed(pod());
        t.reply = (_request, response) => {
          response.statusCode = 404;
          response.end(JSON.stringify({ kind: 'Status', message: 'no such container', code: 404 }));
        };
      },
      404,
      /^no such container$/,
    ],
    [
      'an error of the kubelet',
      () => {
        t.store.seed(pod());
        t.reply = (_request, response) => {
          response.statusCode = 500;
          response.end('boom');
        };
      },
      500,
      /^Internal error occurred: boom$/,
    ],
  ];
  for (const [what, prepare, status, message] of refusals) {
    it(`pass on: ${what}`, async () => {
      prepare();
      const answer = await t.get(LOG);
      assert.match(answer.body, message);
      assert.equal(answer.status, status);
    });
  }

  it('are not taken from a server of another authority', async () => {
    t.store.seed(pod());
    t.streaming.close();
    t.streaming = createStreaming({ store: t.store, addressTypes: ['InternalIP'], tls: {} });
    const answer = await t.get(LOG);
    assert.equal(answer.status, 500);
    assert.equal(t.seen.length, 0);
  });
});

describe('log options', () => {
  it('are passed on under the same names', () => {
    const query = new URLSearchParams(
      'follow=true&previous=true&tailLines=0&limitBytes=10&sinceTime=2027-01-01T00:00:00Z&container=c&x=y',
    );
    const passed = new URLSearchParams(logQuery(query));
    assert.deepEqual(Object.fromEntries(passed), {
      follow: 'true',
      previous: 'true',
      tailLines: '0',
      limitBytes: '10',
      sinceTime: '2027-01-01T00:00:00Z',
    });
  });

  const refused = (code: number, query: string, message: string) =>
    it(`${query} is ${code}`, async () => {
      const error = await failure(() => logQuery(new URLSearchParams(query), 'p'));
      assert.equal(error.code, code);
      assert.equal(error.message, message);
    });
  const NUMBER = 'strconv.ParseInt: parsing';
  refused(400, 'tailLines=x', `${NUMBER} "x": invalid syntax`);
  refused(400, 'limitBytes=', `${NUMBER} "": invalid syntax`);
  const layout = '"2006-01-02T15:04:05Z07:00"';
  refused(400, 'sinceTime=x', `parsing time "x" as ${layout}: cannot parse "x" as "2006"`);
  const p = 'PodLogOptions "p" is invalid';
  refused(
    422,
    'tailLines=-1',
    `${p}: tailLines: Invalid value: -1: must be greater than or equal to 0`,
  );
  refused(422, 'limitBytes=0', `${p}: limitBytes: Invalid value: 0: must be greater than 0`);
  refused(422, 'sinceSeconds=0', `${p}: sinceSeconds: Invalid value: 0: must be greater than 0`);
  refused(
    422,
    'sinceSeconds=0&sinceTime=2027-01-01T00:00:00Z',
    `${p}: []: Forbidden: at most one of \`sinceTime\` or \`sinceSeconds\` may be specified`,
  );
  refused(422, 'stream=All', `${p}: stream: Forbidden: may not be specified`);
});

describe('the container', () => {
  const several = pod({
    containers: [{ name: 'a' }, { name: 'b' }],
    initContainers: [{ name: 'i' }],
  });

  it('is the one that is named, or the only one', () => {
    assert.equal(chooseContainer(pod(), ''), 'c');
    assert.equal(chooseContainer(several, 'b'), 'b');
    assert.equal(chooseContainer(several, 'i'), 'i');
  });

  it('must be named when there are several, and must exist', async () => {
    assert.equal(
      (await failure(() => chooseContainer(several, ''))).message,
      'a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]',
    );
    assert.equal(
      (await failure(() => chooseContainer(several, 'x'))).message,
      'container x is not valid for pod p',
    );
  });
});

it('a kubelet is reached at the address of the first kind it has, at its port or the usual one', () => {
  const node = (addresses: { type: string; address: string }[], Port = 0): Node => ({
    metadata: {},
    status: { addresses, daemonEndpoints: { kubeletEndpoint: { Port } } },
  });
  const external = { type: 'ExternalIP', address: '198.51.100.1' };
  const host = { type: 'Hostname', address: 'n1' };
  const internal = { type: 'InternalIP', address: '192.0.2.1' };
  const types = ['InternalIP', 'Hostname'];
  const all = node([external, host, internal], 1);
  assert.deepEqual(addressOf(all, types), { host: '192.0.2.1', port: 1 });
  assert.deepEqual(addressOf(all, types.toReversed()), { host: 'n1', port: 1 });
  assert.deepEqual(addressOf(node([external, host]), types), { host: 'n1', port: 10_250 });
  const why = 'no preferred addresses found; known addresses: [{ExternalIP 198.51.100.1}]';
  assert.throws(() => addressOf(node([external]), types), { message: why });
});

describe('exec', () => {
  const accept = (socket: Duplex): boolean =>
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: abc\r\n\r\n',
    );

  it('joins client and kubelet byte by byte, both ways, to the end', async () => {
    t.store.seed(pod());
    const kubelet = Promise.withResolvers<Duplex>();
    t.onUpgrade = (_request, socket) => {
      accept(socket);
      kubelet.resolve(socket);
    };
    const path = `${EXEC}?command=sh&command=-c&command=a%20b%26c&stdin=true&stdout=true&tty=true`;
    const { response, socket } = await t.upgrade(path, {
      'sec-websocket-key': 'key',
      'sec-websocket-protocol': 'v5.channel.k8s.io',
      authorization: 'Bearer secret',
    });
    assert.equal(response.statusCode, 101);
    assert.equal(response.headers['sec-websocket-accept'], 'abc');
    const [asked] = t.seen;
    const url = new URL(asked?.url ?? '', 'http://x');
    assert.equal(url.pathname, '/exec/ns/p/c');
    assert.deepEqual(url.searchParams.getAll('command'), ['sh', '-c', 'a b&c']);
    for (const name of ['stdin', 'input', 'stdout', 'output', 'tty']) {
      assert.equal(url.searchParams.get(name), '1', name);
    }
    assert.equal(url.searchParams.get('stderr'), null);
    assert.equal(asked?.headers['sec-websocket-protocol'], 'v5.channel.k8s.io');
    assert.equal(asked?.headers['sec-websocket-key'], 'key');
    assert.equal(asked?.headers.authorization, undefined);
    const there = await kubelet.promise;
    socket?.write('to the pod');
    assert.equal(String((await once(there, 'data'))[0]), 'to the pod');
    there.write('from the pod');
    assert.equal(String((await once(socket ?? assert.fail(), 'data'))[0]), 'from the pod');
    there.end();
    await once(socket ?? assert.fail(), 'close');
  });

  it('what was sent before the end arrives, however slowly the client reads', async () => {
    t.store.seed(pod());
    const sent = Buffer.alloc(4 * 1024 * 1024, 'x');
    t.onUpgrade = (_request, socket) => {
      accept(socket);
      socket.end(sent);
    };
    const { socket = assert.fail() } = await t.upgrade(`${EXEC}?command=sh&stdout=true`);
    let got = 0;
    for await (const chunk of socket) {
      got += (chunk as Buffer).length;
      await new Promise(setImmediate);
    }
    assert.equal(got, sent.length);
  });

  it('the kubelet learns when the client leaves', async () => {
    t.store.seed(pod());
    const left = Promise.withResolvers<void>();
    t.onUpgrade = (_request, socket) => {
      accept(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => left.resolve());
      socket.resume();
    };
    const { socket } = await t.upgrade(`${EXEC}?command=sh&stdout=true`);
    socket?.on('error', () => undefined);
    socket?.destroy();
    await left.promise;
  });

  it('a token sent as a subprotocol stays here', async () => {
    t.store.seed(pod());
    t.onUpgrade = (_request, socket) => accept(socket);
    const bearer = 'base64url.bearer.authorization.k8s.io.c2VjcmV0';
    const { socket } = await t.upgrade(`${EXEC}?command=sh`, {
      'sec-websocket-protocol': `${bearer}, v5.channel.k8s.io`,
    });
    assert.equal(t.seen[0]?.headers['sec-websocket-protocol'], 'v5.channel.k8s.io');
    socket?.destroy();
  });

  it('a plain request is told to upgrade', async () => {
    t.store.seed(pod());
    const { status, body } = await t.get(EXEC, { method: 'POST' });
    assert.deepEqual([status, body], [400, 'Upgrade request required']);
  });

  const refusals: [string, () => void, number, RegExp][] = [
    [
      'no node yet',
      () => t.store.seed(pod({ nodeName: '' })),
      400,
      /^pod p does not have a host assigned$/,
    ],
    [
      'a pod that is done',
      () => t.store.seed(pod({}, { phase: 'Succeeded' })),
      400,
      /^cannot exec into a container in a completed pod; current phase is Succeeded$/,
    ],
    [
      'the kubelet says no',
      () => {
        t.store.seed(pod());
        t.onUpgrade = (_request, socket) =>
          socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 19\r\n\r\ncontainer not found');
      },
      404,
      /^container not found$/,
    ],
    ['the kubelet hangs up', () => t.store.seed(pod()), 500, /^Get "https:.* EOF$/],
  ];
  for (const [what, prepare, status, message] of refusals) {
    it(`is refused: ${what}`, async () => {
      prepare();
      const { response, body } = await t.upgrade(`${EXEC}?command=sh`);
      assert.match(body, message);
      assert.equal(response.statusCode, status);
    });
  }

  it('attach and port-forward have paths of their own', async () => {
    t.store.seed(pod());
    t.onUpgrade = (_request, socket) => accept(socket);
    for (const what of [
      'attach?stdout=True&stdin=False&stderr=0',
      'portforward?ports=80&ports=81,82',
    ]) {
      (await t.upgrade(`/api/v1/namespaces/ns/pods/p/${what}`)).socket?.destroy();
    }
    assert.deepEqual(
      t.seen.map(({ url }) => url),
      ['/attach/ns/p/c?stdout=1&output=1', '/portForward/ns/p?port=80&port=81&port=82'],
    );
  });
});

describe('the proxies', () => {
  it('to a node reach its kubelet, with path, query and body, without credentials', async () => {
    t.reply = (request, response) => {
      response.setHeader('x-kind', 'kubelet');
      response.statusCode = 418;
      request.pipe(response);
    };
    const { status, headers, body } = await t.get('/api/v1/nodes/n/proxy/run/a%20b?q=1', {
      method: 'POST',
      headers: { authorization: 'Bearer secret', 'x-own': 'kept' },
      body: 'sent',
    });
    assert.deepEqual([status, body, headers['x-kind']], [418, 'sent', 'kubelet']);
    const [asked] = t.seen;
    assert.equal(asked?.url, '/run/a%20b?q=1');
    assert.equal(asked?.headers.authorization, undefined);
    assert.equal(asked?.headers['x-own'], 'kept');
  });

  it('are found whichever characters of a name are escaped', async () => {
    for (const name of ['%6e', '%5Cb9";:;1:', 'N']) {
      const { status } = await t.get(`/api/v1/nodes/${name}/proxy/x`);
      assert.ok([200, 400, 404].includes(status ?? 0), `${name}: ${status}`);
    }
    assert.equal((await t.get('/api/v1/nodes/%6e/proxy/x')).status, 200);
  });

  it('to what is not there are not redirected', async () => {
    assert.equal((await t.get('/api/v1/nodes/other/proxy')).status, 404);
    assert.equal((await t.get('/api/v1/nodes/n/proxy')).status, 301);
  });

  it('to a node reach no other port', async () => {
    assert.equal((await t.get('/api/v1/nodes/n:22/proxy/')).status, 400);
    assert.equal((await t.get(`/api/v1/nodes/n:${t.kubeletPort}/proxy/`)).status, 200);
  });

  it('to a pod and a service reach a port of theirs', async () => {
    const web = createHttpServer((request, response) => response.end(`web ${request.url}`));
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    const { port } = web.address() as AddressInfo;
    t.store.seed(
      pod(
        { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: port }] }] },
        { podIP: '127.0.0.1' },
      ),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { namespace: 'ns', name: 's' },
        spec: { ports: [{ name: 'web', port: 80 }] },
      },
      {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { namespace: 'ns', name: 's' },
        subsets: [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ name: 'web', port }] }],
      } as KubeObject,
    );
    const base = '/api/v1/namespaces/ns';
    for (const name of ['pods/p', 'pods/p:http', 'services/s:web', 'services/http:s:80']) {
      assert.equal((await t.get(`${base}/${name}/proxy/x?y=1`)).body, 'web /x?y=1', name);
    }
    const none = (asked: string) => `no endpoints available for service "${asked}"`;
    for (const [name, status, body] of [
      ['s', 503, none('s')],
      ['s:nope', 503, none('s:nope')],
      ['s:81', 503, 'no service port 81 found for service "s"'],
      ['t', 404, 'endpoints "t" not found'],
      ['t:1', 404, 'services "t" not found'],
    ] as const) {
      const answer = await t.get(`${base}/services/${name}/proxy/`);
      assert.deepEqual([answer.status, answer.body], [status, body]);
    }
    assert.equal((await t.get(`${base}/pods/p:nope/proxy/`)).status, 400);
    web.closeAllConnections();
    web.close();
  });

  it('to a pod do not reach this machine or its link', async () => {
    t.streaming.close();
    t.streaming = createStreaming({ store: t.store, addressTypes: ['InternalIP'], tls: {} });
    t.store.seed(pod({}, { podIP: '127.0.0.1' }));
    const answer = await t.get('/api/v1/namespaces/ns/pods/p/proxy/');
    assert.deepEqual([answer.status, answer.body], [400, 'address not allowed']);
    for (const address of ['10.244.0.5', '192.0.2.1', '2001:db8::1', '12.7.0.1']) {
      assert.ok(isRoutable(address), address);
    }
    const closed = [
      '127.0.0.1',
      '127.9.9.9',
      '169.254.169.254',
      '0.0.0.0',
      '::1',
      'fe80::1',
      '224.0.0.1',
      '255.255.255.255',
      '::ffff:127.0.0.1',
    ];
    for (const address of closed) assert.ok(!isRoutable(address), address);
  });

  it('read names as [scheme:]name[:port]', async () => {
    const parsed = (text: string) => parseProxyName(text, 'pod');
    assert.deepEqual(parsed('a'), { scheme: 'http', name: 'a', port: '' });
    assert.deepEqual(parsed('a:1'), { scheme: 'http', name: 'a', port: '1' });
    assert.deepEqual(parsed('https:a:1'), { scheme: 'https', name: 'a', port: '1' });
    for (const text of ['ftp:a:1', ':1', 'https::1', 'http:a:b:1']) {
      const error = await failure(() => parsed(text));
      assert.equal(error.code, 400);
      assert.equal(error.message, `invalid pod request "${text}"`);
    }
  });
});
