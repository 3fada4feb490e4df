import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AuthChange, type Loose, messageType } from '../codec/index.ts';
import { EtcdError } from '../errors.ts';
import { type AuthRecord, AuthState, NO_AUTH } from './auth-state.ts';
import { PERMISSION } from './permissions.ts';

const CHANGE = messageType<AuthChange>('kubets.etcd.v1.AuthChange');
const b = (text: string): Buffer => Buffer.from(text);
type Change = Exclude<Loose<AuthChange>, Uint8Array>;

class Bench {
  readonly records: AuthRecord[] = [];
  readonly state = new AuthState({ authChanged: (record) => this.records.push(record) });
  readonly events: string[] = [];

  constructor() {
    this.state.listen({
      issued: ({ user }) => this.events.push(`issued ${user}`),
      revoked: (user) => this.events.push(`revoked ${user}`),
      allRevoked: () => this.events.push('all revoked'),
    });
  }

  /** @returns `ok`, or the kind of the refusal */
  do(change: Change): string {
    const before = this.state.content();
    try {
      this.state.apply(CHANGE.decode(CHANGE.encode(change)));
      return 'ok';
    } catch (error) {
      assert.ok(error instanceof EtcdError, String(error));
      assert.deepEqual(this.state.content(), before, 'a refusal changes nothing');
      return error.kind;
    }
  }

  /** Root, and authentication on. */
  secured(): this {
    this.do({ userAdd: { name: 'root', hashedPassword: 'h' } });
    this.do({ userGrantRole: { user: 'root', role: 'root' } });
    this.do({ enable: {} });
    return this;
  }

  /** A user `u` with the role `r`, which may do something with some keys. */
  granted(permType: number, key: string, rangeEnd = ''): this {
    this.do({ roleAdd: { name: 'r' } });
    const perm = { permType, key: b(key), rangeEnd: b(rangeEnd) };
    this.do({ roleGrantPermission: { name: 'r', perm } });
    this.do({ userAdd: { name: 'u', hashedPassword: 'h' } });
    this.do({ userGrantRole: { user: 'u', role: 'r' } });
    return this;
  }

  allowed(user: string, access: 'read' | 'write', key: string, end = ''): string {
    try {
      this.state.checkKeys({ user, authRevision: this.state.revision }, access, b(key), b(end));
      return 'ok';
    } catch (error) {
      assert.ok(error instanceof EtcdError);
      return error.kind;
    }
  }
}

