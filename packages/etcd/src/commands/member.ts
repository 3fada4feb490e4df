/** `kubets etcd member list|add|promote|remove`. */

import { ConfigError } from '@kubets/platform';
import { type Command, Option } from 'commander';
import type { ClusterMember } from '../client/types.ts';
import { type ConnectFlags, connectorOf, withConnection } from './connect.ts';
import { findMember, joinLines } from './members.ts';
import { addReplace } from './replace.ts';
import type { Deps } from './snapshot.ts';
import { hex, renderTable } from './table.ts';

type Format = 'simple' | 'table' | 'json';

function rowOf(member: ClusterMember): string[] {
  const { id, name, peerUrls, clientUrls, isLearner } = member;
  const status = name === '' ? 'unstarted' : 'started';
  return [hex(id), status, name, peerUrls.join(','), clientUrls.join(','), String(isLearner)];
}

/** Ids are numbers too large for JSON's readers: they are shown in hexadecimal. */
function jsonOf(member: ClusterMember): object {
  const { id, name, peerUrls: peerURLs, clientUrls: clientURLs, isLearner } = member;
  return { ID: hex(id), name, peerURLs, clientURLs, isLearner };
}

async function list(flags: ConnectFlags & { writeOut: Format }, { io }: Deps): Promise<void> {
  const members = await connectorOf(flags, io).run((client) => client.members());
  const { writeOut } = flags;
  const rows = members.map(rowOf);
  const head = ['id', 'status', 'name', 'peer addrs', 'client addrs', 'is learner'];
  if (writeOut === 'json') io.out(`${JSON.stringify(members.map(jsonOf))}\n`);
  else if (writeOut === 'table') io.out(renderTable(head, rows));
  else io.out(rows.map((row) => `${row.join(', ')}\n`).join(''));
}

interface AddFlags extends ConnectFlags {
  readonly peerUrls: string;
  readonly learner?: true;
}

async function add(name: string, flags: AddFlags, { io }: Deps): Promise<void> {
  const peerUrls = flags.peerUrls.split(',');
  await connectorOf(flags, io).run(async (client) => {
    const { member, members } = await client.addMember(peerUrls, flags.learner === true);
    io.out(`Member ${hex(member.id)} added\n\n${joinLines(name, member, members)}`);
    if (flags.learner) {
      io.out(`\nOnce it runs and has caught up: kubets etcd member promote ${hex(member.id)}\n`);
    }
  });
}

async function promote(which: string, flags: ConnectFlags, { io }: Deps): Promise<void> {
  await connectorOf(flags, io).run(async (client) => {
    const member = findMember(await client.members(), which);
    await client.promoteMember(member.id);
    io.out(`Member ${hex(member.id)} promoted\n`);
  });
}

async function remove(which: string, flags: ConnectFlags, { io }: Deps): Promise<void> {
  await connectorOf(flags, io).run(async (client) => {
    const members = await client.members();
    if (members.length === 1) throw new ConfigError('it is the only member');
    const member = findMember(members, which);
    await client.removeMember(member.id);
    io.out(`Member ${hex(member.id)} removed\n`);
  });
}

/** Adds `member` and what is under it. */
export function addMember(program: Command, deps: Deps): void {
  const member = program.command('member').description('who is in the cluster');
  withConnection(member.command('list'))
    .description('show the members')
    .addOption(
      new Option('-w, --write-out <format>', 'how to print')
        .choices(['simple', 'table', 'json'])
        .default('simple'),
    )
    .action((flags: ConnectFlags & { writeOut: Format }) => list(flags, deps));
  withConnection(member.command('add <name>'))
    .description('tell the cluster of a new member, and how that is to be started')
    .requiredOption('--peer-urls <list>', 'where other members will reach it')
    .option('--learner', 'let it catch up before it counts for the quorum')
    .action((name: string, flags: AddFlags) => add(name, flags, deps));
  withConnection(member.command('promote <member>'))
    .description('let a learner (by id or name) vote, once it has caught up')
    .action((which: string, flags: ConnectFlags) => promote(which, flags, deps));
  withConnection(member.command('remove <member>'))
    .description('remove a member, by id or name')
    .action((which: string, flags: ConnectFlags) => remove(which, flags, deps));
  addReplace(member, deps);
}
