import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { describe, it } from 'node:test';
import { type EmbeddedApiServer, startApiServer } from './start.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

function open(api: EmbeddedApiServer, method: string, path: string, agent: Agent | false = false) {
  const headers = { authorization: `Bearer ${api.token}`, 'content-type': 'application/json' };
  const sent = request(`${api.url}${path}`, { method, headers, ca: api.ca, agent });
  const answer = new Promise<Answer>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      const { statusCode: status = 0, headers: all } = response;
      response.on('end', () => resolve({ status, headers: all, text }));
      response.on('error', reject);
    });
  });
  return { sent, answer };
}

async function get(api: EmbeddedApiServer, path: string): Promise<Answer> {
  const { sent, answer } = open(api, 'GET', path);
  sent.end();
  return await answer;
}

const CONFIG_MAP = JSON.stringify({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'late', namespace: 'default' },
});

describe('a server that is told to stop', () => {
  it('goes on for a while, and says that it is not ready', async () => {
    const api = await startApiServer({ flags: ['--shutdown-delay-duration=2s'] });
    const stopped = api.stop();
    const ready = await get(api, '/readyz');
    assert.equal(ready.status, 500);
    assert.match(ready.text, /\[-\]shutdown failed: reason withheld\nreadyz check failed\n$/);
    assert.equal((await get(api, '/livez')).status, 200);
    assert.equal((await get(api, '/api/v1/namespaces')).status, 200);
    await stopped;
    await assert.rejects(get(api, '/readyz'), /ECONNREFUSED/);
  });

  it('sends new requests away while it ends the others, if it is to', async () => {
    const api = await startApiServer({ flags: ['--shutdown-send-retry-after=true'] });
    const slow = open(api, 'POST', '/api/v1/namespaces/default/configmaps');
    slow.sent.write(CONFIG_MAP.slice(0, 10));
    const isUnderWay = async (): Promise<boolean> => {
      const { text } = await get(api, '/metrics');
      return /^apiserver_current_inflight_requests\{request_kind="mutating"\} 1$/m.test(text);
    };
    while (!(await isUnderWay())) await new Promise(setImmediate);
    const stopped = api.stop();
    const { status, headers, text } = await get(api, '/api/v1/namespaces');
    assert.equal(status, 429);
    assert.deepEqual([headers['retry-after'], headers.connection], ['5', 'close']);
    assert.equal(text, 'The apiserver is shutting down, please try again later.\n');
    assert.equal((await get(api, '/readyz')).status, 500);
    slow.sent.end(CONFIG_MAP.slice(10));
    assert.equal((await slow.answer).status, 201);
    await stopped;
  });

  it('ends watches one after the other within the time they have', async () => {
    const flags = ['--shutdown-watch-termination-grace-period=1s'];
    const api = await startApiServer({ flags });
    const path = '/api/v1/namespaces/default/configmaps?watch=true';
    const agent = new Agent({ maxSockets: 8 });
    let open8 = 0;
    const watches = Array.from({ length: 8 }, () => {
      const one = open(api, 'GET', path, agent);
      one.sent.end();
      one.sent.once('response', () => {
        open8 += 1;
      });
      return one.answer;
    });
    while (open8 < 8) await new Promise(setImmediate);
    const ends: number[] = [];
    const all = watches.map((watch) => watch.then(() => ends.push(performance.now())));
    await Promise.all([api.stop(), ...all]);
    assert.ok((ends.at(-1) ?? 0) - (ends[0] ?? 0) > 200, String(ends));
    agent.destroy();
  });
});
