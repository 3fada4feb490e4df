import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Service, ServiceSpec } from '@kubets/api';
import { ConfigError, ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import { FakeStore, failure, user } from '../edge-testing.ts';
import type { WriteHook } from '../ports.ts';
import { GVR } from '../resources.ts';
import { RangeAllocator } from './allocator.ts';
import { createServiceHook } from './hook.ts';
import { formatIpv4, nodePortRange, parseIpv4, serviceIpRange } from './ranges.ts';
import { ServiceRepair } from './repair.ts';

const IPS = '/registry/ranges/serviceips';
const PORTS = '/registry/ranges/servicenodeports';

let store: FakeStore;
let clock: ManualClock;
let uids = 0;

/** One apiserver's allocation; several of them share the store. */
function server(o: { cidr?: string; ports?: string; seed?: number } = {}) {
  const common = { store: store.raw, clock, random: seededRandom(o.seed ?? 1) };
  const ips = new RangeAllocator({
    ...common,
    range: serviceIpRange(o.cidr ?? '10.96.0.0/16'),
    prefix: IPS,
  });
  const ports = new RangeAllocator({
    ...common,
    range: nodePortRange(o.ports ?? '30000-32767'),
    prefix: PORTS,
  });
  const allocators = { ips, ports };
  const hook = createServiceHook(allocators, async ({ namespace, name, uid }) => {
    const { items } = await store.list<Service>(GVR.services, namespace);
    return items.find(({ metadata }) => metadata.name === name && metadata.uid === uid);
  });
  const repair = new ServiceRepair({ store, allocators, clock, log: silentLogger });
  return { ...allocators, hook, repair };
}

function service(spec: ServiceSpec, name = 'x'): Service & { spec: ServiceSpec } {
  uids += 1;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'ns', name, uid: `uid-${uids}` },
    spec: { type: 'ClusterIP', selector: { app: 'a' }, ports: [{ port: 80 }], ...spec },
  };
}

const scope = { user: user('t'), dryRun: false, subresource: '' };

/** Creates a service the way the registry does; resolves with it as stored. */
async function create(
  hook: WriteHook,
  object: Service,
  o: { stored?: boolean; dryRun?: boolean } = {},
) {
  const { stored = true, dryRun = false } = o;
  const finish = await hook.beginCreate?.(object, { ...scope, dryRun });
  if (stored && !dryRun) store.seed(object);
  await finish?.(stored && !dryRun);
  return object as Service & { spec: ServiceSpec };
}

async function update(hook: WriteHook, old: Service, spec: ServiceSpec, stored = true) {
  const object = structuredClone(old) as Service & { spec: ServiceSpec };
  object.spec = spec;
  const finish = await hook.beginUpdate?.(object, structuredClone(old), scope);
  if (stored) store.seed(object);
  await finish?.(stored);
  return object;
}

/** What is taken now, by the keys in the store. */
function taken(): string[] {
  const free = (value: Buffer): boolean => value.toString().includes('"free"');
  return [...store.raw.values]
    .filter(([, { value }]) => !free(value))
    .map(([key]) => key.split('/').at(-1) ?? '')
    .sort();
}

beforeEach(() => {
  store = new FakeStore();
  clock = new ManualClock(1_000_000);
});

