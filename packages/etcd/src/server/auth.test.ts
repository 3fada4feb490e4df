/** Users and roles over real connections: logging in, what is refused, and what a restart keeps. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TlsMaterial } from '@kubets/platform';
import { type Loose, serviceMethods, type WatchResponse } from '../codec/index.ts';
import { CODE } from '../errors.ts';
import { FrameReader, sealFrame } from './frames.ts';
import { type Etcd, startEtcd } from './solo.ts';
import { member } from './testing/certificates.ts';

const b = (text: string): Buffer => Buffer.from(text);
const AUTH = 'etcdserverpb.Auth';
const KV = 'etcdserverpb.KV';
const BCRYPT = { bcryptCost: 4 };
const FRAME_HEAD = 5;
const MAX_BYTES = 10_000_000;

interface Answer {
  readonly code: number;
  readonly message: string;
  readonly messages: readonly unknown[];
}

interface Call {
  readonly service: string;
  readonly name: string;
  readonly request?: object;
  readonly token?: string | undefined;
  /** Ends a stream after this many answers. */
  readonly answers?: number;
}

/** Calls of one connection, with or without a token. */
class Caller {
  private readonly session;

  constructor(endpoint: string, tls?: TlsMaterial) {
    this.session = connect(endpoint, tls && { ...tls });
  }

  call({ service, name, request = {}, token, answers }: Call): Promise<Answer> {
    const method = serviceMethods(service)[name];
    assert.ok(method, name);
    const stream = this.session.request({
      ...{ ':method': 'POST', ':path': method.path, te: 'trailers' },
      'content-type': 'application/grpc',
      ...(token !== undefined && { token }),
    });
    const reader = new FrameReader(MAX_BYTES);
    const messages: unknown[] = [];
    let trailers: Record<string, unknown> = {};
    return new Promise((resolve, reject) => {
      stream.on('response', (headers) => {
        if ('grpc-status' in headers) trailers = headers;
      });
      stream.on('trailers', (found) => {
        trailers = found;
      });
      stream.on('data', (chunk: Buffer) => {
        for (const bytes of reader.push(chunk)) messages.push(method.response.decode(bytes));
        if (answers !== undefined && messages.length >= answers) stream.close();
      });
      stream.on('error', reject);
      stream.on('close', () => {
        const code = Number(trailers['grpc-status'] ?? 0);
        const message = decodeURIComponent(String(trailers['grpc-message'] ?? ''));
        resolve({ code, message, messages });
      });
      const frame = sealFrame(method.request.encode(request as Loose<unknown>, FRAME_HEAD));
      if (answers === undefined) stream.end(frame);
      else stream.write(frame);
    });
  }

  async ok(call: Call): Promise<unknown> {
    const { code, message, messages } = await this.call(call);
    assert.deepEqual([code, message], [0, ''], `${call.name}: ${message}`);
    return messages[0];
  }

  /** Users `u` (password `upw`, role `r`: keys a to c) and `root` (password `rpw`), then authentication on. */
  async secure(): Promise<void> {
    const perm = { permType: 2, key: b('a'), rangeEnd: b('c') };
    const steps: [string, object][] = [
      ['RoleAdd', { name: 'r' }],
      ['RoleGrantPermission', { name: 'r', perm }],
      ['UserAdd', { name: 'u', password: 'upw' }],
      ['UserGrantRole', { user: 'u', role: 'r' }],
      ['RoleAdd', { name: 'root' }],
      ['UserAdd', { name: 'root', password: 'rpw' }],
      ['UserGrantRole', { user: 'root', role: 'root' }],
      ['AuthEnable', {}],
    ];
    for (const [name, request] of steps) await this.ok({ service: AUTH, name, request });
  }

  async login(name: string, password: string): Promise<string> {
    const request = { name, password };
    const answer = await this.ok({ service: AUTH, name: 'Authenticate', request });
    return (answer as { token: string }).token;
  }

  put(key: string, token?: string): Promise<Answer> {
    const request = { key: b(key), value: b('v') };
    return this.call({ service: KV, name: 'Put', request, token });
  }

  close(): void {
    this.session.close();
  }
}