describe('users and roles', () => {
  const perm = { permType: PERMISSION.read, key: b('k') };
  const steps: [string, Change, string][] = [
    ['a role needs a name', { roleAdd: { name: '' } }, 'roleEmpty'],
    ['a role is added', { roleAdd: { name: 'r' } }, 'ok'],
    ['not twice', { roleAdd: { name: 'r' } }, 'roleExists'],
    ['a user needs a name', { userAdd: { name: '' } }, 'userEmpty'],
    ['a user is added', { userAdd: { name: 'u', hashedPassword: 'h' } }, 'ok'],
    ['not twice', { userAdd: { name: 'u' } }, 'userExists'],
    ['a role that is not there', { userGrantRole: { user: 'u', role: 'x' } }, 'roleNotFound'],
    ['a user that is not there', { userGrantRole: { user: 'x', role: 'r' } }, 'userNotFound'],
    ['not granted yet', { userRevokeRole: { name: 'u', role: 'r' } }, 'roleNotGranted'],
    ['granted', { userGrantRole: { user: 'u', role: 'r' } }, 'ok'],
    ['granted again', { userGrantRole: { user: 'u', role: 'r' } }, 'ok'],
    ['root, though there is no such role', { userGrantRole: { user: 'u', role: 'root' } }, 'ok'],
    ['revoked', { userRevokeRole: { name: 'u', role: 'root' } }, 'ok'],
    ['revoked of nobody', { userRevokeRole: { name: 'x', role: 'r' } }, 'userNotFound'],
    ['no permission given', { roleGrantPermission: { name: 'r' } }, 'permissionNotGiven'],
    ['permission of no role', { roleGrantPermission: { name: 'x', perm } }, 'roleNotFound'],
    ['permission', { roleGrantPermission: { name: 'r', perm } }, 'ok'],
    [
      'other end',
      { roleRevokePermission: { role: 'r', key: b('k'), rangeEnd: b('l') } },
      'permissionNotGranted',
    ],
    ['revoked', { roleRevokePermission: { role: 'r', key: b('k') } }, 'ok'],
    ['no such role', { roleRevokePermission: { role: 'x', key: b('k') } }, 'roleNotFound'],
    ['password of nobody', { userChangePassword: { name: 'x' } }, 'userNotFound'],
    ['password', { userChangePassword: { name: 'u', hashedPassword: 'g' } }, 'ok'],
    ['a role nobody has', { roleDelete: { role: 'x' } }, 'roleNotFound'],
    ['a role goes', { roleDelete: { role: 'r' } }, 'ok'],
    ['a user goes', { userDelete: { name: 'u' } }, 'ok'],
    ['not twice', { userDelete: { name: 'u' } }, 'userNotFound'],
  ];

  it('change by the rules', () => {
    const bench = new Bench();
    for (const [name, change, expected] of steps) assert.equal(bench.do(change), expected, name);
    assert.deepEqual(bench.state.content().users, []);
    assert.deepEqual(bench.state.content().roles, []);
  });

  it('count their changes, and only those', () => {
    const bench = new Bench();
    assert.equal(bench.state.revision, 1n);
    bench.do({ roleAdd: { name: 'r' } });
    bench.do({ roleAdd: { name: 'r' } });
    assert.equal(bench.state.revision, 2n);
    bench.secured();
    assert.equal(bench.state.revision, 4n, 'switching on does not count');
    bench.do({ disable: {} });
    assert.equal(bench.state.revision, 5n, 'switching off does');
  });

  it('a second grant of the same keys replaces the first; grants are kept in the order of keys', () => {
    const bench = new Bench().granted(PERMISSION.read, 'm');
    for (const [permType, key] of [
      [PERMISSION.write, 'm'],
      [PERMISSION.read, 'a'],
    ] as const) {
      bench.do({ roleGrantPermission: { name: 'r', perm: { permType, key: b(key) } } });
    }
    const shown = bench.state.permissionsOf('r').map((p) => [p.key.toString(), p.permType]);
    assert.deepEqual(shown, [
      ['a', PERMISSION.read],
      ['m', PERMISSION.write],
    ]);
  });

  it('a deleted role leaves its users, whose tokens end', () => {
    const bench = new Bench().granted(PERMISSION.read, 'k');
    bench.do({ roleDelete: { role: 'r' } });
    assert.deepEqual(bench.state.mustUser('u').roles, []);
    assert.deepEqual(bench.events, ['revoked u']);
  });

  it('the role root is shown to have everything', () => {
    const bench = new Bench();
    bench.do({ roleAdd: { name: 'root' } });
    const [all] = bench.state.permissionsOf('root');
    assert.deepEqual(all, { permType: 2, key: b(''), rangeEnd: b('\0') });
  });

  it('a new password ends the tokens, and keeps a user without password one', () => {
    const bench = new Bench();
    bench.do({ userAdd: { name: 'u', options: { noPassword: true } } });
    bench.do({ userChangePassword: { name: 'u', hashedPassword: 'h' } });
    assert.equal(bench.state.mustUser('u').noPassword, true);
    assert.deepEqual(bench.events, ['revoked u']);
  });
});

