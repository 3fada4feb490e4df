import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { ConfigError } from '@kubets/platform';
import { createAuthority, issueLeaf } from '@kubets/platform/pki';
import { StartError } from '../errors.ts';
import type { StoreMember } from './members.ts';
import type { HostSettings } from './settings.ts';
import { checkMajority, checkMastersFirst, checkStep } from './upgrade-checks.ts';

describe('releases', () => {
  test('go forward, one minor release after the other', () => {
    for (const [from, to] of [
      ['0.1.0', '0.1.0'],
      ['0.1.4', '0.1.2'],
      ['0.1.9', '0.2.0'],
      ['0.9.0', '0.10.1'],
      ['0.10.0', '1.0.0'],
    ] as const) {
      checkStep(from, to);
    }
    const refused = (from: string, to: string, text: RegExp) =>
      assert.throws(
        () => checkStep(from, to),
        (error: Error) => error instanceof ConfigError && text.test(error.message),
      );
    refused('0.10.0', '0.9.3', /cluster runs 0\.10\.0: .*only go forward; install 0\.10 here/);
    refused('1.0.0', '0.11.0', /only go forward; install 1\.0 here/);
    refused('0.1.0', '0.3.0', /one minor release after the other; install 0\.2 first/);
  });
});

describe('a node', () => {
  const host = { learned: [], masters: [{ name: 'm', address: '127.0.0.1' }] };

  test('is not newer than a master that answers', async () => {
    const authority = await createAuthority('test-ca', Date.now(), 1);
    const subject = { commonName: 'api', hosts: ['127.0.0.1'], days: 1 };
    const leaf = await issueLeaf(authority, subject, Date.now());
    let gitVersion = 'v1.32.6+kubets-0.1.7';
    const server = createServer({ cert: leaf.cert, key: leaf.key }, (_request, response) => {
      response.end(JSON.stringify({ gitVersion }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const check = (own: string) =>
      checkMastersFirst(host as unknown as HostSettings, { own, ca: authority.cert, port });
    await check('0.1.9');
    await assert.rejects(check('0.2.0'), (error: Error) => {
      assert.match(error.message, /master at 127\.0\.0\.1 runs kubets 0\.1\.7.*masters first/);
      return error instanceof ConfigError;
    });
    gitVersion = 'v1.32.6+kubets-0.2.0';
    await check('0.2.0');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    // Nobody answers: that is no reason to stay behind.
    await check('0.3.0');
  });
});

describe('the store', () => {
  const named = (...names: string[]): StoreMember[] =>
    names.map((name) => ({ ID: name, name, peerURLs: [], clientURLs: [], isLearner: false }));
  const store = (members: readonly StoreMember[], ...away: string[]) => ({
    list: async () => members,
    answers: async (one: StoreMember) => !away.includes(one.name),
  });
  const own = { name: 'm1' };

  test('can do without this host while the others are a majority', async () => {
    await checkMajority(store(named('m1', 'm2', 'm3')), own);
    await checkMajority(store(named('m1', 'm2', 'm3', 'm4', 'm5'), 'm5'), own);
    // It is this one that is away.
    await checkMajority(store(named('m1', 'm2', 'm3'), 'm1'), own);
  });

  test('of one or two members stops for a moment in any case', async () => {
    await checkMajority(store(named('m1')), own);
    await checkMajority(store(named('m1', 'm2')), own);
    const learner = { ...named('m3')[0], isLearner: true } as StoreMember;
    await checkMajority(store([...named('m1', 'm2'), learner], 'm3'), own);
  });

  test('that would lose its majority is left as it is', async () => {
    await assert.rejects(
      checkMajority(store(named('m1', 'm2', 'm3'), 'm3'), own),
      (error: Error) => {
        assert.match(error.message, /without m3, which does not answer.*member remove m3/);
        return error instanceof StartError;
      },
    );
    const nameless = { ...named('m3')[0], name: '', ID: '255' } as StoreMember;
    await assert.rejects(
      checkMajority(store([...named('m1', 'm2'), nameless], ''), own),
      /without ff, which does not answer.*member remove ff/,
    );
  });
});
