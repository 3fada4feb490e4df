import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { ConfigMap, Secret } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { ConfigError } from '@kubets/platform';
import { signatureFits, signatureKey } from '../join/token.ts';
import { clusterPaths } from '../paths.ts';
import { checkAddress, checkPorts, checkUnused, withPresentAddress } from './checks.ts';
import { hostLeaves } from './leaves.ts';
import { planHost } from './plan.ts';
import {
  changeMasters,
  createToken,
  deleteToken,
  listTokens,
  publishClusterInfo,
  publishFacts,
} from './publish.ts';
import {
  addressIn,
  aloneOf,
  apiServiceIp,
  checkName,
  dnsServiceIp,
  type HostSettings,
  hostPorts,
  loopbackPorts,
  masterAddresses,
  parseEndpoint,
  parseHost,
} from './settings.ts';

const host: HostSettings = {
  version: 1,
  roles: ['master'],
  name: 'm1',
  address: '192.0.2.1',
  cluster: {
    release: '0.1.0',
    endpoint: 'api.example:6443',
    token: 't',
    podCidr: '10.244.0.0/16',
    serviceCidr: '10.96.0.0/16',
    clusterDomain: 'cluster.local',
    podNetwork: 'vxlan' as const,
  },
  runtime: 'simulated',
  extraNames: ['extra'],
  masters: [
    { name: 'm1', address: '192.0.2.1' },
    { name: 'm2', address: '192.0.2.2' },
  ],
  store: { state: 'new', members: ['m1=https://192.0.2.1:2380'] },
};
const node: HostSettings = { ...host, roles: ['node'], name: 'n1', address: '192.0.2.9' };

describe('settings', () => {
  test('addresses of a range', () => {
    assert.equal(addressIn('10.96.0.0/16', 10), '10.96.0.10');
    assert.equal(addressIn('10.96.255.250/24', 10), '10.97.0.4');
    assert.equal(apiServiceIp(host.cluster), '10.96.0.1');
    assert.equal(dnsServiceIp(host.cluster), '10.96.0.10');
    for (const text of ['10.96.0.0', '10.96/16', 'fd00::/64', '10.96.0.0/31']) {
      assert.throws(() => addressIn(text, 1), ConfigError);
    }
  });

  test('endpoints and names', () => {
    assert.deepEqual(parseEndpoint('a.example'), { host: 'a.example', port: 6443 });
    assert.deepEqual(parseEndpoint('192.0.2.1:7000'), { host: '192.0.2.1', port: 7000 });
    for (const text of ['', 'a:b', 'a:0', 'a:70000', 'https://a:1']) {
      assert.throws(() => parseEndpoint(text), /HOST:PORT/);
    }
    assert.equal(checkName('a-1.example'), 'a-1.example');
    for (const name of ['', 'A', '-a', 'a_b', 'a'.repeat(254)]) {
      assert.throws(() => checkName(name), /--name/);
    }
  });

  test('a damaged file says what to do', () => {
    const text = JSON.stringify(host);
    assert.deepEqual(parseHost(text, 'f'), host);
    for (const bad of ['{', 'null', '{"version":2}', '{"version":1}']) {
      assert.throws(() => parseHost(bad, 'f'), /kubets reset/);
    }
  });

  test('of a cluster shrunk to one master the endpoint is that, where it was a former one', () => {
    const learned = ['192.0.2.3'];
    const at = (endpoint: string) => ({ ...host, learned, cluster: { ...host.cluster, endpoint } });
    const endpointOf = (before: string, o?: { address?: string; endpoint?: string }) =>
      aloneOf(at(before), o).cluster.endpoint;
    assert.equal(endpointOf('192.0.2.1:6443'), '192.0.2.1:6443');
    for (const former of ['192.0.2.2', '192.0.2.3']) {
      assert.equal(endpointOf(`${former}:6443`), '192.0.2.1:6443');
    }
    const address = '198.51.100.1';
    assert.equal(endpointOf('192.0.2.1:6443', { address }), '198.51.100.1:6443');
    assert.equal(endpointOf('api.example:6443', { address }), 'api.example:6443');
    assert.equal(endpointOf('192.0.2.100:443', { address }), '192.0.2.100:443');
    const endpoint = 'other.example';
    assert.equal(endpointOf('192.0.2.1:6443', { address, endpoint }), 'other.example:6443');
    const moved = aloneOf(at('192.0.2.1:6443'), { address });
    assert.deepEqual(masterAddresses(moved), [address]);
    assert.deepEqual(moved.store.members, [`m1=https://${address}:2380`]);
  });

  test('living masters are asked first', () => {
    const learned = ['192.0.2.3', '192.0.2.2'];
    assert.deepEqual(masterAddresses({ ...host, learned }), [...learned, '192.0.2.1']);
  });
});