describe('ranges', () => {
  it('leave out network and broadcast, and keep a part for explicit choices', () => {
    const range = serviceIpRange('10.96.0.0/16');
    assert.equal(formatIpv4(range.first), '10.96.0.1');
    assert.equal(formatIpv4(range.last), '10.96.255.254');
    assert.equal(formatIpv4(range.dynamicFirst), '10.96.1.1');
    assert.equal(serviceIpRange('10.96.3.7/24').text, '10.96.3.0/24');
    assert.equal(nodePortRange('30000-32767').dynamicFirst, 30_086);
  });

  for (const text of [
    '10.96.0.0',
    '10.96.0.0/8',
    '10.96.0.0/31',
    'fd00::/112',
    '300.0.0.0/16',
    '',
  ]) {
    it(`"${text}" is no address range`, () => {
      assert.throws(() => serviceIpRange(text), ConfigError);
    });
  }
  for (const text of ['30000', '32767-30000', '0-10', '1-70000', 'a-b']) {
    it(`"${text}" is no port range`, () => {
      assert.throws(() => nodePortRange(text), ConfigError);
    });
  }

  it('read addresses in canonical form only', () => {
    assert.equal(parseIpv4('10.96.0.1'), 174_063_617);
    for (const text of ['10.96.0', '10.96.0.01', '10.96.0.256', 'x', '::1', '']) {
      assert.equal(parseIpv4(text), undefined, text);
    }
  });
});

