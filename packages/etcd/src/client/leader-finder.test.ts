import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ResponseHeader, StatusResponse } from '../codec/index.ts';
import { LeaderFinder } from './leader-finder.ts';

const header = (memberId: bigint, raftTerm: bigint): ResponseHeader => ({
  ...{ clusterId: 1n, memberId, revision: 1n, raftTerm },
});

/** Members 1, 2 and 3 at endpoints `e1`, `e2` and `e3`. */
class Members {
  leader = 1n;
  term = 1n;
  silent = new Set<string>();
  asked = 0;
  /** What a member that has missed an election says. */
  readonly behind = new Map<string, { leader: bigint; raftTerm: bigint }>();

  readonly ask = (name: string): Promise<StatusResponse | undefined> => {
    this.asked += 1;
    if (this.silent.has(name)) return Promise.resolve(undefined);
    const said = this.behind.get(name) ?? { leader: this.leader, raftTerm: this.term };
    const status = { header: header(BigInt(name.slice(1)), said.raftTerm), ...said };
    return Promise.resolve(status as StatusResponse);
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the endpoint of the leader', () => {
  function find(members: Members) {
    const found: string[] = [];
    const finder = new LeaderFinder({
      names: ['e1', 'e2', 'e3'],
      ask: members.ask,
      onFound: (name) => found.push(name),
    });
    return { finder, found };
  }

  it('is asked for with the first answer, and again with each new term', async () => {
    const members = new Members();
    const { finder, found } = find(members);
    members.leader = 3n;
    finder.saw(header(1n, 1n));
    await turn();
    finder.saw(header(2n, 1n));
    await turn();
    assert.deepEqual([found, members.asked], [['e3'], 3]);
    members.leader = 2n;
    members.term = 4n;
    finder.saw(header(1n, 4n));
    await turn();
    assert.deepEqual([found, members.asked], [['e3', 'e2'], 6]);
  });

  it('is not one that has missed an election', async () => {
    const members = new Members();
    members.leader = 2n;
    members.term = 5n;
    members.behind.set('e1', { leader: 1n, raftTerm: 4n });
    const { finder, found } = find(members);
    finder.saw(header(3n, 5n));
    await turn();
    assert.deepEqual(found, ['e2']);
  });

  it('is found with the first good answer, whoever else says nothing for long', async () => {
    const members = new Members();
    const found: string[] = [];
    const ask = (name: string) =>
      name === 'e2' ? new Promise<undefined>(() => undefined) : members.ask(name);
    const names = ['e1', 'e2', 'e3'];
    const finder = new LeaderFinder({ names, ask, onFound: (name) => found.push(name) });
    members.leader = 3n;
    finder.saw(header(1n, 1n));
    assert.ok(finder.search !== undefined);
    await finder.search;
    assert.deepEqual([found, finder.search], [['e3'], undefined]);
  });

  it('stays unknown where it says nothing', async () => {
    const members = new Members();
    members.silent.add('e1');
    const { finder, found } = find(members);
    finder.saw(header(3n, 1n));
    finder.saw(undefined);
    await turn();
    assert.deepEqual(found, []);
  });

  it('is asked for again when the term grows meanwhile', async () => {
    const members = new Members();
    const { finder, found } = find(members);
    finder.saw(header(1n, 1n));
    members.leader = 2n;
    members.term = 2n;
    finder.saw(header(1n, 2n));
    await turn();
    assert.equal(found.at(-1), 'e2');
    assert.equal(members.asked, 6);
  });
});
