/** Golden tables: `UPDATE=1 node --test …` rewrites them; read the difference before committing it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SERVICE_CASES, testEndpoint, testPort } from '../testing/builders.ts';
import { compileNft } from './compile.ts';
import {
  census,
  changeScript,
  NftTable,
  parseListed,
  replaceScript,
  sameCensus,
} from './ruleset.ts';

const OPTIONS = { clusterCidr: '10.244.0.0/16' };
const tableOf = (name: string) => compileNft(SERVICE_CASES[name] ?? [], OPTIONS);

describe('compileNft', () => {
  for (const name of Object.keys(SERVICE_CASES)) {
    it(`makes the table of ${name}`, () => {
      const file = join(import.meta.dirname, '..', 'testdata', 'nftables', `${name}.nft`);
      const frame = compileNft([], OPTIONS);
      const whole = tableOf(name);
      // The frame is the same in all of them and stands in one of them.
      const actual = name === 'empty' ? replaceScript(whole) : changeScript(whole, frame);
      if (process.env.UPDATE === '1') writeFileSync(file, actual);
      assert.equal(actual, readFileSync(file, 'utf8'));
    });
  }

  it('leads nowhere that is not there', () => {
    for (const name of Object.keys(SERVICE_CASES)) {
      const { chains, containers } = tableOf(name);
      const maps = [...containers.values()].flatMap(({ elements }) => [...elements.values()]);
      const rules = [...chains.values()].flatMap((chain) => chain.rules);
      for (const text of [...maps, ...rules]) {
        for (const [, target = ''] of text.matchAll(/(?:goto|jump) ([^\s,]+)/g)) {
          assert.ok(chains.has(target), `${name}: ${text}`);
        }
        for (const [, set = ''] of text.matchAll(/@(\S+)/g)) assert.ok(containers.has(set), text);
      }
    }
  });

  it('names of any length stay apart and fit', () => {
    const long = 'x'.repeat(63);
    const ports = ['a', 'b'].map((end, at) =>
      testPort(`${long}-${long}:${long}${end}`, {
        clusterIP: `10.96.2.${at}`,
        endpoints: [testEndpoint('10.244.0.2')],
      }),
    );
    const { chains } = compileNft(ports, OPTIONS);
    const own = [...chains.keys()].filter((name) => /^(service|endpoint)-[A-Z2-7]{8}-/.test(name));
    assert.equal(own.length, 4);
    for (const name of own) assert.ok(name.length <= 120);
  });
});

describe('changes', () => {
  it('between equal tables are none', () => {
    assert.equal(changeScript(tableOf('affinity'), tableOf('affinity')), '');
  });

  it('name nothing before it is made and nothing after it is deleted', () => {
    const names = Object.keys(SERVICE_CASES);
    for (const from of names) {
      for (const to of names) checkOrder(tableOf(to), tableOf(from));
    }
  });

  it('are seen by the numbers of rules and elements', () => {
    const listed = JSON.stringify({
      nftables: [
        { metainfo: {} },
        { table: { name: 'kube-proxy' } },
        { map: { name: 'm', elem: [1, 2] } },
        { set: { name: 's', elem: [1] } },
        { chain: { name: 'c' } },
        { chain: { name: 'd' } },
        { rule: { chain: 'c' } },
        { rule: { chain: 'c' } },
      ],
    });
    const table = new NftTable().map('m', 'ipv4_addr').set('s', 'type ipv4_addr;').chain('d');
    for (const rule of ['accept', 'drop']) table.add('c', rule);
    table.element('m', '10.0.0.1', 'drop');
    table.element('m', '10.0.0.1', 'accept');
    assert.ok(!sameCensus(parseListed(listed), census(table)));
    table.element('m', '10.0.0.2', 'drop');
    assert.ok(sameCensus(parseListed(listed), census(table)));
  });
});

/** Plays a script on names alone. */
function checkOrder(wanted: NftTable, loaded: NftTable): void {
  const there = new Set([...loaded.chains.keys(), ...loaded.containers.keys()]);
  for (const line of changeScript(wanted, loaded).split('\n')) {
    const [verb, what, , , name = ''] = line.split(' ');
    if (verb === 'add' && what !== 'rule' && what !== 'element') there.add(name);
    else if (verb !== undefined && verb !== '') assert.ok(there.has(name), line);
    for (const [, target = ''] of line.matchAll(/(?:goto|jump|@)\s?([^\s,@]+)/g)) {
      assert.ok(there.has(target), line);
    }
    if (verb === 'delete' && what !== 'element') there.delete(name);
  }
  assert.deepEqual(there, new Set([...wanted.chains.keys(), ...wanted.containers.keys()]));
}
