/**
 * Users, roles, and whether authentication is on: replicated state, changed only by proposals, the same on every member.
 * Texts and rules are etcd's. Each change of users or roles raises the auth revision; credentials checked against an older one
 * are refused when their request is applied.
 */

import type { AuthChange } from '../codec/index.ts';
import { etcdError } from '../errors.ts';
import { type Interval, intervalOf } from '../mvcc/index.ts';
import { type Access, KeyRights, PERMISSION, type Permission } from './permissions.ts';

/** The one user, and the one role, authentication cannot be without. */
export const ROOT = 'root';

export interface User {
  readonly name: string;
  /** bcrypt; empty for a user without a password, who is known by certificate only. */
  readonly passwordHash: string;
  readonly noPassword: boolean;
  /** Sorted. */
  readonly roles: readonly string[];
}

export interface Role {
  readonly name: string;
  /** Sorted by key. */
  readonly permissions: readonly Permission[];
}

/** Who asks. A user without a name: nobody. */
export interface Credentials {
  readonly user: string;
  /** The auth revision they were checked against. */
  readonly authRevision: bigint;
}

export interface AuthContent {
  readonly enabled: boolean;
  readonly revision: bigint;
  readonly users: readonly User[];
  readonly roles: readonly Role[];
}

/** A record that must reach the disk; without `value`: must leave it. */
export type AuthRecord =
  | { readonly kind: 'auth'; readonly value: { enabled: boolean; revision: bigint } }
  | { readonly kind: 'user'; readonly name: string; readonly value: User | undefined }
  | { readonly kind: 'role'; readonly name: string; readonly value: Role | undefined };

export interface AuthJournal {
  authChanged(record: AuthRecord): void;
}

/** Hears what concerns tokens. Not part of the state: members keep tokens in memory. */
export interface TokenEvents {
  issued(token: { readonly user: string; readonly digest: Buffer }): void;
  /** The user's tokens are worth nothing any more. */
  revoked(user: string): void;
  /** No token is worth anything any more. */
  allRevoked(): void;
}

export const NO_AUTH: AuthContent = { enabled: false, revision: 1n, users: [], roles: [] };

/** What `root` is shown to have. */
const EVERYTHING: Permission = {
  permType: PERMISSION.readWrite,
  key: Buffer.alloc(0),
  rangeEnd: Buffer.of(0),
};

export class AuthState {
  private on = false;
  private changes = 1n;
  private users = new Map<string, User>();
  private roles = new Map<string, Role>();
  /** By user, until anything changes. */
  private readonly rights = new Map<string, KeyRights>();
  private readonly journal: AuthJournal | undefined;
  private events: TokenEvents | undefined;

  constructor(journal?: AuthJournal) {
    this.journal = journal;
  }

  get enabled(): boolean {
    return this.on;
  }

  get revision(): bigint {
    return this.changes;
  }

  listen(events: TokenEvents): void {
    this.events = events;
  }

  /** Sorted by name. */
  content(): AuthContent {
    const users = this.userNames().map((name) => this.mustUser(name));
    const roles = this.roleNames().map((name) => this.mustRole(name));
    return { enabled: this.on, revision: this.changes, users, roles };
  }

  restore({ enabled, revision, users, roles }: AuthContent): void {
    this.on = enabled;
    this.changes = revision;
    this.users = new Map(users.map((user) => [user.name, user]));
    this.roles = new Map(roles.map((role) => [role.name, role]));
    this.rights.clear();
    this.events?.allRevoked();
  }

  user(name: string): User | undefined {
    return this.users.get(name);
  }

  /** Sorted. */
  userNames(): string[] {
    return [...this.users.keys()].sort();
  }

  /** Sorted. */
  roleNames(): string[] {
    return [...this.roles.keys()].sort();
  }

  /** @throws EtcdError when there is no such user */
  mustUser(name: string): User {
    const user = this.users.get(name);
    if (user === undefined) throw etcdError('userNotFound');
    return user;
  }

