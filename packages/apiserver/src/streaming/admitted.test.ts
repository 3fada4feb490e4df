import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { beforeEach, describe, it } from 'node:test';
import { builtinKinds } from '@kubets/api';
import { chainOf } from '../admission/chain.ts';
import { failure, user } from '../edge-testing.ts';
import type { AdmissionAttributes, AnyResponse, StreamHandler, StreamRequest } from '../ports.ts';
import { admitted } from './admitted.ts';

let asked: AdmissionAttributes[];
let opened: string[];
beforeEach(() => {
  asked = [];
  opened = [];
});

const stream = (resource: string, subresource: string): StreamHandler => ({
  ...{ group: '', resource, subresource },
  handle: async () => void opened.push('handle'),
  upgrade: async () => void opened.push('upgrade'),
});

const request = (resource: string, subresource: string, query = ''): StreamRequest =>
  ({
    info: { apiGroup: '', apiVersion: 'v1', namespace: 'ns', name: 'p', resource, subresource },
    user: user('tester'),
    query: new URLSearchParams(query),
  }) as unknown as StreamRequest;

/** A chain of one plugin that is asked about streams, and one that is not. */
const chain = (refuse = false) =>
  chainOf([
    {
      name: 'Asked',
      connects: true,
      validate: (a) => {
        asked.push(a);
        if (refuse) throw new Error('no');
      },
    },
    { name: 'NotAsked', validate: () => assert.fail('this one has no say') },
  ]);

const behind = (handler: StreamHandler, refuse = false): StreamHandler =>
  admitted(handler, { admission: chain(refuse), kinds: builtinKinds });

describe('a stream', () => {
  it('is admitted as what it is told to do', async () => {
    const attach = request('pods', 'attach', 'container=c&stdin=true&stdout=1&tty=false');
    await behind(stream('pods', 'attach')).handle(attach, {} as AnyResponse);
    const [a] = asked;
    assert.equal(a?.operation, 'CONNECT');
    assert.deepEqual([a?.name, a?.namespace, a?.subresource], ['p', 'ns', 'attach']);
    assert.deepEqual([a?.kind.kind, a?.kind.apiVersion], ['PodAttachOptions', 'v1']);
    const { metadata: _none, ...options } = a?.object ?? { metadata: {} };
    const want = { apiVersion: 'v1', kind: 'PodAttachOptions', stdin: true, stdout: true };
    assert.deepEqual(options, { ...want, container: 'c' });
    assert.deepEqual(opened, ['handle']);
  });

  it('is not opened when it is refused, upgraded or not', async () => {
    const exec = request('pods', 'exec', 'command=ls&command=-l');
    const handler = behind(stream('pods', 'exec'), true);
    await failure(() => handler.handle(exec, {} as AnyResponse));
    await failure(async () => handler.upgrade?.(exec, {} as Duplex, Buffer.alloc(0)));
    const { command } = (asked[0]?.object ?? {}) as { command?: string[] };
    assert.deepEqual(command, ['ls', '-l']);
    assert.deepEqual(opened, []);
  });

  it('of logs is only read', async () => {
    const log = stream('pods', 'log');
    assert.equal(behind(log, true), log);
  });
});