describe('the plan', () => {
  const plan = (one: HostSettings) =>
    planHost({
      host: one,
      paths: clusterPaths('/d'),
      nodeBinary: 'node',
      packagesDir: '/p',
      containerd: undefined,
    });
  const flagsOf = (one: HostSettings, name: string): string[] => [
    ...(plan(one).find((spec) => spec.name === name)?.args ?? []),
  ];

  test('roles have their processes', () => {
    const names = (one: HostSettings) => plan(one).map((spec) => spec.name);
    const control = ['etcd', 'apiserver', 'controller-manager', 'scheduler'];
    assert.deepEqual(names(host), control);
    assert.deepEqual(names(node), ['kubelet', 'proxy', 'dns']);
    const both = names({ ...host, roles: ['master', 'node'] });
    assert.deepEqual(both.toSorted(), [...control, 'kubelet', 'proxy', 'dns'].toSorted());
    const cluster = { ...host.cluster, loadBalancerRanges: '192.0.2.64-192.0.2.95' };
    assert.deepEqual(names({ ...host, cluster }), [...control, 'cloud-controller-manager']);
    const flag = `--load-balancer-ranges=${cluster.loadBalancerRanges}`;
    assert.ok(flagsOf({ ...host, cluster }, 'cloud-controller-manager').includes(flag));
    assert.ok(flagsOf({ ...node, cluster }, 'proxy').includes(flag));
  });

  test('a kubelet does not hold up the controller-manager that gives its node a pod range', () => {
    const stageOf = (one: HostSettings, name: string): number | undefined =>
      plan(one).find((spec) => spec.name === name)?.stage;
    const both: HostSettings = { ...host, roles: ['master', 'node'] };
    assert.equal(stageOf(both, 'kubelet'), stageOf(both, 'controller-manager'));
    assert.ok((stageOf(node, 'kubelet') ?? 0) < (stageOf(node, 'proxy') ?? 0));
  });

  test('an apiserver asks its own member first and knows the others', () => {
    const wanted = '--etcd-servers=https://192.0.2.1:2379,https://192.0.2.2:2379';
    assert.ok(flagsOf(host, 'apiserver').includes(wanted));
  });

  test('an apiserver reaches pods through kubelets, unless its host has routes to them', () => {
    const both: HostSettings = { ...host, roles: ['master', 'node'] };
    assert.ok(flagsOf(host, 'apiserver').includes('--pods-through-kubelets=true'));
    assert.ok(flagsOf(both, 'apiserver').includes('--pods-through-kubelets=false'));
  });

  test('a lost node is noticed after 30 s, and its pods leave half a minute later', () => {
    assert.ok(flagsOf(host, 'controller-manager').includes('--node-monitor-grace-period=30s'));
    for (const state of ['not-ready', 'unreachable']) {
      assert.ok(flagsOf(host, 'apiserver').includes(`--default-${state}-toleration-seconds=30`));
    }
  });

  test('everything else goes through the host’s own door', () => {
    const door = `--apiservers=127.0.0.1:${hostPorts.grpcDoor}`;
    for (const name of ['kubelet', 'proxy', 'dns']) assert.ok(flagsOf(node, name).includes(door));
    for (const name of ['scheduler', 'controller-manager']) {
      assert.ok(flagsOf(host, name).includes(door));
    }
  });

  test('no two processes answer on one port', () => {
    const ports = plan({ ...host, roles: ['master', 'node'] }).map((spec) => spec.healthPort);
    assert.equal(new Set(ports).size, ports.length);
  });
});

test('only masters make certificates, under every name the API has', () => {
  assert.deepEqual(hostLeaves(node, 1), []);
  const api = hostLeaves(host, 1).find((leaf) => leaf.file === 'apiserver');
  for (const name of [
    '127.0.0.1',
    '192.0.2.1',
    'api.example',
    'extra',
    '10.96.0.1',
    'kubernetes',
  ]) {
    assert.ok(api?.hosts?.includes(name), name);
  }
});

