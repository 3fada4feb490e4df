import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { WebSocket } from 'ws';
import { StreamingSetup } from './testing.ts';

const LOG = '/api/v1/namespaces/ns/pods/p/log';

const pod = (nodeName?: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name: 'p' },
  spec: { containers: [{ name: 'c' }], ...(nodeName === undefined ? {} : { nodeName }) },
});

let t: StreamingSetup;
beforeEach(async () => {
  t = new StreamingSetup();
  await t.start();
});
afterEach(() => t.close());

/** All that comes until the server closes. */
async function read(protocols: string[], path = LOG): Promise<string> {
  const socket = new WebSocket(`ws://127.0.0.1:${t.apiPort}${path}`, protocols);
  let text = '';
  socket.on('message', (data: Buffer) => {
    text += data.toString();
  });
  const [code] = (await once(socket, 'close')) as [number];
  assert.equal(code, 1000);
  assert.equal(socket.protocol, protocols[0] ?? '');
  return text;
}

describe('logs over a WebSocket', () => {
  it('come as messages, and the connection ends with them', async () => {
    t.store.seed(pod('n'));
    t.reply = (request, response) => response.end(`asked ${request.url}\n`);
    const expected = 'asked /containerLogs/ns/p/c?tailLines=3\n';
    assert.equal(await read(['binary.k8s.io'], `${LOG}?tailLines=3`), expected);
    assert.equal(await read([], `${LOG}?tailLines=3`), expected);
    const text = await read(['base64.binary.k8s.io'], `${LOG}?tailLines=3`);
    assert.equal(Buffer.from(text, 'base64').toString(), expected);
  });

  it('are empty while nothing has run', async () => {
    t.store.seed(pod());
    assert.equal(await read(['binary.k8s.io']), '');
  });

  it('are refused before anything is agreed on', async () => {
    t.store.seed(pod('n'));
    const socket = new WebSocket(`ws://127.0.0.1:${t.apiPort}${LOG}?container=x`, [
      'binary.k8s.io',
    ]);
    const [error] = (await once(socket, 'error')) as [Error];
    assert.match(error.message, /400/);
  });

  it('end at the kubelet when the client goes', async () => {
    t.store.seed(pod('n'));
    const ended = Promise.withResolvers<void>();
    t.reply = (_request, response) => {
      response.write('line\n');
      response.on('close', () => ended.resolve());
    };
    const socket = new WebSocket(`ws://127.0.0.1:${t.apiPort}${LOG}?follow=true`);
    await once(socket, 'message');
    socket.terminate();
    await ended.promise;
  });
});
