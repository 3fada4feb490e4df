import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { beforeEach, describe, it } from 'node:test';
import { builtinKinds, unauthorized } from '@kubets/api';
import { ManualClock, seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { PlainTextError } from '../auth/impersonation.ts';
import type { Gate } from '../gate.ts';
import { Heartbeats } from '../heartbeats.ts';
import { Inflight } from '../inflight.ts';
import { HEARTBEAT_ROUND_MS } from '../limits.ts';
import type { AuthorizationAttributes, Credentials, StreamHandler } from '../ports.ts';
import { FULL } from '../testing/full-gate.ts';
import { testMetrics } from '../testing/index.ts';
import { refusal, useScene } from '../testing/scene.ts';
import { RestHandler } from './handler.ts';
import { ResourceHandler } from './resource-handler.ts';

const s = useScene();

interface Seen {
  credentials: Credentials | undefined;
  asked: AuthorizationAttributes[];
  /** Streams that count as open. */
  open: number;
}

let seen: Seen;
let known: boolean;
let impersonation: Error | undefined;
let gate: Gate;
let heartbeats: Heartbeats;
let heart: ManualClock;
beforeEach(() => {
  seen = { credentials: undefined, asked: [], open: 0 };
  known = true;
  impersonation = undefined;
  gate = new Inflight({ reads: 0, writes: 0 });
  heart = new ManualClock();
  heartbeats = new Heartbeats(heart);
});

const exec: StreamHandler = {
  group: '',
  resource: 'pods',
  subresource: 'exec',
  handle: () => Promise.resolve(),
  upgrade: () => Promise.resolve(),
};
const log: StreamHandler = { ...exec, subresource: 'log' };
delete (log as { upgrade?: unknown }).upgrade;

function handler(): RestHandler {
  const clock = systemClock;
  const { registry } = s.t;
  const opened = (): (() => void) => {
    seen.open += 1;
    return () => {
      seen.open -= 1;
    };
  };
  const metrics = Object.assign(testMetrics(), { opened });
  const { watchEvents } = metrics;
  return new RestHandler({
    authenticator: {
      authenticate: (credentials) => {
        seen.credentials = credentials;
        if (credentials.authorization === 'Bearer wrong') throw unauthorized();
        return Promise.resolve(known ? { name: 'u', uid: '', groups: [], extra: {} } : undefined);
      },
    },
    impersonator: {
      impersonate: (user) =>
        impersonation ? Promise.reject(impersonation) : Promise.resolve(user),
    },
    authorizer: {
      authorize: (attributes) => {
        seen.asked.push(attributes);
        return Promise.resolve({ allowed: attributes.namespace !== 'secret', reason: '' });
      },
    },
    kinds: builtinKinds,
    resources: new ResourceHandler({
      ...{ registry, clock, random: seededRandom(1), watchEvents },
      minWatchMs: 1_800_000,
    }),
    virtuals: [],
    streams: [exec, log],
    paths: [],
    ...{ metrics, gate, heartbeats },
    longestMs: 60_000,
    clock,
    log: silentLogger,
    signal: new AbortController().signal,
    newId: () => 'id',
  });
}

const asking = (
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
): IncomingMessage =>
  ({ url, method, headers, socket: new EventEmitter() }) as unknown as IncomingMessage;

const NO_PEER = { peer: undefined };
const EXEC = '/api/v1/namespaces/a/pods/p/exec?command=sh';

describe('upgrades', () => {
  it('are authenticated, authorised and handed over', async () => {
    const { admitted, handler: found } = await handler().upgrade(asking(EXEC), NO_PEER);
    assert.equal(found, exec);
    assert.equal(admitted.query.get('command'), 'sh');
    const [asked] = seen.asked;
    assert.deepEqual(
      [asked?.verb, asked?.resource, asked?.subresource, asked?.namespace, asked?.name],
      ['get', 'pods', 'exec', 'a', 'p'],
    );
  });

  it('count as open until their socket closes, also one that had closed before', async () => {
    const request = asking(EXEC);
    await handler().upgrade(request, NO_PEER);
    assert.equal(seen.open, 1);
    request.socket.emit('close');
    assert.equal(seen.open, 0);
    const gone = asking(EXEC);
    Object.assign(gone.socket, { destroyed: true });
    await handler().upgrade(gone, NO_PEER);
    assert.equal(seen.open, 0);
  });

  it('take a token that a browser can only send as a subprotocol', async () => {
    const token = Buffer.from('secret-token').toString('base64url');
    const protocol = `v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.${token}`;
    const headers = { upgrade: 'websocket', connection: 'Upgrade' };
    const request = asking(EXEC, { ...headers, 'sec-websocket-protocol': protocol });
    await handler().upgrade(request, NO_PEER);
    assert.equal(seen.credentials?.authorization, 'Bearer secret-token');
  });

  it('prefer the header', async () => {
    const headers = { authorization: 'Bearer a', 'sec-websocket-protocol': 'v5.channel.k8s.io' };
    await handler().upgrade(asking(EXEC, headers), NO_PEER);
    assert.equal(seen.credentials?.authorization, 'Bearer a');
  });

  it('are told who the certificate says', async () => {
    const peer = { commonName: 'node', organizations: ['system:nodes'] };
    await handler().upgrade(asking(EXEC), { peer });
    assert.deepEqual(seen.credentials?.peer, peer);
  });

  const refused: readonly [string, string, Record<string, string>, number, string][] = [
    ['to what is no stream', '/api/v1/namespaces/a/pods/p', {}, 404, 'NotFound'],
    ['to a stream without one', '/api/v1/namespaces/a/pods/p/log', {}, 404, 'NotFound'],
    ['without the right', '/api/v1/namespaces/secret/pods/p/exec', {}, 403, 'Forbidden'],
    ['with a wrong token', EXEC, { authorization: 'Bearer wrong' }, 401, 'Unauthorized'],
  ];
  for (const [what, url, headers, code, reason] of refused) {
    it(`${what} are refused with ${code}`, async () => {
      await assert.rejects(handler().upgrade(asking(url, headers), NO_PEER), refusal(code, reason));
    });
  }

  it('by nobody are refused when anonymous requests are off', async () => {
    known = false;
    await assert.rejects(handler().upgrade(asking(EXEC), NO_PEER), refusal(401, 'Unauthorized'));
  });
});

/** A response that only remembers. */
class Memory {
  statusCode = 200;
  headersSent = false;
  destroyed = false;
  text = '';
  readonly headers = new Map<string, unknown>();

  getHeader(): undefined {
    return undefined;
  }
  setHeader(name: string, value: unknown): void {
    this.headers.set(name, value);
  }

  end(text: unknown = ''): void {
    this.text += String(text);
    this.headersSent = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  once(): this {
    return this;
  }
}

async function answer(url: string, method = 'GET', response = new Memory()): Promise<Memory> {
  await handler().handle(asking(url, {}, method), response as never, NO_PEER);
  return response;
}

it('heartbeats are served in rounds, everything else at once', async () => {
  const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n';
  const taken = async (url: string): Promise<boolean> => (await answer(url, 'PUT')).headersSent;
  assert.ok(await taken(lease), 'the first after a quiet time');
  const waiting = new Memory();
  const second = answer(lease, 'PUT', waiting);
  assert.ok(await taken(lease.replace('kube-node-lease', 'kube-system')));
  assert.equal(waiting.headersSent, false);
  heart.advance(HEARTBEAT_ROUND_MS);
  await second;
  assert.ok(waiting.headersSent);
});

describe('answers of the handler itself', () => {
  it('number every request', async () => {
    assert.equal((await answer('/nope')).headers.get('audit-id'), 'id');
  });

  it('refuse what has no place any more', async () => {
    gate = FULL;
    const response = await answer('/api/v1/pods');
    assert.equal(response.statusCode, 429);
    assert.equal(response.headers.get('retry-after'), '1');
  });

  it('pass plain text errors on as text', async () => {
    impersonation = new PlainTextError(500, 'requested groups without a user');
    const response = await answer('/api/v1/pods');
    assert.equal(response.statusCode, 500);
    assert.equal(
      response.text,
      'Internal Server Error: "/api/v1/pods": requested groups without a user\n',
    );
  });

  it('hide nothing of a bug but its stack', async () => {
    impersonation = new TypeError('x is undefined');
    const response = await answer('/api/v1/pods');
    assert.equal(response.statusCode, 500);
    const status = JSON.parse(response.text) as { reason: string; message: string };
    assert.equal(status.reason, 'InternalError');
    assert.match(status.message, /x is undefined/);
    assert.doesNotMatch(response.text, /at .*\.ts/);
  });

  it('a double slash is a path, not a host', async () => {
    const response = await answer('//api/v1/pods');
    assert.equal(response.statusCode, 404);
    assert.equal(seen.asked[0]?.path, '//api/v1/pods');
  });
});
