/**
 * Exchanges recorded from a stock etcd, repeated against this store. The recordings are not part of this repository:
 * KUBETS_CORPUS names their folder. Here only those run that need no cluster of their own and no long waits.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { protoRoot } from '@kubets/platform';
import { startEtcd } from './solo.ts';

const REPOSITORY = join(protoRoot, '..');
const folder = process.env.KUBETS_CORPUS ?? join(REPOSITORY, '..', 'shared', 'etcd-corpus');
const AREAS = 'put,range,delete,txn,lease,watch,compact,limits,maintenance,cluster,lock,election';
const present = existsSync(join(folder, 'replay.mjs'));

it('a stock etcd would have answered the same', {
  skip: present ? false : `SKIPPED: no recordings in ${folder}; set KUBETS_CORPUS`,
  timeout: 120_000,
}, async () => {
  const etcd = await startEtcd({ memory: true });
  const endpoint = etcd.endpoint.replace('http://', '');
  const args = ['--endpoints', endpoint, '--no-slow', '--area', AREAS, join(folder, 'cases')];
  const child = spawn(process.execPath, [join(folder, 'replay.mjs'), ...args], { cwd: REPOSITORY });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  await once(child, 'exit');
  await etcd.stop();
  assert.match(output, / 0 failed\s*$/, output);
});
