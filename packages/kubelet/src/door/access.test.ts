import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type RequestOptions, request } from 'node:https';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { SubjectAccessReview, TokenReview } from '@kubets/api';
import { ManualClock, Metrics, silentLogger } from '@kubets/platform';
import { clientTls, doorTls, strangerTls } from '../testing/certificates.ts';
import { ListedAccess } from '../testing/door-access.ts';
import { askOf, ReviewedAccess } from './access.ts';
import { Door } from './server.ts';
import { UsagePages } from './usage-pages.ts';

const CLIENT = 'kube-apiserver-kubelet-client';
const ANN = { name: 'ann', uid: '7', groups: ['dev'], extra: { why: ['x'] } };

describe('what a request asks of the node', () => {
  const cases: readonly [method: string, first: string, verb: string, subresource: string][] = [
    ['GET', 'pods', 'get', 'proxy'],
    ['GET', 'healthz', 'get', 'proxy'],
    ['GET', 'configz', 'get', 'proxy'],
    ['GET', 'containerLogs', 'get', 'proxy'],
    ['GET', 'exec', 'get', 'proxy'],
    ['POST', 'exec', 'create', 'proxy'],
    ['CONNECT', '', 'create', 'proxy'],
    ['GET', 'stats', 'get', 'stats'],
    ['HEAD', 'metrics', 'get', 'metrics'],
    ['GET', 'logs', 'get', 'log'],
    ['PUT', 'constructor', 'update', 'proxy'],
  ];
  for (const [method, first, verb, subresource] of cases) {
    it(`${method} /${first}: ${verb} nodes/${subresource}`, () => {
      assert.deepEqual(askOf(method, first), { verb, subresource });
    });
  }
});

describe('the door', () => {
  const clock = new ManualClock();
  let access = new ListedAccess();
  let door: Door;
  let port = 0;
  before(async () => {
    const all = () => [];
    door = new Door({
      ...{ tls: doorTls(), clock, log: silentLogger, metrics: new Metrics() },
      access: {
        identify: (token) => access.identify(token),
        mayPass: (user, ask) => access.mayPass(user, ask),
      },
      ...{ find: () => undefined, all, healthy: async () => undefined, configuration: () => ({}) },
      usage: new UsagePages({
        ...{ clock, log: silentLogger, all, probes: () => [], real: undefined },
      }),
      logFolder: undefined,
    });
    port = await door.listen('127.0.0.1', 0);
  });
  beforeEach(() => {
    access = new ListedAccess();
  });
  after(() => door.close());

  /** The answer to a request, or to an upgrade or CONNECT that is refused. */
  async function send(path: string, o: RequestOptions = {}) {
    const sent = request({ host: '127.0.0.1', port, path, agent: false, ...clientTls(), ...o });
    sent.end();
    const event = o.method === 'CONNECT' ? 'connect' : 'response';
    const [answer, socket, head] = await once(sent, event);
    let body = head === undefined ? '' : String(head);
    for await (const chunk of event === 'connect' ? socket : answer) body += String(chunk);
    return { status: answer.statusCode, body };
  }
  const { ca } = clientTls();
  const upgrade = { connection: 'Upgrade', upgrade: 'SPDY/3.1' };
  const ways: readonly [string, string, RequestOptions][] = [
    ['a page', '/pods', {}],
    ['its health', '/healthz', {}],
    ['what there is not', '/nothing', {}],
    ['a session', '/exec/shop/web/main?command=sh', { method: 'POST', headers: upgrade }],
    ['a port of a pod', '10.0.0.1:80', { method: 'CONNECT' }],
  ];

  for (const [what, path, o] of ways) {
    it(`does not give ${what} to nobody`, async () => {
      for (const tls of [strangerTls(), { ca, cert: undefined, key: undefined }]) {
        const { status, body } = await send(path, { ...tls, ...o });
        assert.deepEqual([status, body.trim()], [401, 'Unauthorized']);
      }
      assert.deepEqual(access.asked, []);
    });

    it(`does not give ${what} to somebody who may not`, async () => {
      const { status, body } = await send(path, o);
      const verb = o.method === undefined ? 'get' : 'create';
      const facts = `user=${CLIENT}, verb=${verb}, resource=nodes, subresource(s)=[proxy]`;
      assert.deepEqual([status, body.trim()], [403, `Forbidden (${facts})`]);
    });

    it(`does not give ${what} while nobody can say who may`, async () => {
      access.fault = 'no apiserver';
      const { status, body } = await send(path, o);
      assert.equal(status, 500);
      assert.match(body, /^Authorization error \(.*\): no apiserver/);
    });
  }

  it('takes a token for a certificate', async () => {
    access.tokens = { t1: ANN };
    access.allowed = (user, { subresource }) => user.name === 'ann' && subresource === 'metrics';
    const bare = { ca, cert: undefined, key: undefined };
    const with1 = { ...bare, headers: { authorization: 'Bearer t1' } };
    assert.equal((await send('/metrics', with1)).status, 200);
    assert.equal((await send('/pods', with1)).status, 403);
    const with2 = { ...bare, headers: { authorization: 'Bearer t2' } };
    assert.equal((await send('/metrics', with2)).status, 401);
    access.fault = 'no apiserver';
    const { status, body } = await send('/metrics', with1);
    assert.deepEqual([status, body], [500, 'Authentication error: no apiserver']);
  });

  it('knows the groups of a certificate', async () => {
    access.allowed = () => true;
    assert.equal((await send('/healthz')).status, 200);
    const groups = 'system:masters,system:authenticated';
    assert.deepEqual(access.asked, [`${CLIENT} [${groups}] get proxy`]);
  });
});

