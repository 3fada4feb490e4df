/**
 * Queues of claimants, for locks and elections: each claims by creating a key `NAME/LEASE` under its lease; whose key was created
 * first has the claim, the others wait until every key created before theirs is gone. A claimant whose lease ends loses its
 * place, as its key goes with the lease.
 */

import type { Credentials } from '../auth/auth-state.ts';
import { CODE, EtcdError, statusError } from '../errors.ts';
import { intervalOf, keyName, type Revision, type Version } from '../mvcc/index.ts';
import type { WatchStream } from '../watch/index.ts';
import type { Caller } from './calls.ts';
import type { Member } from './member.ts';

/** A place in a queue. */
export interface Claim {
  readonly key: Buffer;
  /** When the key was created: the place in the queue. */
  readonly createRevision: Revision;
  /** The value the key had already; undefined when this claim has created it. */
  readonly existing: Buffer | undefined;
  /** The store's revision when the claim was made. */
  readonly revision: Revision;
}

/** Of leases made for claims that came without one. */
const LEASE_SECONDS = 60;
const CREATE = 1;
const SLASH = Buffer.from('/');
const NO_END = Buffer.alloc(0);
const NOBODY: Credentials = { user: '', authRevision: 0n };

/** The recorded behaviour: these services answer every failure with UNKNOWN. */
export async function unknownOnFailure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof EtcdError) throw statusError(CODE.unknown, error.message);
    throw error;
  }
}

export class Claims {
  private readonly member: Member;
  private readonly by: Credentials | undefined;

  /** @param by on whose behalf; absent: nobody's */
  constructor(member: Member, by?: Credentials) {
    this.member = member;
    this.by = by;
  }

  /** These claims as the caller may work with them. */
  async of(caller: Caller | undefined): Promise<Claims> {
    const { access } = this.member;
    return access.open ? this : new Claims(this.member, await access.who(caller));
  }

  /** @throws EtcdError unless the queue may be looked at */
  checkReadable(name: Buffer): void {
    const { auth } = this.member.parts.state;
    if (auth.enabled) auth.checkKeys(this.by ?? NOBODY, 'read', ...queueOf(name));
  }

  /** The lease to claim under: the one given, or a new one. */
  async leaseFor(lease: bigint): Promise<bigint> {
    if (lease !== 0n) return lease;
    const leaseGrant = { ID: this.member.nextLeaseId(), TTL: LEASE_SECONDS };
    const { outcome } = await this.member.parts.proposer.propose('lease', { leaseGrant });
    return outcome.lease.id;
  }

  /** Takes a place in the queue, or finds the one the lease has already. */
  async claim(name: Buffer, lease: bigint, value: Buffer): Promise<Claim> {
    this.checkReadable(name);
    const key = Buffer.concat([name, SLASH, Buffer.from(hexOf(lease))]);
    for (;;) {
      const created = await this.putIf(key, 0, { value, lease });
      if (created.succeeded) {
        const { revision } = created;
        return { key, revision, createRevision: revision, existing: undefined };
      }
      const there = this.find(key);
      // It may have gone in the meantime: then it can be created.
      if (there === undefined) continue;
      const { createRevision, value: existing } = there;
      return { key, createRevision, existing, revision: created.revision };
    }
  }

  /** Writes the key if it was created at a revision (0: if it does not exist). */
  async putIf(
    key: Buffer,
    createRevision: Revision,
    put: { readonly value: Buffer; readonly lease: bigint },
  ): Promise<{ succeeded: boolean; revision: Revision }> {
    const compare = [{ key, target: CREATE, createRevision }];
    const success = [{ requestPut: { key, ...put } }];
    const bytes = key.length + put.value.length;
    const { proposer } = this.member.parts;
    const { outcome, revision } = await proposer.propose(
      'txn',
      { txn: { compare, success }, ...this.by },
      bytes,
    );
    return { succeeded: outcome.response.succeeded, revision };
  }

  /** Gives a place up; no harm when it is gone already. */
  async leave(key: Buffer, createRevision?: Revision): Promise<Revision> {
    const compare = createRevision === undefined ? [] : [{ key, target: CREATE, createRevision }];
    const success = [{ requestDeleteRange: { key } }];
    const { proposer } = this.member.parts;
    return (await proposer.propose('txn', { txn: { compare, success }, ...this.by })).revision;
  }

  find(key: Buffer): Version | undefined {
    return this.member.parts.state.store.latest(keyName(key));
  }

  /** Who has the claim: whose key was created first. */
  holder(name: Buffer): Version | undefined {
    return this.inOrder(name)[0];
  }

  private inOrder(name: Buffer): Version[] {
    const { store } = this.member.parts.state;
    const [prefix, end] = queueOf(name);
    const all = { revision: 0, limit: 0, countOnly: false };
    const { versions } = store.scan(intervalOf(prefix, end), all);
    return versions.sort((a, b) => a.createRevision - b.createRevision);
  }

  /**
   * Waits until nobody is before this claim.
   * @param onGiveUp tells how to learn that the caller is gone; its place is given up then
   * @returns the store's revision then
   * @throws EtcdError when the place was lost meanwhile
   */
  async turn(
    name: Buffer,
    claim: Claim,
    onGiveUp: (listener: () => void) => void,
  ): Promise<Revision> {
    let gone = false;
    let wake: (() => void) | undefined;
    onGiveUp(() => {
      gone = true;
      wake?.();
    });
    for (;;) {
      const before = this.inOrder(name).findLast((v) => v.createRevision < claim.createRevision);
      if (before === undefined) break;
      await this.changeOf(before.key, (stop) => {
        wake = stop;
        if (gone) stop();
      });
      if (!gone) continue;
      await this.later().leave(claim.key, claim.createRevision);
      throw statusError(CODE.cancelled, 'the claim was given up');
    }
    if (this.find(claim.key)?.createRevision !== claim.createRevision) {
      throw statusError(CODE.unknown, 'the lease of the claim has ended');
    }
    return this.member.parts.state.store.revision;
  }

  /** The same caller, who may have waited while users and roles changed. */
  private later(): Claims {
    const authRevision = this.member.parts.state.auth.revision;
    return this.by === undefined ? this : new Claims(this.member, { ...this.by, authRevision });
  }

  /** Resolves at the next change of a key, or when told to stop. */
  private changeOf(key: Buffer, onStop: (stop: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.watch(key, NO_END, () => {
        stop();
        resolve();
      });
      onStop(() => {
        stop();
        resolve();
      });
    });
  }

  /** Calls back after changes in an interval, until stopped. */
  watch(key: Buffer, rangeEnd: Buffer, onChange: () => void): () => void {
    const stream: WatchStream = this.member.parts.hub.open({
      send: () => true,
      sendToEach() {
        setImmediate(onChange);
        return true;
      },
      end: onChange,
    });
    const plain = { startRevision: 0n, progressNotify: false, filters: [], prevKv: false };
    stream.create({ key, rangeEnd, ...plain, watchId: 0n, fragment: false });
    return () => stream.close();
  }
}

/** The keys of a queue: from, and up to. */
function queueOf(name: Buffer): [Buffer, Buffer] {
  return [Buffer.concat([name, SLASH]), Buffer.concat([name, Buffer.of((SLASH[0] ?? 0) + 1)])];
}

/** A lease id as it stands in keys: two's complement, without leading zeros. */
function hexOf(lease: bigint): string {
  return BigInt.asUintN(64, lease).toString(16);
}