describe('a store with users', () => {
  let etcd: Etcd;
  let caller: Caller;
  let root: string;
  let user: string;
  before(async () => {
    etcd = await startEtcd({ memory: true, auth: BCRYPT });
    caller = new Caller(etcd.endpoint);
    await caller.secure();
    root = await caller.login('root', 'rpw');
    user = await caller.login('u', 'upw');
  });
  after(async () => {
    caller.close();
    await etcd.stop();
  });

  it('lets each do what their roles allow', async () => {
    assert.equal((await caller.put('a', user)).code, CODE.ok);
    assert.equal((await caller.put('z', user)).code, CODE.permissionDenied);
    assert.equal((await caller.put('z', root)).code, CODE.ok);
    assert.equal((await caller.put('a')).message, 'etcdserver: user name is empty');
    assert.equal((await caller.put('a', 'abcdefghijklmnop.1')).code, CODE.unauthenticated);
  });

  it('lets read what may be read', async () => {
    const range = (key: string, end: string, token?: string): Promise<Answer> => {
      const request = { key: b(key), rangeEnd: b(end) };
      return caller.call({ service: KV, name: 'Range', request, token });
    };
    assert.equal((await range('a', 'c', user)).code, CODE.ok);
    assert.equal((await range('a', '\0', user)).code, CODE.permissionDenied);
    assert.equal((await range('a', '')).code, CODE.invalidArgument);
    assert.equal((await range('a', '\0', root)).code, CODE.ok);
    const request = { success: [{ requestRange: { key: b('z') } }] };
    const txn = await caller.call({ service: KV, name: 'Txn', request, token: user });
    assert.equal(txn.code, CODE.permissionDenied);
  });

  const watch = async (create: object, token?: string): Promise<WatchResponse> => {
    const service = 'etcdserverpb.Watch';
    const request = { createRequest: create };
    const asked = { service, name: 'Watch', request, token, answers: 1 };
    return (await caller.call(asked)).messages[0] as WatchResponse;
  };

  it('lets watch what may be read, and says why not', async () => {
    const seen = await watch({ key: b('a'), rangeEnd: b('c') }, user);
    assert.deepEqual([seen.created, seen.canceled], [true, false]);
    const refusals: [object, string | undefined, string][] = [
      [{ key: b('z') }, user, 'PermissionDenied desc = etcdserver: permission denied'],
      [
        { key: b('a'), rangeEnd: b('\0') },
        user,
        'PermissionDenied desc = etcdserver: permission denied',
      ],
      [{ rangeEnd: b('\0') }, undefined, 'InvalidArgument desc = etcdserver: user name is empty'],
      [{ key: b('a') }, 'nothing', 'Unauthenticated desc = etcdserver: invalid auth token'],
    ];
    for (const [create, token, reason] of refusals) {
      const refused = await watch(create, token);
      assert.deepEqual([refused.created, refused.canceled, refused.watchId], [true, true, -1n]);
      assert.equal(refused.cancelReason, `rpc error: code = ${reason}`);
    }
  });

  it('leaves what concerns all to administrators', async () => {
    const asked: [string, string, string][] = [
      [AUTH, 'UserList', 'etcdserver: permission denied'],
      [AUTH, 'RoleList', 'etcdserver: permission denied'],
      [AUTH, 'AuthStatus', 'etcdserver: permission denied'],
      [AUTH, 'AuthDisable', 'etcdserver: permission denied'],
      ['etcdserverpb.Cluster', 'MemberAdd', 'etcdserver: permission denied'],
      ['etcdserverpb.Cluster', 'MemberRemove', 'etcdserver: permission denied'],
      ['etcdserverpb.Cluster', 'MemberUpdate', 'etcdserver: permission denied'],
      ['etcdserverpb.Cluster', 'MemberPromote', 'etcdserver: permission denied'],
      ['etcdserverpb.Maintenance', 'Defragment', 'auth: permission denied'],
      ['etcdserverpb.Maintenance', 'Hash', 'auth: permission denied'],
      ['etcdserverpb.Maintenance', 'HashKV', 'auth: permission denied'],
      ['etcdserverpb.Maintenance', 'Snapshot', 'auth: permission denied'],
    ];
    for (const [service, name, message] of asked) {
      assert.equal((await caller.call({ service, name, token: user })).message, message, name);
    }
    const status = await caller.ok({ service: AUTH, name: 'AuthStatus', token: root });
    const { enabled, authRevision } = status as { enabled: boolean; authRevision: bigint };
    assert.deepEqual([enabled, authRevision > 1n], [true, true]);
  });

  it('asks of nobody who they are for what concerns one member', async () => {
    const free: [string, string, object][] = [
      ['etcdserverpb.Maintenance', 'Status', {}],
      ['etcdserverpb.Maintenance', 'Alarm', {}],
      ['etcdserverpb.Cluster', 'MemberList', {}],
      ['etcdserverpb.Lease', 'LeaseGrant', { TTL: 60 }],
      ['etcdserverpb.Lease', 'LeaseLeases', {}],
    ];
    for (const [service, name, request] of free) await caller.ok({ service, name, request });
    const grant = { service: 'etcdserverpb.Lease', name: 'LeaseGrant', request: { TTL: 60 } };
    assert.equal((await caller.call({ ...grant, token: 'bad' })).code, CODE.unauthenticated);
  });

  it('keeps locks and elections within what may be read and written', async () => {
    const lock = (name: string, token?: string): Promise<Answer> =>
      caller.call({ service: 'v3lockpb.Lock', name: 'Lock', request: { name: b(name) }, token });
    assert.equal((await lock('a', user)).code, CODE.ok);
    assert.equal((await lock('z', user)).message, 'etcdserver: permission denied');
    assert.equal((await lock('a')).message, 'etcdserver: user name is empty');
    const service = 'v3electionpb.Election';
    const request = { name: b('z') };
    const leader = await caller.call({ service, name: 'Leader', request, token: user });
    assert.equal(leader.message, 'etcdserver: permission denied');
    const observed = await caller.call({ service, name: 'Observe', request, token: user });
    assert.equal(observed.message, 'election: observe closed early');
  });

  it('ends tokens with a new password, and takes only that one then', async () => {
    const request = { name: 'u', password: 'new' };
    await caller.ok({ service: AUTH, name: 'UserChangePassword', request, token: root });
    assert.equal((await caller.put('a', user)).code, CODE.unauthenticated);
    await assert.rejects(caller.login('u', 'upw'), /invalid user ID or password/);
    user = await caller.login('u', 'new');
    assert.equal((await caller.put('a', user)).code, CODE.ok);
  });
});

