/**
 * Scenario scripts: commands, `----`, what came of them, an empty line, and so on. One command a line:
 *
 * | command | effect |
 * |---|---|
 * | `cluster 1 2 3 [learner 4] [log 2 1,1,2]…` | a new group; logs by the terms of their entries |
 * | `campaign N`, `tick N TIMES`, `suspect N` | as the core's methods |
 * | `propose N TEXT…`, `read N CONTEXT`, `transfer N TO` | |
 * | `conf N v4 l5 r1` | a configuration change: voter, learner, remove |
 * | `cut 1,2 3`, `heal` | no messages between the two sides |
 * | `slow N`, `sync N` | holds a disk's answers back, lets them come |
 * | `restart N` | power failure: back with what was synced |
 * | `round`, `settle` | everybody acts and messages are delivered once / until nothing happens |
 * | `state` | shows every member |
 */
import type { ConfOperation } from '../raft/configuration.ts';
import type { LogPoint, Message } from '../raft/types.ts';
import { Group, type GroupMember } from './group.ts';

const point = ({ index, term }: LogPoint): string => `${index}/${term}`;

function body(message: Message): string {
  switch (message.type) {
    case 'vote': {
      const how = `${message.pre ? 'pre-' : ''}vote${message.forced ? ' (asked to)' : ''}`;
      return `${how} last ${point(message.last)}`;
    }
    case 'voteResponse':
      return `${message.pre ? 'pre-' : ''}vote ${message.granted ? 'granted' : 'refused'}`;
    case 'append': {
      const entries = message.entries.map((entry) => `${point(entry)}`).join(' ');
      return `append after ${point(message.prev)} commit ${message.commit} [${entries}]`;
    }
    case 'appendResponse':
      if (!message.rejected) return `have ${message.index}`;
      return `refuse ${message.index} hint ${point(message.hint)}`;
    case 'heartbeat':
      return `heartbeat commit ${message.commit} read ${message.readSeq}`;
    case 'heartbeatResponse':
      return `alive read ${message.readSeq}`;
    case 'timeoutNow':
      return 'stand now';
    case 'readIndex':
      return `read ${message.context}?`;
    case 'readIndexResponse':
      return `read ${message.context} at ${message.index}`;
    case 'transfer':
      return `hand over to ${message.target}`;
    case 'snapshotOffer':
      return `snapshot ${point(message.point)}`;
  }
}

export function showMessage(message: Message): string {
  return `${message.from}>${message.to} t${message.term} ${body(message)}`;
}

function showMember(member: GroupMember): string {
  const { core } = member;
  const { log, conf } = core;
  const set = (ids: ReadonlySet<bigint>): string => [...ids].sort().join(',');
  const terms: number[] = [];
  for (let at = log.firstIndex; at <= log.lastIndex; at += 1) terms.push(log.term(at) ?? 0);
  const joint = conf.outgoing.size > 0 ? ` out ${set(conf.outgoing)}` : '';
  const learners = conf.learners.size > 0 ? ` learners ${set(conf.learners)}` : '';
  const reads = member.reads.map((read) => ` read ${read.context}@${read.index}`).join('');
  return (
    `${core.id} ${core.role} t${core.term} leader ${core.leader} log [${terms.join(' ')}] ` +
    `committed ${log.committed} applied ${log.applied} voters ${set(conf.voters)}${joint}${learners}${reads}`
  );
}

function clusterOf(words: readonly string[]): Group {
  const voters: number[] = [];
  const learners: number[] = [];
  const terms: Record<number, number[]> = {};
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word === 'learner') {
      at += 1;
      learners.push(Number(words[at]));
    } else if (word === 'log') {
      terms[Number(words[at + 1])] = (words[at + 2] ?? '').split(',').map(Number);
      at += 2;
    } else {
      voters.push(Number(word));
    }
  }
  return new Group({ voters, learners, terms });
}

function confOf(words: readonly string[]): ConfOperation[] {
  const names: Record<string, ConfOperation['op']> = { v: 'voter', l: 'learner', r: 'remove' };
  return words.map((word) => {
    const op = names[word.slice(0, 1)];
    if (op === undefined) throw new Error(`no such operation: ${word}`);
    return { op, id: BigInt(word.slice(1)) };
  });
}

const numbers = (list = ''): number[] => list.split(',').map(Number);

/** Runs one command. @returns the group to go on with and what it shows */
function run(group: Group, line: string): { group: Group; shown: string[] } {
  const [command = '', ...words] = line.split(/\s+/);
  const n = Number(words[0]);
  const quiet = { group, shown: [] };
  switch (command) {
    case 'cluster':
      return { group: clusterOf(words), shown: [] };
    case 'campaign':
      group.core(n).campaign();
      return quiet;
    case 'suspect':
      group.core(n).suspectLeader();
      return quiet;
    case 'tick':
      group.tick(n, Number(words[1] ?? 1));
      return quiet;
    case 'propose':
      return { group, shown: [group.propose(n, ...words.slice(1))] };
    case 'read':
      group.core(n).readIndex(Number(words[1]));
      return quiet;
    case 'transfer':
      group.core(n).transferLeadership(BigInt(words[1] ?? 0));
      return quiet;
    case 'conf': {
      const change = confOf(words.slice(1));
      for (const { op, id } of change) {
        if (op !== 'remove' && !group.members.has(id)) group.add(Number(id));
      }
      return { group, shown: [group.proposeConf(n, line, change)] };
    }
    default:
      return runWorld(group, command, words);
  }
}

function runWorld(
  group: Group,
  command: string,
  words: readonly string[],
): { group: Group; shown: string[] } {
  const n = Number(words[0]);
  const quiet = { group, shown: [] };
  switch (command) {
    case 'cut':
      group.partition(numbers(words[0]), numbers(words[1]));
      return quiet;
    case 'heal':
      group.cut.clear();
      return quiet;
    case 'slow':
      group.slow.add(BigInt(n));
      return quiet;
    case 'sync':
      group.slow.delete(BigInt(n));
      group.syncDisk(n);
      return quiet;
    case 'restart':
      group.restart(n);
      return quiet;
    case 'round':
      for (const id of group.members.keys()) group.take(id);
      return { group, shown: group.deliver().map(showMessage) };
    case 'settle':
      return { group, shown: group.settle().map(showMessage) };
    case 'state':
      return { group, shown: [...group.members.values()].map(showMember) };
    default:
      throw new Error(`no such command: ${command}`);
  }
}

/** Runs a script. @returns it with its outputs as they are */
export function replay(script: string): string {
  let group = new Group({ voters: [1] });
  const out: string[] = [];
  let inOutput = false;
  let shown: string[] = [];
  for (const line of `${script.trimEnd()}\n`.split('\n')) {
    if (inOutput) {
      // The old output is dropped; an empty line ends it.
      inOutput = line !== '';
      if (!inOutput) out.push('');
      continue;
    }
    out.push(line);
    if (line === '----') {
      out.push(...shown);
      shown = [];
      inOutput = true;
    } else if (line !== '' && !line.startsWith('#')) {
      const result = run(group, line);
      group = result.group;
      shown.push(...result.shown);
    }
  }
  return `${out.join('\n').trimEnd()}\n`;
}