describe('creating a service', () => {
  it('gives it an address of the dynamic part and the families', async () => {
    const { hook } = server();
    const { spec } = await create(hook, service({}));
    assert.match(spec.clusterIP ?? '', /^10\.96\.\d+\.\d+$/);
    assert.deepEqual(spec.clusterIPs, [spec.clusterIP]);
    assert.deepEqual(spec.ipFamilies, ['IPv4']);
    assert.equal(spec.ipFamilyPolicy, 'SingleStack');
    assert.equal(spec.internalTrafficPolicy, 'Cluster');
    assert.deepEqual(taken(), [spec.clusterIP]);
  });

  it('takes the address it asks for', async () => {
    const { hook } = server();
    const { spec } = await create(hook, service({ clusterIP: '10.96.0.10' }));
    assert.deepEqual(spec.clusterIPs, ['10.96.0.10']);
    assert.deepEqual(taken(), ['10.96.0.10']);
  });

  it('headless and ExternalName take nothing', async () => {
    const { hook } = server();
    const headless = await create(hook, service({ clusterIP: 'None' }));
    assert.deepEqual(headless.spec.clusterIPs, ['None']);
    assert.equal(headless.spec.ipFamilyPolicy, 'SingleStack');
    const external = await create(
      hook,
      service({ type: 'ExternalName', externalName: 'e.example' }, 'y'),
    );
    assert.equal(external.spec.clusterIP, undefined);
    assert.equal(external.spec.ipFamilies, undefined);
    assert.deepEqual(taken(), []);
  });

  it('headless without selector is ready for both families', async () => {
    const { hook } = server();
    const { spec } = await create(hook, service({ clusterIP: 'None', selector: {} }));
    assert.equal(spec.ipFamilyPolicy, 'RequireDualStack');
    assert.deepEqual(spec.ipFamilies, ['IPv4', 'IPv6']);
  });

  it('NodePort gets a port for each that has none', async () => {
    const { hook } = server();
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81, nodePort: 30_001 },
    ];
    const { spec } = await create(hook, service({ type: 'NodePort', ports }));
    const [a, b] = (spec.ports ?? []).map((port) => port.nodePort ?? 0);
    assert.ok(a && a >= 30_086 && a <= 32_767);
    assert.equal(b, 30_001);
    assert.equal(spec.externalTrafficPolicy, 'Cluster');
    assert.deepEqual(taken(), [spec.clusterIP, '30001', String(a)].sort());
  });

  it('one number may serve TCP and UDP of one service', async () => {
    const { hook } = server();
    const ports = [
      { name: 't', port: 53, protocol: 'TCP', nodePort: 30_053 },
      { name: 'u', port: 53, protocol: 'UDP', nodePort: 30_053 },
    ];
    await create(hook, service({ type: 'NodePort', ports }));
    assert.ok(taken().includes('30053'));
  });

  it('a balancer that keeps traffic local gets a health-check port', async () => {
    const { hook } = server();
    const spec: ServiceSpec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' };
    const made = await create(hook, service(spec));
    assert.ok(made.spec.healthCheckNodePort);
    assert.equal(made.spec.allocateLoadBalancerNodePorts, true);
    assert.equal(taken().length, 3);
  });

  it('a balancer may go without node ports', async () => {
    const { hook } = server();
    const made = await create(
      hook,
      service({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false }),
    );
    assert.equal(made.spec.ports?.[0]?.nodePort, undefined);
    assert.equal(taken().length, 1);
  });

  const refusals: [string, ServiceSpec, string][] = [
    [
      'an address outside',
      { clusterIP: '10.97.0.1' },
      'spec.clusterIPs: Invalid value: []string{"10.97.0.1"}: failed to allocate IP 10.97.0.1: the provided IP (10.97.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16',
    ],
    [
      'an address that is taken',
      { clusterIP: '10.96.0.10' },
      'spec.clusterIPs: Invalid value: []string{"10.96.0.10"}: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    ],
    [
      'a port outside',
      { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] },
      'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    ],
    [
      'a port that is taken',
      { type: 'NodePort', ports: [{ port: 80, nodePort: 31_987 }] },
      'spec.ports[0].nodePort: Invalid value: 31987: provided port is already allocated',
    ],
    [
      'a family the cluster has not',
      { ipFamilies: ['IPv6'] },
      'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    ],
    [
      'two families',
      { ipFamilyPolicy: 'RequireDualStack' },
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    ],
  ];
  for (const [what, spec, why] of refusals) {
    it(`refuses ${what}, and keeps nothing`, async () => {
      const { hook } = server();
      const ports = [{ port: 80, nodePort: 31_987 }];
      await create(hook, service({ type: 'NodePort', clusterIP: '10.96.0.10', ports }, 'first'));
      const error = await failure(() => create(hook, service(spec)));
      assert.equal(error.message, `Service "x" is invalid: ${why}`);
      assert.equal(error.code, 422);
      assert.deepEqual(taken(), ['10.96.0.10', '31987']);
    });
  }

  it('leaves what is no address to validation', async () => {
    const { hook } = server();
    const { spec } = await create(hook, service({ clusterIP: 'x.y' }), { stored: false });
    assert.equal(spec.clusterIP, 'x.y');
    assert.deepEqual(taken(), []);
  });

  it('gives everything back when the write fails', async () => {
    const { hook } = server();
    await create(hook, service({ type: 'NodePort' }), { stored: false });
    assert.deepEqual(taken(), []);
  });

  it('keeps what the stored service holds when a write was reported as failed but happened', async () => {
    const { hook } = server();
    const object = service({});
    const finish = await hook.beginCreate?.(object, scope);
    store.seed(object);
    await finish?.(false);
    assert.deepEqual(taken(), [object.spec.clusterIP]);
  });

  it('a dry run takes nothing, and tells what would be refused', async () => {
    const { hook } = server();
    const { spec } = await create(hook, service({ type: 'NodePort' }), { dryRun: true });
    assert.equal(spec.clusterIP, '10.96.0.1');
    assert.ok(spec.ports?.[0]?.nodePort);
    assert.deepEqual(taken(), []);
    await create(hook, service({ clusterIP: '10.96.0.10' }, 'first'));
    const again = () => create(hook, service({ clusterIP: '10.96.0.10' }), { dryRun: true });
    assert.equal((await failure(again)).code, 422);
    assert.deepEqual(taken(), ['10.96.0.10']);
  });

  it('a full range is an error, and the part for explicit choices is used before that', async () => {
    const { hook } = server({ cidr: '10.0.0.0/29' });
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await create(hook, service({}, name));
    assert.equal(taken().length, 6);
    const error = await failure(() => create(hook, service({}, 'g')));
    assert.match(error.message, /range is full/);
    assert.equal(error.code, 500);
  });
});

