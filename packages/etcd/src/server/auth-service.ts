/** The Auth service: users, roles, logging in. */

import type {
  AuthChange,
  AuthenticateRequest,
  AuthenticateResponse,
  AuthRoleGetRequest,
  AuthRoleGetResponse,
  AuthRoleListResponse,
  AuthStatusResponse,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
  AuthUserGetRequest,
  AuthUserGetResponse,
  AuthUserListResponse,
  Loose,
  ResponseHeader,
} from '../codec/index.ts';
import { etcdError, isEtcdError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { UnaryInfo } from './calls.ts';
import type { Member } from './member.ts';
import type { Passwords } from './passwords.ts';

type Done = { header: Loose<ResponseHeader> };

export class AuthService {
  private readonly member: Member;
  private readonly passwords: Passwords;

  constructor(member: Member, passwords: Passwords) {
    this.member = member;
    this.passwords = passwords;
  }

  /** Carries out a change of users or roles, if the caller may. */
  async change(change: Loose<AuthChange>, { caller }: UnaryInfo): Promise<Done> {
    const by = await this.member.access.who(caller);
    const { proposer } = this.member.parts;
    const { revision, term } = await proposer.propose('done', { auth: change, ...by });
    return { header: this.member.header(revision, term) };
  }

  async addUser(request: AuthUserAddRequest, info: UnaryInfo): Promise<Done> {
    const { name, password, options } = request;
    await this.mustBeAdmin(info);
    if (name === '') throw etcdError('userEmpty');
    const hashedPassword = options?.noPassword ? '' : await this.passwords.hash(password);
    return this.change({ userAdd: { name, hashedPassword, options } }, info);
  }

  async changePassword(request: AuthUserChangePasswordRequest, info: UnaryInfo): Promise<Done> {
    const { name, password } = request;
    await this.mustBeAdmin(info);
    this.member.parts.state.auth.mustUser(name);
    const hashedPassword = await this.passwords.hash(password);
    return this.change({ userChangePassword: { name, hashedPassword } }, info);
  }

  /** Only who may change users may make us hash passwords. */
  private async mustBeAdmin({ caller }: UnaryInfo): Promise<void> {
    await this.member.linearize();
    await this.member.access.checkAdmin(caller);
  }

  async status({ caller }: UnaryInfo): Promise<Loose<AuthStatusResponse>> {
    await this.member.linearize();
    const { access } = this.member;
    await access.checkAdmin(caller);
    const { enabled, revision } = this.member.parts.state.auth;
    return { header: this.member.currentHeader(), enabled, authRevision: revision };
  }

  async users({ caller }: UnaryInfo): Promise<Loose<AuthUserListResponse>> {
    await this.member.linearize();
    await this.member.access.checkAdmin(caller);
    const users = this.member.parts.state.auth.userNames();
    return { header: this.member.currentHeader(), users };
  }

  async roles({ caller }: UnaryInfo): Promise<Loose<AuthRoleListResponse>> {
    await this.member.linearize();
    await this.member.access.checkAdmin(caller);
    const roles = this.member.parts.state.auth.roleNames();
    return { header: this.member.currentHeader(), roles };
  }

  /** Users may look at themselves. */
  async user(
    { name }: AuthUserGetRequest,
    { caller }: UnaryInfo,
  ): Promise<Loose<AuthUserGetResponse>> {
    await this.member.linearize();
    const { auth } = this.member.parts.state;
    const by = await this.member.access.who(caller);
    if (by.user !== name) auth.checkAdmin(by);
    return { header: this.member.currentHeader(), roles: auth.mustUser(name).roles };
  }

  /** Users may look at the roles they have. */
  async role(
    { role }: AuthRoleGetRequest,
    { caller }: UnaryInfo,
  ): Promise<Loose<AuthRoleGetResponse>> {
    await this.member.linearize();
    const { auth } = this.member.parts.state;
    const by = await this.member.access.who(caller);
    if (auth.user(by.user)?.roles.includes(role) !== true) auth.checkAdmin(by);
    return { header: this.member.currentHeader(), perm: auth.permissionsOf(role) };
  }

  /** A token for who knows the password. */
  async authenticate(
    { name, password }: AuthenticateRequest,
    { caller }: UnaryInfo,
  ): Promise<Loose<AuthenticateResponse>> {
    await this.member.linearize();
    await this.member.access.who(caller);
    for (let tried = 0; tried < LIMITS.loginTries; tried++) {
      const authRevision = await this.checkPassword(name, password);
      try {
        const token = await this.member.access.issue({ user: name, authRevision });
        return { header: this.member.currentHeader(), token };
      } catch (error) {
        // Users or roles have changed since: the password may have, too.
        if (!isEtcdError(error, 'authOldRevision')) throw error;
      }
    }
    throw etcdError('authOldRevision');
  }

  /** @returns the auth revision the password is right at */
  private async checkPassword(name: string, password: string): Promise<bigint> {
    const { auth } = this.member.parts.state;
    if (!auth.enabled) throw etcdError('authNotEnabled');
    const { revision } = auth;
    const user = auth.user(name);
    if (user === undefined) throw etcdError('authFailed');
    if (user.noPassword) throw etcdError('noPasswordUser');
    if (!(await this.passwords.matches(password, user.passwordHash))) throw etcdError('authFailed');
    return revision;
  }
}