  /** @throws EtcdError when there is no such role */
  mustRole(name: string): Role {
    const role = this.roles.get(name);
    if (role === undefined) throw etcdError('roleNotFound');
    return role;
  }

  /** What a role allows, as clients are told. */
  permissionsOf(name: string): readonly Permission[] {
    const role = this.mustRole(name);
    return name === ROOT ? [EVERYTHING] : role.permissions;
  }

  /** @throws EtcdError unless authentication is off or an administrator asks */
  checkAdmin({ user }: Credentials): void {
    if (!this.on) return;
    if (user === '') throw etcdError('userEmpty');
    if (!this.isAdmin(user)) throw etcdError('permissionDenied');
  }

  /** @throws EtcdError unless authentication is off or every key of the interval is allowed */
  checkKeys(by: Credentials, access: Access, key: Uint8Array, rangeEnd: Uint8Array): void {
    if (!this.on) return;
    this.checkInterval(by, access, intervalOf(key, rangeEnd));
  }

  /** @throws EtcdError unless authentication is off or a user asks, with credentials of now */
  checkUser({ user, authRevision }: Credentials): void {
    if (!this.on) return;
    if (user === '') throw etcdError('userEmpty');
    if (authRevision < this.changes) throw etcdError('authOldRevision');
    if (!this.users.has(user)) throw etcdError('permissionDenied');
  }

  checkInterval(by: Credentials, access: Access, interval: Interval): void {
    if (!this.on) return;
    this.checkUser(by);
    const { user } = by;
    if (this.isAdmin(user)) return;
    if (!this.rightsOf(user).allows(access, interval)) throw etcdError('permissionDenied');
  }

  isAdmin(user: string): boolean {
    return this.users.get(user)?.roles.includes(ROOT) === true;
  }

  private rightsOf(user: string): KeyRights {
    const known = this.rights.get(user);
    if (known !== undefined) return known;
    const roles = this.users.get(user)?.roles ?? [];
    const made = new KeyRights(roles.flatMap((name) => this.roles.get(name)?.permissions ?? []));
    this.rights.set(user, made);
    return made;
  }

  /** @throws EtcdError when it is refused; nothing has changed then */
  apply(change: AuthChange): void {
    if (change.token) {
      const { user, digest, authRevision } = change.token;
      this.issue(user, Buffer.from(digest), authRevision);
    } else if (change.enable) this.enable();
    else if (change.disable) this.disable();
    else if (change.userAdd) this.addUser(change.userAdd);
    else if (change.userDelete) this.deleteUser(change.userDelete.name);
    else if (change.userChangePassword) this.changePassword(change.userChangePassword);
    else if (change.userGrantRole) this.grantRole(change.userGrantRole);
    else if (change.userRevokeRole) this.revokeRole(change.userRevokeRole);
    else if (change.roleAdd) this.addRole(change.roleAdd.name);
    else if (change.roleDelete) this.deleteRole(change.roleDelete.role);
    else if (change.roleGrantPermission) this.grantPermission(change.roleGrantPermission);
    else if (change.roleRevokePermission) this.revokePermission(change.roleRevokePermission);
  }

  private issue(user: string, digest: Buffer, authRevision: bigint): void {
    if (!this.on) throw etcdError('authNotEnabled');
    if (authRevision !== this.changes) throw etcdError('authOldRevision');
    this.events?.issued({ user, digest });
  }

  /** Does not count as a change of users or roles. */
  private enable(): void {
    if (this.on) return;
    const root = this.users.get(ROOT);
    if (root === undefined) throw etcdError('rootUserMissing');
    if (!this.isAdmin(ROOT)) throw etcdError('rootRoleMissing');
    this.on = true;
    this.save();
  }

  private disable(): void {
    if (!this.on) return;
    this.on = false;
    this.changed();
    this.events?.allRevoked();
  }

  private addUser(request: NonNullable<AuthChange['userAdd']>): void {
    const { name, hashedPassword: passwordHash, options } = request;
    if (name === '') throw etcdError('userEmpty');
    if (this.users.has(name)) throw etcdError('userExists');
    const noPassword = options?.noPassword === true;
    this.putUser({ name, passwordHash, noPassword, roles: [] });
    this.changed();
  }

