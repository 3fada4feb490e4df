import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:http2';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { ConfigError } from '@kubets/platform';
import { type EmbeddedApiServer, startApiServer } from '../index.ts';

const CONFIG_MAPS = { group: '', version: 'v1', resource: 'configmaps' };

function ask(api: EmbeddedApiServer, method: string, path: string, token = api.token) {
  return new Promise<{ status: number; json: Record<string, unknown> }>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const sent = request(
      `${api.url}${path}`,
      { method, headers, ca: api.ca, agent: false },
      (r) => {
        let text = '';
        r.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        r.on('end', () => resolve({ status: r.statusCode ?? 0, json: JSON.parse(text) }));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

describe('an embedded server', () => {
  let api: EmbeddedApiServer;
  before(async () => {
    api = await startApiServer({ tokens: { 'joe-token': { user: 'joe', groups: ['dev'] } } });
  });
  after(() => api.stop());

  it('serves what its objects hold, checked and defaulted', async () => {
    const metadata = { name: 'a', namespace: 'default' };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { k: 'v' } };
    await api.objects.create(CONFIG_MAPS, object);
    const { status, json } = await ask(api, 'GET', '/api/v1/namespaces/default/configmaps/a');
    assert.equal(status, 200);
    assert.deepEqual(json.data, { k: 'v' });
    await assert.rejects(() => api.objects.create(CONFIG_MAPS, object), /already exists/);
  });

  it('knows its users, and what they may not', async () => {
    const { status } = await ask(api, 'GET', '/api/v1/secrets', 'joe-token');
    assert.equal(status, 403);
    assert.equal((await ask(api, 'GET', '/api/v1/secrets', 'nobody-knows')).status, 401);
  });

  it('keeps an idle connection as long as the stock server does', async () => {
    const agent = new Agent({ keepAlive: true });
    const headers = { authorization: `Bearer ${api.token}` };
    const sent = request(`${api.url}/version`, { headers, ca: api.ca, agent }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    agent.destroy();
    assert.equal(response.headers['keep-alive'], 'timeout=90');
  });

  it('keeps the connection of a client that gives up many watches', async () => {
    const session = connect(api.url, { ca: api.ca });
    const path = '/api/v1/namespaces/default/configmaps?watch=true';
    const headers = { authorization: `Bearer ${api.token}`, ':path': path };
    const giveUp = async (): Promise<void> => {
      const stream = session.request(headers);
      stream.resume().on('response', () => stream.close());
      await once(stream, 'close');
    };
    let goneAway: number | undefined;
    session.on('goaway', (code: number) => {
      goneAway = code;
    });
    for (let i = 0; i < 15 && !session.closed; i++)
      await Promise.all(Array.from({ length: 100 }, giveUp));
    assert.equal(goneAway, undefined);
    const stream = session.request({ ...headers, ':path': '/version' });
    const [answer] = await once(stream, 'response');
    assert.equal(answer[':status'], 200);
    session.destroy();
  });

  it('is what kubectl takes for a cluster', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'embedded-'));
    try {
      const file = join(folder, 'kubeconfig');
      writeFileSync(file, api.kubeconfig, { mode: 0o600 });
      const args = ['--kubeconfig', file, 'get', 'namespaces', '-o', 'name'];
      const { stdout, stderr } = await promisify(execFile)('kubectl', args);
      assert.match(stdout, /namespace\/default/, stderr);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

it('two servers in one process know nothing of each other', async () => {
  const [one, two] = await Promise.all([startApiServer(), startApiServer()]);
  const metadata = { name: 'only-here', namespace: 'default' };
  await one.objects.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
  const { status } = await ask(two, 'GET', '/api/v1/namespaces/default/configmaps/only-here');
  assert.equal(status, 404);
  await Promise.all([one.stop(), two.stop()]);
});

it('pods are privileged where the server is told to let them, and only there', async () => {
  const containers = [{ name: 'c', image: 'i', securityContext: { privileged: true } }];
  const metadata = { name: 'p', namespace: 'default' };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } };
  const pods = { group: '', version: 'v1', resource: 'pods' };
  const strict = await startApiServer();
  const lax = await startApiServer({ flags: ['--allow-privileged'] });
  try {
    await assert.rejects(
      () => strict.objects.create(pods, pod),
      /securityContext\.privileged: Forbidden: disallowed by cluster policy/,
    );
    await lax.objects.create(pods, pod);
  } finally {
    await Promise.all([strict.stop(), lax.stop()]);
  }
});

it('a flag nobody knows is refused', async () => {
  await assert.rejects(() => startApiServer({ flags: ['--no-such-flag=1'] }), ConfigError);
});
