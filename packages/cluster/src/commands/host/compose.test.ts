import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ConfigError, flag, parseFlags } from '@kubets/platform';
import { StartError, TokenError } from '../../errors.ts';
import { readIfThere } from '../../files.ts';
import type { HostSettings } from '../../host/settings.ts';
import type { Io } from '../io.ts';
import { composePrepare, rangesFor, readJoinFile } from './compose.ts';
import { mayPass, withRanges } from './join-and-run.ts';

const never = new AbortController().signal;
const silentIo: Io = {
  isTerminal: false,
  out: () => undefined,
  err: () => undefined,
  signal: never,
  insisted: never,
  ready: () => undefined,
};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubets-compose-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const prepare = (loadBalancerRanges: string): Promise<void> => {
  const names = ['etcd-1', 'apiserver-1', 'door'];
  const where = { dir, endpoint: 'door:6443', server: '127.0.0.1:6443', names };
  return composePrepare({ ...where, loadBalancerRanges }, silentIo);
};

/** The ranges as the cloud-controller-manager reads them. */
const cloudRanges = (): readonly string[] => {
  const flags = {
    config: flag.string({ help: 'file' }),
    'load-balancer-ranges': flag.list({ help: 'ranges' }),
  };
  const file = join(dir, 'cloud-controller-manager.yaml');
  return parseFlags(flags, [`--config=${file}`]).loadBalancerRanges;
};

describe('compose prepare', () => {
  test('gives processes and nodes the same ranges, and certificates to all', async () => {
    await prepare('192.0.2.64/27,192.0.2.128-192.0.2.130');
    assert.deepEqual(cloudRanges(), ['192.0.2.64/27', '192.0.2.128-192.0.2.130']);
    const file = join(dir, 'join.json');
    assert.equal(readJoinFile(file)?.loadBalancerRanges, '192.0.2.64/27,192.0.2.128-192.0.2.130');
    assert.match(readIfThere(join(dir, 'pki/cloud-controller-manager.crt')) ?? '', /CERTIFICATE/);
  });

  test('keeps the token when the ranges change', async () => {
    await prepare('192.0.2.64/27');
    const file = join(dir, 'join.json');
    const { token } = JSON.parse(readFileSync(file, 'utf8'));
    await prepare('none');
    assert.deepEqual(cloudRanges(), []);
    assert.equal(readJoinFile(file)?.token, token);
    assert.equal(readJoinFile(file)?.loadBalancerRanges, '');
  });
});

test('ranges are named, taken from the network, or none', () => {
  assert.equal(rangesFor('192.0.2.7', '172.18.0.5/16'), '192.0.2.7');
  assert.equal(rangesFor('auto', '172.18.0.5/16'), '172.18.255.1-172.18.255.254');
  assert.equal(rangesFor('auto', ''), '');
  assert.equal(rangesFor('none', '172.18.0.5/16'), '');
  assert.throws(() => rangesFor('many', ''), ConfigError);
});

test('a host that has joined takes over ranges that changed', () => {
  const cluster = { endpoint: 'door:6443', loadBalancerRanges: '172.18.255.1-172.18.255.254' };
  const host = { name: 'n', cluster } as unknown as HostSettings;
  assert.equal(withRanges(host, undefined), host);
  assert.equal(withRanges(host, cluster.loadBalancerRanges), host);
  assert.equal(withRanges(host, '172.19.255.7').cluster.loadBalancerRanges, '172.19.255.7');
  assert.deepEqual(withRanges(host, '').cluster, { endpoint: 'door:6443' });
  const bare = withRanges(host, '');
  assert.equal(withRanges(bare, ''), bare);
});

test('a host goes on joining while the cluster starts, but not with what only the user can mend', () => {
  assert.equal(mayPass(new StartError('no answer'), undefined), true);
  assert.equal(mayPass(new TokenError('unknown'), '/etc/kubets/join.json'), true);
  assert.equal(mayPass(new TokenError('unknown'), undefined), false);
  assert.equal(mayPass(new ConfigError('another release'), '/etc/kubets/join.json'), false);
});
