import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type EmbeddedApiServer, startApiServer } from '../embedded/start.ts';

const POLICY = `
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: Metadata
    omitStages: [RequestReceived]
    resources: [{ group: "", resources: [secrets] }]
  - level: RequestResponse
    omitManagedFields: true
    resources: [{ group: "", resources: [configmaps] }]
  - level: Metadata
    nonResourceURLs: [/version]
`;

type Event = Record<string, unknown> & {
  stage: string;
  user: { username: string; groups?: string[] };
  impersonatedUser?: { username: string };
  objectRef?: { name?: string };
  responseStatus?: Record<string, unknown>;
  annotations?: Record<string, string>;
  responseObject?: { metadata: Record<string, unknown> };
};

const folder = mkdtempSync(join(tmpdir(), 'audit-'));
const logFile = join(folder, 'audit.log');
let api: EmbeddedApiServer;

before(async () => {
  writeFileSync(join(folder, 'policy.yaml'), POLICY);
  api = await startApiServer({
    flags: [`--audit-policy-file=${join(folder, 'policy.yaml')}`, `--audit-log-path=${logFile}`],
    tokens: { 'joe-token': { user: 'joe', groups: ['dev'] } },
  });
});
after(async () => {
  await api.stop();
  rmSync(folder, { recursive: true });
});

interface Ask {
  readonly body?: object;
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

/** Resolves with status, audit id and the events of the request. */
async function ask(method: string, path: string, o: Ask = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; id: string }>();
  const headers = {
    authorization: `Bearer ${o.token ?? api.token}`,
    'content-type': 'application/json',
    'user-agent': 'test/1',
    ...o.headers,
  };
  const sent = request(`${api.url}${path}`, { method, headers, ca: api.ca }, (response) => {
    response.resume();
    const id = String(response.headers['audit-id']);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, id }));
  });
  sent.on('error', reject);
  sent.end(o.body && JSON.stringify(o.body));
  const { status, id } = await promise;
  return { status, id, events: eventsOf(id) };
}

const eventsOf = (id: string): Event[] =>
  readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event)
    .filter((event) => event.auditID === id);

const MAPS = '/api/v1/namespaces/default/configmaps';
const SECRETS = '/api/v1/namespaces/default/secrets';

describe('the audit log', () => {
  it('has both bodies where the policy wants them', async () => {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { x: 'y' } };
    const { status, events } = await ask('POST', `${MAPS}?fieldManager=me`, { body });
    assert.equal(status, 201);
    const [first, last] = events;
    assert.deepEqual(
      events.map(({ stage }) => stage),
      ['RequestReceived', 'ResponseComplete'],
    );
    assert.equal(first?.responseStatus, undefined);
    assert.equal(last?.kind, 'Event');
    assert.equal(last?.apiVersion, 'audit.k8s.io/v1');
    assert.equal(last?.level, 'RequestResponse');
    assert.equal(last?.requestURI, `${MAPS}?fieldManager=me`);
    assert.equal(last?.verb, 'create');
    assert.equal(last?.userAgent, 'test/1');
    assert.deepEqual(last?.sourceIPs, ['127.0.0.1']);
    const ref = { resource: 'configmaps', namespace: 'default', name: 'a', apiVersion: 'v1' };
    assert.deepEqual(last?.objectRef, ref);
    assert.deepEqual(last?.responseStatus, { metadata: {}, code: 201 });
    assert.deepEqual(last?.requestObject, body);
    assert.equal(last?.responseObject?.metadata.name, 'a');
    assert.equal(last?.responseObject?.metadata.managedFields, undefined);
    assert.deepEqual(last?.annotations, {
      'authorization.k8s.io/decision': 'allow',
      'authorization.k8s.io/reason': '',
    });
    const list = await ask('GET', MAPS);
    const answer = list.events.at(-1)?.responseObject as unknown as {
      kind: string;
      items: object[];
    };
    assert.deepEqual([answer.kind, answer.items.length > 0], ['ConfigMapList', true]);
  });

  it('never has a secret where the policy wants metadata', async () => {
    const metadata = { name: 's' };
    const word = 'c3VwZXItc2VjcmV0';
    const body = { apiVersion: 'v1', kind: 'Secret', metadata, data: { password: word } };
    const made = await ask('POST', SECRETS, { body });
    await ask('GET', `${SECRETS}/s`);
    await ask('PUT', `${SECRETS}/s`, { body });
    const headers = { 'content-type': 'application/merge-patch+json' };
    await ask('PATCH', `${SECRETS}/s`, { body: { data: { password: word } }, headers });
    await ask('POST', SECRETS, { body: { ...body, metadata: { name: 'Bad_Name' } } });
    const gone = await ask('DELETE', `${SECRETS}/s`);
    assert.deepEqual([made.status, gone.status], [201, 200]);
    assert.equal(made.events.length, 1);
    assert.equal(made.events[0]?.objectRef?.name, 's');
    const text = readFileSync(logFile, 'utf8');
    assert.ok(!text.includes(word) && !text.includes('super-secret'));
    assert.ok(!made.events[0]?.requestObject && !made.events[0]?.responseObject);
  });

  it('tells who was refused, and why', async () => {
    const { status, events } = await ask('GET', `${MAPS}/a`, { token: 'joe-token' });
    assert.equal(status, 403);
    const last = events.at(-1);
    const { code, reason, message } = last?.responseStatus ?? {};
    assert.deepEqual([code, reason], [403, 'Forbidden']);
    assert.match(String(message), /User "joe" cannot get resource "configmaps"/);
    assert.equal(last?.annotations?.['authorization.k8s.io/decision'], 'forbid');
    assert.deepEqual(last?.user.groups, ['dev', 'system:authenticated']);
  });

  it('tells who could not be authenticated', async () => {
    const { status, events } = await ask('GET', `${MAPS}/a`, { token: 'wrong' });
    assert.equal(status, 401);
    assert.deepEqual(events.at(-1)?.user, { username: '' });
    assert.equal(events.at(-1)?.responseStatus?.code, 401);
  });

  it('tells whom an administrator acts as', async () => {
    const headers = { 'impersonate-user': 'joe' };
    const { events } = await ask('GET', '/version', { headers });
    const last = events.at(-1);
    assert.equal(last?.user.username, 'kubernetes-admin');
    assert.equal(last?.impersonatedUser?.username, 'joe');
    assert.equal(last?.objectRef, undefined);
  });

  it('takes over the id a client gives', async () => {
    const { id } = await ask('GET', '/version', { headers: { 'audit-id': 'of-the-client' } });
    assert.equal(id, 'of-the-client');
  });

  it('has the beginning and the end of a watch', async () => {
    const { id } = await ask('GET', `${MAPS}?watch=1&timeoutSeconds=1`);
    // The server learns that the answer has gone out after the client has it.
    while (eventsOf(id).length < 3) await new Promise(setImmediate);
    const events = eventsOf(id);
    const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete'];
    assert.deepEqual(
      events.map(({ stage }) => stage),
      stages,
    );
  });

  it('has nothing of what the policy does not name', async () => {
    assert.deepEqual((await ask('GET', '/api/v1/nodes')).events, []);
  });
});