describe('changing a service', () => {
  it('keeps what the update leaves out', async () => {
    const { hook } = server();
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81 },
    ];
    const old = await create(hook, service({ type: 'NodePort', ports }));
    const made = await update(hook, old, {
      type: 'NodePort',
      selector: { app: 'a' },
      ports: [
        { name: 'b', port: 99 },
        { name: 'c', port: 82 },
      ],
    });
    assert.equal(made.spec.clusterIP, old.spec.clusterIP);
    assert.deepEqual(made.spec.clusterIPs, old.spec.clusterIPs);
    assert.equal(made.spec.ports?.[0]?.nodePort, old.spec.ports?.[1]?.nodePort);
    assert.notEqual(made.spec.ports?.[1]?.nodePort, old.spec.ports?.[0]?.nodePort);
    const held = [made.spec.clusterIP, ...(made.spec.ports ?? []).map((p) => String(p.nodePort))];
    assert.deepEqual(taken(), held.sort());
  });

  it('walks through the types, taking and giving back', async () => {
    const { hook } = server();
    const first = await create(hook, service({}));
    const { clusterIP } = first.spec;
    const node = await update(hook, first, { ...structuredClone(first.spec), type: 'NodePort' });
    const port = node.spec.ports?.[0]?.nodePort;
    assert.deepEqual(taken(), [clusterIP, String(port)].sort());
    const balancer = await update(hook, node, {
      ...structuredClone(node.spec),
      type: 'LoadBalancer',
    });
    assert.equal(balancer.spec.ports?.[0]?.nodePort, port);
    const plain = await update(hook, balancer, {
      ...structuredClone(balancer.spec),
      type: 'ClusterIP',
    });
    assert.equal(plain.spec.ports?.[0]?.nodePort, undefined);
    assert.equal(plain.spec.externalTrafficPolicy, undefined);
    assert.equal(plain.spec.allocateLoadBalancerNodePorts, undefined);
    assert.deepEqual(taken(), [clusterIP]);
    const external = await update(hook, plain, {
      ...structuredClone(plain.spec),
      type: 'ExternalName',
      externalName: 'e.example',
    });
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) {
      assert.equal(external.spec[field], undefined, field);
    }
    assert.equal(external.spec.internalTrafficPolicy, undefined);
    assert.deepEqual(taken(), []);
    const back = await update(hook, external, {
      ...structuredClone(external.spec),
      type: 'ClusterIP',
    });
    assert.ok(back.spec.clusterIP);
    assert.deepEqual(taken(), [back.spec.clusterIP]);
  });

  it('takes a new explicit port and gives the old one back only when it is stored', async () => {
    const { hook } = server();
    const old = await create(
      hook,
      service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_001 }] }),
    );
    const spec = { ...structuredClone(old.spec), ports: [{ port: 80, nodePort: 30_002 }] };
    await update(hook, old, structuredClone(spec), false);
    assert.deepEqual(taken().slice(1), ['30001']);
    await update(hook, old, spec);
    assert.deepEqual(taken().slice(1), ['30002']);
  });

  it('of a subresource touches nothing', async () => {
    const { hook } = server();
    const object = service({});
    await hook.beginUpdate?.(object, service({}), { ...scope, subresource: 'status' });
    assert.equal(object.spec.clusterIP, undefined);
  });
});

describe('deleting a service', () => {
  it('gives everything back, and it can be taken at once', async () => {
    const { hook } = server();
    const spec: ServiceSpec = {
      type: 'NodePort',
      clusterIP: '10.96.0.10',
      ports: [{ port: 80, nodePort: 30_001 }],
    };
    const made = await create(hook, service(spec));
    await store.delete({ ...GVR.services, namespace: 'ns', name: 'x' });
    await hook.afterDelete?.(made);
    assert.deepEqual(taken(), []);
    await create(hook, service(spec));
    assert.deepEqual(taken(), ['10.96.0.10', '30001']);
  });

  it('never frees what another service holds by now', async () => {
    const { hook } = server();
    const made = await create(hook, service({ clusterIP: '10.96.0.10' }));
    await store.delete({ ...GVR.services, namespace: 'ns', name: 'x' });
    await hook.afterDelete?.(made);
    await create(hook, service({ clusterIP: '10.96.0.10' }));
    await hook.afterDelete?.(made);
    assert.deepEqual(taken(), ['10.96.0.10']);
  });
});