describe('checks', () => {
  test('the store of an earlier cluster is not taken for a new one', () => {
    const dir = mkdtempSync(join(tmpdir(), 'kubets-host-'));
    try {
      const paths = clusterPaths(dir);
      checkUnused(paths);
      mkdirSync(paths.etcdDir('member'), { recursive: true });
      assert.throws(
        () => checkUnused(paths),
        (error) =>
          error instanceof ConfigError && /store of a cluster.*kubets reset/.test(error.message),
      );
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  /** Listens for the time of some work; somebody else's or ours, the port is taken either way. */
  async function whileTaken(port: number, work: () => Promise<void>): Promise<void> {
    const server = createServer();
    const isOurs = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    await work();
    if (isOurs) await new Promise((resolve) => server.close(resolve));
  }

  test('a port that is taken is named, also one that is asked on loopback only', async () => {
    const { dns, apiDoor, health } = hostPorts;
    for (const port of [dns, apiDoor, health.kubelet, health.proxy, health.dns]) {
      await whileTaken(port, () =>
        assert.rejects(checkPorts(['node'], {}), /is taken by another process; "ss -ltnp/),
      );
    }
    await whileTaken(health.scheduler, () =>
      assert.rejects(checkPorts(['master'], {}), /is taken by another process/),
    );
  });

  test('so is one for datagrams', async () => {
    const socket = createSocket('udp4');
    await new Promise((resolve) => socket.bind(hostPorts.dns, '127.0.0.1', () => resolve(true)));
    await assert.rejects(checkPorts(['node'], {}), /UDP port 10053 is taken .*"ss -lunp sport/);
    await new Promise((resolve) => socket.close(() => resolve(true)));
  });

  test('only what a host will run needs its port', () => {
    const balancer = hostPorts.health['cloud-controller-manager'];
    assert.ok(!loopbackPorts(['master'], {}).includes(balancer));
    const ranges = { loadBalancerRanges: '192.0.2.64-192.0.2.95' };
    assert.ok(loopbackPorts(['master'], ranges).includes(balancer));
    assert.ok(!loopbackPorts(['node'], ranges).includes(balancer));
  });

  test('an address must be this host’s; a node may change it, a master not', () => {
    checkAddress('127.0.0.1');
    assert.throws(() => checkAddress('192.0.2.1'), /--advertise-address/);
    assert.equal(withPresentAddress(node, '192.0.2.10').address, '192.0.2.10');
    const same = { ...host, address: '127.0.0.1' };
    assert.equal(withPresentAddress(same, '192.0.2.10'), same);
    assert.throws(() => withPresentAddress(host, '192.0.2.10'), /kubets reset --local/);
  });
});

describe('what masters publish', () => {
  test('the list of masters survives two changes at a time', async () => {
    const api = new FakeApi();
    await publishFacts(api, host);
    const add = (name: string) =>
      changeMasters(api, (masters) => [...masters, { name, address: name }]);
    await Promise.all([add('m3'), add('m4')]);
    const [map] = api.objects<ConfigMap>('v1', 'configmaps');
    const names = JSON.parse(map?.data?.cluster ?? '{}').masters.map(
      (one: { name: string }) => one.name,
    );
    assert.deepEqual(names.toSorted(), ['m1', 'm2', 'm3', 'm4']);
  });

  test('what is published again keeps the signatures of tokens', async () => {
    const api = new FakeApi();
    const info = () => api.objects<ConfigMap>('v1', 'configmaps')[0];
    await publishClusterInfo(api, 'api.example:6443', 'authority');
    const first = info();
    assert.ok(first !== undefined);
    const data = { ...first.data, 'jws-kubeconfig-abcdef': 'signature' };
    await api.resource<ConfigMap>('v1', 'configmaps').update({ ...first, data });
    const signed = info();
    await publishClusterInfo(api, 'api.example:6443', 'authority');
    assert.deepEqual(info(), signed);
    await publishClusterInfo(api, 'other.example:6443', 'authority');
    assert.match(info()?.data?.kubeconfig ?? '', /other\.example/);
    assert.equal(info()?.data?.['jws-kubeconfig-abcdef'], 'signature');
  });

  test('a token counts as soon as it is made, whoever signs with it later', async () => {
    const api = new FakeApi();
    await publishClusterInfo(api, 'api.example:6443', 'authority');
    const { token } = await createToken(api, { nowMs: 0, ttlMs: 60_000, description: 'x' });
    const data = api.objects<ConfigMap>('v1', 'configmaps')[0]?.data ?? {};
    assert.ok(signatureFits(data.kubeconfig ?? '', data[signatureKey(token)], token));
  });

  test('tokens come and go', async () => {
    const api = new FakeApi();
    await publishClusterInfo(api, 'api.example:6443', 'authority');
    const { token } = await createToken(api, { nowMs: 0, ttlMs: 60_000, description: 'x' });
    const [secret] = api.objects<Secret>('v1', 'secrets');
    const expiration = Buffer.from(secret?.data?.expiration ?? '', 'base64').toString();
    assert.equal(expiration, '1970-01-01T00:01:00Z');
    assert.equal((await listTokens(api)).length, 1);
    assert.equal(await deleteToken(api, token.id), true);
    assert.equal(await deleteToken(api, token.id), false);
  });
});