  private deleteUser(name: string): void {
    if (this.on && name === ROOT) throw etcdError('invalidAuthManagement');
    this.mustUser(name);
    this.users.delete(name);
    this.journal?.authChanged({ kind: 'user', name, value: undefined });
    this.changed();
    this.events?.revoked(name);
  }

  private changePassword(request: NonNullable<AuthChange['userChangePassword']>): void {
    const user = this.mustUser(request.name);
    this.putUser({ ...user, passwordHash: request.hashedPassword });
    this.changed();
    this.events?.revoked(request.name);
  }

  /** The role `root` may be granted before it exists, so that authentication can be set up in any order. */
  private grantRole({ user: name, role }: NonNullable<AuthChange['userGrantRole']>): void {
    const user = this.mustUser(name);
    if (role !== ROOT) this.mustRole(role);
    if (user.roles.includes(role)) return;
    this.putUser({ ...user, roles: [...user.roles, role].sort() });
    this.changed();
  }

  private revokeRole({ name, role }: NonNullable<AuthChange['userRevokeRole']>): void {
    if (this.on && name === ROOT && role === ROOT) throw etcdError('invalidAuthManagement');
    const user = this.mustUser(name);
    if (!user.roles.includes(role)) throw etcdError('roleNotGranted');
    this.putUser({ ...user, roles: user.roles.filter((r) => r !== role) });
    this.changed();
  }

  private addRole(name: string): void {
    if (name === '') throw etcdError('roleEmpty');
    if (this.roles.has(name)) throw etcdError('roleExists');
    this.putRole({ name, permissions: [] });
    this.changed();
  }

  private deleteRole(name: string): void {
    if (this.on && name === ROOT) throw etcdError('invalidAuthManagement');
    this.mustRole(name);
    this.roles.delete(name);
    this.journal?.authChanged({ kind: 'role', name, value: undefined });
    const holders = [...this.users.values()].filter((user) => user.roles.includes(name));
    for (const user of holders) {
      this.putUser({ ...user, roles: user.roles.filter((r) => r !== name) });
      this.events?.revoked(user.name);
    }
    this.changed();
  }

  private grantPermission(request: NonNullable<AuthChange['roleGrantPermission']>): void {
    const { name, perm } = request;
    if (perm === undefined) throw etcdError('permissionNotGiven');
    const { permissions } = this.mustRole(name);
    const granted = {
      permType: perm.permType,
      // Copied: the entry they came in is much larger.
      key: Buffer.from(perm.key),
      rangeEnd: Buffer.from(perm.rangeEnd),
    };
    const at = permissions.findIndex((p) => sameRange(p, granted));
    const next = at < 0 ? [...permissions, granted] : permissions.with(at, granted);
    this.putRole({ name, permissions: next.toSorted((a, b) => Buffer.compare(a.key, b.key)) });
    this.changed();
  }

  private revokePermission(request: NonNullable<AuthChange['roleRevokePermission']>): void {
    const { permissions } = this.mustRole(request.role);
    const left = permissions.filter((p) => !sameRange(p, request));
    if (left.length === permissions.length) throw etcdError('permissionNotGranted');
    this.putRole({ name: request.role, permissions: left });
    this.changed();
  }

  private putUser(value: User): void {
    this.users.set(value.name, value);
    this.journal?.authChanged({ kind: 'user', name: value.name, value });
  }

  private putRole(value: Role): void {
    this.roles.set(value.name, value);
    this.journal?.authChanged({ kind: 'role', name: value.name, value });
  }

  private changed(): void {
    this.changes++;
    this.rights.clear();
    this.save();
  }

  private save(): void {
    const value = { enabled: this.on, revision: this.changes };
    this.journal?.authChanged({ kind: 'auth', value });
  }
}

type Range = Pick<Permission, 'key' | 'rangeEnd'>;

function sameRange(a: Range, b: Range): boolean {
  return a.key.equals(b.key) && a.rangeEnd.equals(b.rangeEnd);
}