describe('several apiservers', () => {
  it('never hand out the same item', async () => {
    const servers = [1, 1, 2].map((seed) =>
      server({ cidr: '10.0.0.0/26', ports: '30000-30061', seed }),
    );
    const made = await Promise.all(
      Array.from({ length: 60 }, (_, i) => {
        const one = servers[i % 3];
        return create(one?.hook ?? assert.fail(), service({ type: 'NodePort' }, `s${i}`));
      }),
    );
    assert.equal(new Set(made.map((one) => one.spec.clusterIP)).size, 60);
    assert.equal(new Set(made.map((one) => one.spec.ports?.[0]?.nodePort)).size, 60);
    assert.equal(taken().length, 120);
  });

  it('only one gets an address both ask for', async () => {
    const attempts = await Promise.allSettled(
      [1, 2, 3].map((seed) =>
        create(server({ seed }).hook, service({ clusterIP: '10.96.0.10' }, `s${seed}`)),
      ),
    );
    assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1);
  });
});

describe('what a crash leaves behind', () => {
  /** An apiserver takes an address and dies before it writes the service. */
  const crash = async (clusterIP: string) => {
    await server().hook.beginCreate?.(service({ clusterIP }, 'ghost'), scope);
  };

  it('is freed by the repair loop, not before no write can be on its way', async () => {
    await crash('10.96.0.10');
    const { repair } = server();
    assert.equal((await repair.repair()).freed, 0);
    clock.advance(LIMITS.claimGraceMs + 1);
    assert.equal((await repair.repair()).freed, 1);
    assert.deepEqual(taken(), []);
  });

  it('is taken over by whoever wants it, likewise', async () => {
    await crash('10.96.0.10');
    const { hook } = server();
    assert.equal(
      (await failure(() => create(hook, service({ clusterIP: '10.96.0.10' })))).code,
      422,
    );
    clock.advance(LIMITS.claimGraceMs + 1);
    await create(hook, service({ clusterIP: '10.96.0.10' }));
    assert.deepEqual(taken(), ['10.96.0.10']);
  });

  it('claims of services that exist stay', async () => {
    const { hook, repair } = server();
    await create(hook, service({ type: 'NodePort' }));
    clock.advance(LIMITS.claimGraceMs * 10);
    assert.deepEqual(await repair.repair(), { restored: 0, freed: 0, duplicates: [] });
    assert.equal(taken().length, 2);
  });

  it('a claim that is missing is restored', async () => {
    const { hook, repair } = server();
    const { spec } = await create(hook, service({}));
    store.raw.values.clear();
    assert.equal((await repair.repair()).restored, 1);
    assert.deepEqual(taken(), [spec.clusterIP]);
  });

  it('two services with one address are reported', async () => {
    const { repair } = server();
    store.seed(
      service({ clusterIP: '10.96.0.10' }, 'a'),
      service({ clusterIP: '10.96.0.10' }, 'b'),
    );
    assert.deepEqual((await repair.repair()).duplicates, ['10.96.0.10']);
  });

  it('the loop goes on after a failure, and ends when told to', async () => {
    const { hook, repair } = server();
    await create(hook, service({}));
    store.raw.values.clear();
    store.raw.before = () => {
      throw new Error('the store is away');
    };
    repair.start();
    await new Promise(setImmediate);
    store.raw.before = () => undefined;
    clock.advance(LIMITS.repairIntervalMs);
    await repair.stop();
    assert.equal(taken().length, 1);
    clock.advance(LIMITS.repairIntervalMs * 2);
  });
});
