/** `kubets etcd check`: do all members hold the same? */

import { ConfigError, delay, errorMessage } from '@kubets/platform';
import type { Command } from 'commander';
import type { ClusterMember } from '../client/types.ts';
import { ALARM } from '../state/alarms.ts';
import { ALARM_ACTION } from '../state/kv-state.ts';
import { judgeHashes, type MemberHash, restOf, type Verdict } from './check-hashes.ts';
import { type ConnectFlags, type Connector, connectorOf, withConnection } from './connect.ts';
import { CommandFailure, type Io } from './io.ts';
import type { Deps } from './snapshot.ts';
import { hex, renderTable } from './table.ts';

const TRIES = 5;
const PAUSE_MS = 500;

interface Unreached {
  readonly member: ClusterMember;
  readonly why: string;
}

interface Round {
  readonly revision: bigint;
  readonly hashes: readonly MemberHash[];
  readonly unreached: readonly Unreached[];
}

/** Asks all members at once; those that cannot be asked are told of. */
async function askAll<T>(
  members: readonly ClusterMember[],
  ask: (member: ClusterMember) => Promise<T>,
): Promise<{ answers: { member: ClusterMember; answer: T }[]; unreached: Unreached[] }> {
  const answers: { member: ClusterMember; answer: T }[] = [];
  const unreached: Unreached[] = [];
  const each = members.map(async (member) => {
    try {
      answers.push({ member, answer: await ask(member) });
    } catch (error) {
      unreached.push({ member, why: errorMessage(error) });
    }
  });
  await Promise.all(each);
  return { answers, unreached };
}

async function round(members: readonly ClusterMember[], connector: Connector): Promise<Round> {
  const first = await askAll(members, (member) =>
    connector.run((client) => client.status(), member.clientUrls),
  );
  const revisions = first.answers.map(({ answer }) => answer.header?.revision ?? 0n);
  if (revisions.length === 0) throw new ConfigError('no member can be asked');
  // What the slowest has; everybody has it.
  const revision = revisions.reduce((a, b) => (a < b ? a : b));
  const reached = first.answers.map(({ member }) => member);
  const second = await askAll(reached, (member) =>
    connector.run(
      (client) => client.hashKv(member.clientUrls[0] ?? '', revision),
      member.clientUrls,
    ),
  );
  const hashes = second.answers.map(({ member: { id, name }, answer }) => {
    return { id, name, hash: answer.hash, compactRevision: answer.compactRevision };
  });
  return { revision, hashes, unreached: [...first.unreached, ...second.unreached] };
}

function show({ revision, hashes, unreached }: Round, io: Io): void {
  const rows = hashes.map((one) => [
    ...[hex(one.id), one.name, String(revision)],
    ...[String(one.compactRevision), one.hash.toString(16).padStart(8, '0')],
  ]);
  const missing = unreached.map(({ member, why }) => [hex(member.id), member.name, '', '', why]);
  const head = ['id', 'name', 'revision', 'compacted', 'hash'];
  io.out(renderTable(head, [...rows, ...missing]));
}

/** Raises the alarm for those that differ; for all (member 0) when nobody knows who is right. */
async function raise(minority: readonly MemberHash[], connector: Connector): Promise<void> {
  const ids = minority.length > 0 ? minority.map((one) => one.id) : [0n];
  await connector.run(async (client) => {
    for (const memberID of ids) {
      await client.alarm({ action: ALARM_ACTION.activate, memberID, alarm: ALARM.corrupt });
    }
  });
}

async function report(
  verdict: Verdict & { readonly kind: 'different' },
  { connector, alarm, io }: { connector: Connector; alarm: boolean; io: Io },
): Promise<never> {
  const { minority } = verdict;
  const names = minority.map((one) => `${one.name} (${hex(one.id)})`).join(', ');
  const who =
    names === '' ? 'nobody has a majority on their side' : `${names} differs from the rest`;
  io.err(`the members do not hold the same: ${who}\n`);
  if (alarm) {
    await raise(minority, connector);
    io.err(
      'alarm CORRUPT is raised, no writes are taken; replace the member (kubets etcd member replace), then: etcdctl alarm disarm\n',
    );
  }
  throw new CommandFailure();
}

async function check(flags: ConnectFlags & { alarm: boolean }, { io }: Deps): Promise<void> {
  const connector = connectorOf(flags, io);
  const all = await connector.run((client) => client.members());
  const members = all.filter((member) => member.clientUrls.length > 0);
  for (let tries = 1; ; tries++) {
    const last = await round(members, connector);
    const verdict = judgeHashes(last.hashes, all.length);
    if (verdict.kind === 'incomparable' && tries < TRIES) {
      await delay(PAUSE_MS, { clock: io.clock, signal: io.signal });
      continue;
    }
    show(last, io);
    if (verdict.kind === 'different') {
      await report(verdict, { connector, alarm: flags.alarm, io });
    }
    if (verdict.kind === 'incomparable') {
      throw new ConfigError('the members are compacted to different revisions; try again later');
    }
    const silent = all.length - last.hashes.length;
    if (silent > 0) {
      io.err(`${silent} of ${all.length} members could not be asked; ${restOf(last.hashes)}\n`);
      throw new CommandFailure();
    }
    io.err(`all ${all.length} members hold the same up to revision ${last.revision}\n`);
    return;
  }
}

/** Adds `check`. */
export function addCheck(program: Command, deps: Deps): void {
  withConnection(program.command('check'))
    .description(
      'compare what all members hold, at one revision; when they differ, raise the alarm CORRUPT, say who, and end with exit code 1',
    )
    .option('--no-alarm', 'only say so')
    .action((flags: ConnectFlags & { alarm: boolean }) => check(flags, deps));
}