describe('users of other kinds', () => {
  it('come with a certificate', async () => {
    const tls = { ...member, requireClientCert: true };
    const etcd = await startEtcd({ memory: true, tls, auth: BCRYPT });
    const caller = new Caller(etcd.endpoint, member);
    try {
      await caller.secure();
      assert.equal((await caller.put('a')).message, 'etcdserver: permission denied');
      const root = await caller.login('root', 'rpw');
      const name = { name: 'member', options: { noPassword: true } };
      await caller.ok({ service: AUTH, name: 'UserAdd', request: name, token: root });
      const grant = { user: 'member', role: 'r' };
      await caller.ok({ service: AUTH, name: 'UserGrantRole', request: grant, token: root });
      assert.equal((await caller.put('a')).code, CODE.ok);
      assert.equal((await caller.put('z')).code, CODE.permissionDenied);
      assert.equal((await caller.put('z', root)).code, CODE.ok, 'a token goes before');
    } finally {
      caller.close();
      await etcd.stop();
    }
  });
});

describe('a store on disk', () => {
  it('knows its users again, but not their tokens for ever', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kubets-auth-'));
    try {
      let etcd = await startEtcd({ dataDir, auth: BCRYPT });
      let caller = new Caller(etcd.endpoint);
      await caller.secure();
      caller.close();
      await etcd.stop();
      etcd = await startEtcd({ dataDir, auth: BCRYPT });
      caller = new Caller(etcd.endpoint);
      assert.equal((await caller.put('a')).message, 'etcdserver: user name is empty');
      await assert.rejects(caller.login('u', 'wrong'), /authentication failed/);
      const user = await caller.login('u', 'upw');
      assert.equal((await caller.put('b', user)).code, CODE.ok);
      assert.equal((await caller.put('c', user)).code, CODE.permissionDenied);
      caller.close();
      await etcd.stop();
    } finally {
      rmSync(dataDir, { recursive: true });
    }
  });
});
