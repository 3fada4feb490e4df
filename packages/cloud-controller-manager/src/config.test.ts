import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ConfigError, parseFlags } from '@kubets/platform';
import { cloudOptions, flags } from './config.ts';
import { InventoryError } from './errors.ts';
import { inventoryFile } from './runtime/config-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'kubets-ccm-'));
after(() => rmSync(dir, { recursive: true }));

const options = (...argv: string[]) => cloudOptions(parseFlags(flags, argv));
const chosen = (text: string) => [...options(`--controllers=${text}`).controllers];

describe('the flags', () => {
  it('have the stock values', () => {
    const made = options();
    assert.equal(made.controllers.size, 3);
    assert.equal(made.nodeMonitorPeriodMs, 5_000);
    assert.equal(made.nodeUpdatePeriodMs, 300_000);
    assert.deepEqual([made.serviceSyncs, made.nodeSyncs], [1, 1]);
    assert.deepEqual(made.ranges, []);
  });

  it('choose controllers by either name', () => {
    assert.deepEqual(chosen('service'), ['service-lb-controller']);
    assert.deepEqual(chosen('*,-cloud-node'), [
      'cloud-node-lifecycle-controller',
      'service-lb-controller',
    ]);
    assert.deepEqual(chosen('-service-lb-controller,-cloud-node-lifecycle'), [
      'cloud-node-controller',
    ]);
  });

  const bad: [string, RegExp][] = [
    ['--controllers=route', /"route" is none of/],
    ['--load-balancer-ranges=here', /--load-balancer-ranges: "here"/],
  ];
  for (const [text, message] of bad) {
    it(`refuse ${text}`, () => {
      assert.throws(
        () => options(text),
        (error) => error instanceof ConfigError && message.test(error.message),
      );
    });
  }
});

describe('the file of machines', () => {
  const file = join(dir, 'machines.yaml');

  it('is read again when it changes, and says what is wrong with it', async () => {
    writeFileSync(file, 'nodes: {n: {state: gone}}\n');
    const read = inventoryFile(file);
    assert.equal((await read()).machines.get('n')?.state, 'gone');
    writeFileSync(file, 'nodes: {n: {state: stopped}}\n');
    assert.equal((await read()).machines.get('n')?.state, 'stopped');
    writeFileSync(file, 'nodes: {n: {state: nowhere}}\n');
    const isTold = (error: unknown) =>
      error instanceof InventoryError && /machines\.yaml: .*state must be/.test(error.message);
    await assert.rejects(read(), isTold);
    rmSync(file);
    await assert.rejects(read(), InventoryError);
  });

  it('may be absent: every machine runs', async () => {
    assert.equal((await inventoryFile('')()).machines.size, 0);
  });
});
