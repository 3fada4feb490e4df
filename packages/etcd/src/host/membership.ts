/**
 * Names and addresses beside the core's configuration. The core knows ids and votes; this keeps the rest and the encodings:
 * a conf entry is `{nonce, changes}` as JSON (no bytes at all: leave the joint configuration), a membership record
 * is the whole configuration as JSON. Both are rare, so legibility wins over size.
 */
import { createHash } from 'node:crypto';
import type { MemberChange, MemberInfo } from '../ports.ts';
import {
  allMembers,
  type ConfChange,
  type Configuration,
  ConfigurationError,
  type ConfOperation,
  changeConfiguration,
  EMPTY_CONFIGURATION,
} from '../raft/configuration.ts';
import type { PeerId } from '../raft/types.ts';

/** A conf entry's content. */
export interface ConfEntry {
  readonly nonce: string;
  readonly changes: readonly MemberChange[];
}

const hex = (id: PeerId): string => id.toString(16);
const unhex = (text: string): PeerId => BigInt(`0x${text}`);

function firstEight(hash: Buffer): bigint {
  return hash.readBigUInt64BE(0);
}

/**
 * A member's id: the same on every member that computes it, different for another cluster token or another address.
 * @param salt distinguishes a member added later from one that had the same address before
 */
export function memberIdOf(peerUrls: readonly string[], clusterToken: string, salt = ''): PeerId {
  const text = `${[...peerUrls].sort().join(',')}|${clusterToken}|${salt}`;
  return firstEight(createHash('sha1').update(text).digest());
}

/** The cluster's id: from the ids of its first members. */
export function clusterIdOf(memberIds: readonly PeerId[]): bigint {
  const hash = createHash('sha1');
  const sorted = [...memberIds].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  for (const id of sorted) hash.update(hex(id)).update(',');
  return firstEight(hash.digest());
}

interface MemberJson {
  id: string;
  name: string;
  peerUrls: string[];
  clientUrls: string[];
  isLearner: boolean;
}

function memberToJson(member: MemberInfo): MemberJson {
  const { name, isLearner } = member;
  const peerUrls = [...member.peerUrls];
  return { id: hex(member.id), name, peerUrls, clientUrls: [...member.clientUrls], isLearner };
}

function memberFromJson(json: MemberJson): MemberInfo {
  return { ...json, id: unhex(json.id) };
}

export function encodeMembers(members: readonly MemberInfo[]): string {
  return JSON.stringify(members.map(memberToJson));
}

export function decodeMembers(text: string): MemberInfo[] {
  const parsed: MemberJson[] = JSON.parse(text);
  return parsed.map(memberFromJson);
}

type ChangeJson =
  | { type: 'add' | 'update'; member: MemberJson }
  | { type: 'remove' | 'promote'; id: string };

export function encodeConfEntry(entry: ConfEntry): Uint8Array {
  const changes = entry.changes.map((change): ChangeJson => {
    if (change.type === 'add' || change.type === 'update') {
      return { type: change.type, member: memberToJson(change.member) };
    }
    return { type: change.type, id: hex(change.id) };
  });
  return Buffer.from(JSON.stringify({ nonce: entry.nonce, changes }));
}

/** @returns undefined for the entry that leaves a joint configuration */
export function decodeConfEntry(data: Uint8Array): ConfEntry | undefined {
  if (data.byteLength === 0) return undefined;
  const parsed: { nonce: string; changes: ChangeJson[] } = JSON.parse(
    Buffer.from(data).toString('utf8'),
  );
  const changes = parsed.changes.map((change): MemberChange => {
    if ('member' in change) return { type: change.type, member: memberFromJson(change.member) };
    return { type: change.type, id: unhex(change.id) };
  });
  return { nonce: parsed.nonce, changes };
}

function operationOf(change: MemberChange): ConfOperation | undefined {
  switch (change.type) {
    case 'add':
      return { op: change.member.isLearner ? 'learner' : 'voter', id: change.member.id };
    case 'promote':
      return { op: 'voter', id: change.id };
    case 'remove':
      return { op: 'remove', id: change.id };
    case 'update':
      return undefined;
  }
}

/** What the core has to know of a conf entry; undefined when it changes names and addresses only. */
export function confChangeOf(entry: ConfEntry | undefined): ConfChange | undefined {
  if (entry === undefined) return [];
  const operations = entry.changes.map(operationOf).filter((op) => op !== undefined);
  return operations.length === 0 ? undefined : operations;
}

/** The membership as of an index: configuration and details. */
export class Membership {
  readonly conf: Configuration;
  /** By id. */
  readonly members: readonly MemberInfo[];
  readonly #details: ReadonlyMap<PeerId, MemberInfo>;

  constructor(conf: Configuration, details: Iterable<MemberInfo>) {
    this.conf = conf;
    const known = allMembers(conf);
    const kept = new Map<PeerId, MemberInfo>();
    for (const member of details) {
      if (!known.has(member.id)) continue;
      const isLearner = conf.learners.has(member.id) || conf.learnersNext.has(member.id);
      kept.set(member.id, { ...member, isLearner });
    }
    this.#details = kept;
    this.members = [...kept.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  static readonly empty: Membership = new Membership(EMPTY_CONFIGURATION, []);

  get(id: PeerId): MemberInfo | undefined {
    return this.#details.get(id);
  }

  /** After a conf entry that led to `conf`. */
  after(entry: ConfEntry | undefined, conf: Configuration): Membership {
    const details = new Map(this.#details);
    for (const change of entry?.changes ?? []) {
      if (change.type === 'add') details.set(change.member.id, change.member);
      if (change.type === 'update' && details.has(change.member.id)) {
        details.set(change.member.id, change.member);
      }
    }
    return new Membership(conf, details.values());
  }

  /** After a conf entry's bytes; the same on every member. A change that makes no sense any more has no effect. */
  afterEntry(data: Uint8Array): Membership {
    const entry = decodeConfEntry(data);
    const change = confChangeOf(entry);
    try {
      return this.after(
        entry,
        change === undefined ? this.conf : changeConfiguration(this.conf, change),
      );
    } catch (err) {
      if (err instanceof ConfigurationError) return this;
      throw err;
    }
  }

  encode(): Uint8Array {
    const ids = (set: ReadonlySet<PeerId>): string[] => [...set].map(hex);
    const { voters, outgoing, learners, learnersNext } = this.conf;
    return Buffer.from(
      JSON.stringify({
        voters: ids(voters),
        outgoing: ids(outgoing),
        learners: ids(learners),
        learnersNext: ids(learnersNext),
        members: this.members.map(memberToJson),
      }),
    );
  }

  static decode(data: Uint8Array): Membership {
    const json: Record<'voters' | 'outgoing' | 'learners' | 'learnersNext', string[]> & {
      members: MemberJson[];
    } = JSON.parse(Buffer.from(data).toString('utf8'));
    const ids = (list: readonly string[]): Set<PeerId> => new Set(list.map(unhex));
    const conf: Configuration = {
      voters: ids(json.voters),
      outgoing: ids(json.outgoing),
      learners: ids(json.learners),
      learnersNext: ids(json.learnersNext),
    };
    return new Membership(conf, json.members.map(memberFromJson));
  }
}