describe('authentication', () => {
  it('needs a root user with the root role', () => {
    const bench = new Bench();
    assert.equal(bench.do({ enable: {} }), 'rootUserMissing');
    bench.do({ userAdd: { name: 'root' } });
    assert.equal(bench.do({ enable: {} }), 'rootRoleMissing');
    bench.do({ userGrantRole: { user: 'root', role: 'root' } });
    assert.equal(bench.do({ enable: {} }), 'ok');
    assert.equal(bench.do({ enable: {} }), 'ok');
    assert.equal(bench.state.enabled, true);
  });

  it('keeps root while it is on', () => {
    const bench = new Bench();
    bench.do({ roleAdd: { name: 'root' } });
    bench.secured();
    const attacks: Change[] = [
      { userDelete: { name: 'root' } },
      { roleDelete: { role: 'root' } },
      { userRevokeRole: { name: 'root', role: 'root' } },
    ];
    for (const attack of attacks) assert.equal(bench.do(attack), 'invalidAuthManagement');
    bench.do({ disable: {} });
    for (const attack of attacks.toReversed()) assert.equal(bench.do(attack), 'ok');
  });

  it('gives out tokens only at the state the password was checked against', () => {
    const bench = new Bench();
    const token = { user: 'root', digest: b('d'), authRevision: 1n };
    assert.equal(bench.do({ token }), 'authNotEnabled');
    bench.secured();
    assert.equal(bench.do({ token }), 'authOldRevision');
    const now = bench.state.revision;
    assert.equal(bench.do({ token: { ...token, authRevision: now } }), 'ok');
    assert.deepEqual(bench.events, ['issued root']);
    bench.do({ disable: {} });
    assert.deepEqual(bench.events, ['issued root', 'all revoked']);
  });

  it('lets everybody do everything while it is off', () => {
    const bench = new Bench().granted(PERMISSION.read, 'k');
    assert.equal(bench.allowed('', 'write', 'x'), 'ok');
    bench.state.checkAdmin({ user: '', authRevision: 0n });
  });

  it('refuses nobody, strangers, and old credentials', () => {
    const bench = new Bench().granted(PERMISSION.read, 'k').secured();
    assert.equal(bench.allowed('', 'read', 'k'), 'userEmpty');
    assert.equal(bench.allowed('stranger', 'read', 'k'), 'permissionDenied');
    assert.equal(bench.allowed('u', 'read', 'k'), 'ok');
    assert.equal(bench.allowed('u', 'write', 'k'), 'permissionDenied');
    assert.equal(bench.allowed('root', 'write', 'k', '\0'), 'ok');
    const old = { user: 'root', authRevision: bench.state.revision - 1n };
    const read = (): void => bench.state.checkKeys(old, 'read', b('k'), b(''));
    assert.throws(read, /revision of auth store is old/);
  });

  it('sees changed grants at once', () => {
    const bench = new Bench().granted(PERMISSION.read, 'k').secured();
    assert.equal(bench.allowed('u', 'read', 'k'), 'ok');
    bench.do({ roleRevokePermission: { role: 'r', key: b('k') } });
    assert.equal(bench.allowed('u', 'read', 'k'), 'permissionDenied');
    const perm = { permType: PERMISSION.readWrite, key: b('a'), rangeEnd: b('\0') };
    bench.do({ roleGrantPermission: { name: 'r', perm } });
    assert.equal(bench.allowed('u', 'write', 'k', 'z'), 'ok');
    bench.do({ userDelete: { name: 'u' } });
    assert.equal(bench.allowed('u', 'read', 'k'), 'permissionDenied');
  });

  it('names its administrators', () => {
    const bench = new Bench().granted(PERMISSION.read, 'k').secured();
    const check = (user: string) => (): void => bench.state.checkAdmin({ user, authRevision: 0n });
    check('root')();
    assert.throws(check(''), /user name is empty/);
    assert.throws(check('u'), /permission denied/);
    bench.do({ userGrantRole: { user: 'u', role: 'root' } });
    check('u')();
  });
});

describe('what is kept', () => {
  it('is the same after it was put back', () => {
    const bench = new Bench().granted(PERMISSION.readWrite, 'a', 'c').secured();
    const other = new Bench();
    other.state.restore(bench.state.content());
    assert.deepEqual(other.state.content(), bench.state.content());
    assert.equal(other.allowed('u', 'write', 'b'), 'ok');
    assert.equal(other.allowed('u', 'write', 'c'), 'permissionDenied');
    assert.deepEqual(other.events, ['all revoked']);
    other.state.restore(NO_AUTH);
    assert.deepEqual(other.state.content(), new AuthState().content());
  });

  it('reaches the journal, change by change', () => {
    const bench = new Bench().granted(PERMISSION.readWrite, 'a', 'c').secured();
    bench.do({ userDelete: { name: 'u' } });
    bench.do({ roleDelete: { role: 'r' } });
    const last = new Map(bench.records.map((r) => ['name' in r ? `${r.kind} ${r.name}` : '', r]));
    assert.equal(last.get('user u')?.value, undefined);
    assert.equal(last.get('role r')?.value, undefined);
    assert.deepEqual(last.get('user root')?.value, bench.state.user('root'));
    assert.deepEqual(last.get('')?.value, { enabled: true, revision: bench.state.revision });
  });
});
