/** Who asks, and whether they may: from a call's token or certificate to a user. Costs nothing while authentication is off. */

import type { AuthState, Credentials } from '../auth/auth-state.ts';
import { authorizeWholeTxn } from '../auth/authorize.ts';
import type { Access as KeyAccess } from '../auth/permissions.ts';
import type { TxnRequest } from '../codec/index.ts';
import { CODE, EtcdError, etcdError, statusError } from '../errors.ts';
import type { Caller } from './calls.ts';

/** Gives out tokens and knows them again. */
export interface Tokens {
  /** @returns undefined for a token that is not good */
  resolve(token: string): Promise<Credentials | undefined>;
  /**
   * Makes a token for a user whose password was right.
   * @throws EtcdError `authOldRevision` when users or roles have changed since
   */
  issue(by: Credentials): Promise<string>;
}

export interface CredentialSources {
  readonly tokens: Tokens;
  /** The common name of a client's certificate is its user, unless it has a token. */
  readonly certificateUsers: boolean;
  /** Transactions inside transactions are looked into, and puts that return the former value: etcd 3.4 does not. */
  readonly strictTxns: boolean;
}

const NOBODY: Credentials = { user: '', authRevision: 0n };

export class Access {
  private readonly auth: AuthState;
  private readonly sources: CredentialSources | undefined;

  constructor(auth: AuthState, sources?: CredentialSources) {
    this.auth = auth;
    this.sources = sources;
  }

  /** Everybody may do everything. */
  get open(): boolean {
    return !this.auth.enabled;
  }

  /**
   * Who asks. Nobody, when there is neither token nor certificate: some things nobody may do too.
   * @throws EtcdError `invalidAuthToken`
   */
  who(caller: Caller | undefined): Credentials | Promise<Credentials> {
    if (this.open || caller === undefined) return NOBODY;
    const { token, authorization } = caller.headers;
    const given = token ?? authorization;
    if (given !== undefined) return this.resolve(Array.isArray(given) ? given[0] : given);
    const user = this.sources?.certificateUsers ? caller.commonName() : undefined;
    return user === undefined ? NOBODY : { user, authRevision: this.auth.revision };
  }

  /** A token for a user whose password was right. @throws EtcdError see {@link Tokens.issue} */
  issue(by: Credentials): Promise<string> {
    const { sources } = this;
    if (sources === undefined) return Promise.reject(etcdError('authNotEnabled'));
    return sources.tokens.issue(by);
  }

  /** Who asks for a transaction. @throws EtcdError also when it is clear already that they may not have it */
  async whoForTxn(caller: Caller | undefined, txn: TxnRequest): Promise<Credentials> {
    const by = await this.who(caller);
    if (this.sources?.strictTxns) authorizeWholeTxn(this.auth, by, txn);
    return by;
  }

  private async resolve(token: string | undefined): Promise<Credentials> {
    const found = token === undefined ? undefined : await this.sources?.tokens.resolve(token);
    if (found === undefined) throw etcdError('invalidAuthToken');
    return found;
  }

  /** @throws EtcdError unless the caller may have every key of the interval */
  async checkKeys(
    caller: Caller | undefined,
    access: KeyAccess,
    { key, rangeEnd }: { readonly key: Buffer; readonly rangeEnd: Buffer },
  ): Promise<void> {
    if (this.open) return;
    this.auth.checkKeys(await this.who(caller), access, key, rangeEnd);
  }

  /** @throws EtcdError unless the caller is an administrator */
  async checkAdmin(caller: Caller | undefined): Promise<void> {
    if (this.open) return;
    this.auth.checkAdmin(await this.who(caller));
  }

  /** As `checkAdmin`, with the other texts that the Maintenance service has. */
  async checkMaintainer(caller: Caller | undefined): Promise<void> {
    try {
      await this.checkAdmin(caller);
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      throw statusError(CODE.unknown, error.message.replace(/^etcdserver:/, 'auth:'));
    }
  }
}