describe('the apiserver’s verdicts', () => {
  let clock: ManualClock;
  let access: ReviewedAccess;
  let reviews: SubjectAccessReview[];
  let tokens: TokenReview[];
  let allowed: boolean;
  beforeEach(() => {
    clock = new ManualClock();
    [reviews, tokens, allowed] = [[], [], true];
    access = new ReviewedAccess({
      ...{ nodeName: 'n1', clock },
      accessReviews: {
        create: async (review) => {
          reviews.push(review);
          return { ...review, status: { allowed } };
        },
      },
      tokenReviews: {
        create: async (review) => {
          tokens.push(review);
          const { name: username, ...user } = ANN;
          const isKnown = review.spec.token === 't1';
          const status = isKnown ? { authenticated: true, user: { username, ...user } } : {};
          return { ...review, status };
        },
      },
    });
  });
  const ask = { verb: 'get', subresource: 'stats' };

  it('are asked for with all that is known of the user', async () => {
    assert.equal(await access.mayPass(ANN, ask), true);
    assert.deepEqual(reviews[0]?.spec, {
      ...{ user: 'ann', uid: '7', groups: ['dev'], extra: { why: ['x'] } },
      resourceAttributes: {
        ...{ verb: 'get', version: 'v1', resource: 'nodes', subresource: 'stats', name: 'n1' },
      },
    });
  });

  it('are believed for five minutes, refusals for half a minute', async () => {
    const both = [access.mayPass(ANN, ask), access.mayPass(ANN, ask)];
    assert.deepEqual(await Promise.all(both), [true, true]);
    clock.advance(299_000);
    await access.mayPass(ANN, ask);
    assert.equal(reviews.length, 1);
    clock.advance(2_000);
    allowed = false;
    assert.equal(await access.mayPass(ANN, ask), false);
    clock.advance(29_000);
    allowed = true;
    assert.equal(await access.mayPass(ANN, ask), false);
    clock.advance(2_000);
    assert.equal(await access.mayPass(ANN, ask), true);
    assert.equal(await access.mayPass({ ...ANN, groups: ['ops'] }, ask), true);
    assert.equal(reviews.length, 4);
  });

  it('need no asking for masters: the apiserver itself is one', async () => {
    allowed = false;
    assert.equal(await access.mayPass({ name: 'x', groups: ['system:masters'] }, ask), true);
    assert.deepEqual(reviews, []);
  });

  it('tell whose a token is, for two minutes', async () => {
    for (let i = 0; i < 2; i += 1) assert.deepEqual(await access.identify('t1'), ANN);
    assert.equal(tokens.length, 1);
    clock.advance(121_000);
    await access.identify('t1');
    assert.equal(await access.identify('t2'), undefined);
    assert.equal(tokens.length, 3);
  });
});
