import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSlice, Pod, Service } from '@kubets/api';
import fc from 'fast-check';
import { at, pod, service } from '../testing/builders.ts';
import { isManaged, resolvePorts, servingConditions } from './pods.ts';
import { decideSlices, type SliceChanges } from './slices.ts';
import { decideEndpoints, OVER_CAPACITY } from './subsets.ts';

const labels = { app: 'web' };
const webPod = (ip: string, parts: Parameters<typeof pod>[0] = {}): Pod =>
  pod({
    name: `web-${ip}`,
    ip,
    node: 'n1',
    readyAt: -50,
    ...parts,
    meta: { labels, ...parts.meta },
  });

function slicesFor(
  web: Service,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[] = [],
): SliceChanges {
  return decideSlices({
    service: web,
    pods,
    slices,
    zoneOf: (n) => (n === 'n1' ? 'z1' : undefined),
    hasNode: (n) => n !== 'gone',
  });
}

/** The slices after the changes are made. */
function apply(slices: readonly EndpointSlice[], changes: SliceChanges): EndpointSlice[] {
  const gone = new Set(changes.delete.map((s) => s.metadata.name));
  const changed = new Map(changes.update.map((s) => [s.metadata.name, s]));
  const kept = slices.filter((s) => !gone.has(s.metadata.name));
  return [...kept.map((s) => changed.get(s.metadata.name) ?? s), ...changes.create];
}

const addresses = (slices: readonly EndpointSlice[]): string[] =>
  slices.flatMap((s) => (s.endpoints ?? []).flatMap((e) => e.addresses)).sort();

describe('which services are managed', () => {
  const cases: [string, Service, boolean][] = [
    ['one with a selector', service('web'), true],
    ['a headless one', service('web', { clusterIP: 'None' }), true],
    ['one without a selector', service('web', { selector: undefined }), false],
    ['one with an empty selector', service('web', { selector: {} }), false],
    ['an external name', service('web', { type: 'ExternalName' }), false],
  ];
  for (const [what, one, expected] of cases) {
    it(what, () => assert.equal(isManaged(one), expected));
  }
});

describe('ports', () => {
  const named = pod({
    spec: {
      containers: [
        { name: 'c', ports: [{ name: 'http', containerPort: 8080 }] },
        { name: 'd', ports: [{ name: 'dns', containerPort: 53, protocol: 'UDP' }] },
      ],
      initContainers: [
        { name: 'side', restartPolicy: 'Always', ports: [{ name: 'admin', containerPort: 9 }] },
        { name: 'init', ports: [{ name: 'never', containerPort: 10 }] },
      ],
    },
  });
  const cases: [object, number[]][] = [
    [{ port: 80 }, [80]],
    [{ port: 80, targetPort: 8080 }, [8080]],
    [{ port: 80, targetPort: 'http' }, [8080]],
    [{ port: 53, targetPort: 'dns' }, []],
    [{ port: 53, targetPort: 'dns', protocol: 'UDP' }, [53]],
    [{ port: 80, targetPort: 'admin' }, [9]],
    [{ port: 80, targetPort: 'never' }, []],
    [{ port: 80, targetPort: 'missing' }, []],
  ];
  for (const [declared, expected] of cases) {
    it(JSON.stringify(declared), () => {
      const web = service('web', { ports: [declared as { port: number }] });
      assert.deepEqual(
        resolvePorts(web, named).map((p) => p.port),
        expected,
      );
    });
  }
});

describe('conditions', () => {
  const web = service('web');
  const open = service('web', { publishNotReadyAddresses: true });
  const leaving = { meta: { deletionTimestamp: at(0) } };
  const cases: [string, Service, Pod, [boolean, boolean, boolean]][] = [
    ['ready', web, webPod('1', {}), [true, true, false]],
    ['not ready', web, pod({ ip: '1' }), [false, false, false]],
    ['leaving', web, webPod('1', leaving), [false, true, true]],
    ['published while not ready', open, pod({ ip: '1' }), [true, false, false]],
    ['published while leaving', open, webPod('1', leaving), [true, true, true]],
  ];
  for (const [what, one, p, [ready, serving, terminating]] of cases) {
    it(what, () => assert.deepEqual(servingConditions(one, p), { ready, serving, terminating }));
  }
});

describe('slices', () => {
  it('show where each pod is', () => {
    const changes = slicesFor(service('web'), [webPod('10.0.0.1')]);
    const [slice] = changes.create;
    assert.match(slice?.metadata.name ?? '', /^web-[a-z0-9]{5}$/);
    assert.equal(slice?.metadata.generateName, 'web-');
    assert.deepEqual(slice?.metadata.labels, {
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    assert.equal(slice?.metadata.ownerReferences?.[0]?.uid, 'uid-of-web');
    assert.equal(slice?.addressType, 'IPv4');
    assert.deepEqual(slice?.ports, [{ name: '', port: 8080, protocol: 'TCP' }]);
    const [endpoint] = slice?.endpoints ?? [];
    assert.deepEqual(endpoint?.addresses, ['10.0.0.1']);
    assert.deepEqual(endpoint?.conditions, { ready: true, serving: true, terminating: false });
    assert.equal(endpoint?.nodeName, 'n1');
    assert.equal(endpoint?.zone, 'z1');
    assert.equal(endpoint?.targetRef?.name, 'web-10.0.0.1');
  });

  it('say that a zone is for its own, where the Service prefers that', () => {
    const hintsOf = (one: Service): unknown =>
      slicesFor(one, [webPod('10.0.0.1')]).create[0]?.endpoints?.[0]?.hints;
    const close = service('web', { trafficDistribution: 'PreferClose' });
    assert.equal(hintsOf(service('web')), undefined);
    assert.deepEqual(hintsOf(close), { forZones: [{ name: 'z1' }] });
    const annotations = { 'service.kubernetes.io/topology-mode': 'Auto' };
    const auto = { ...close, metadata: { ...close.metadata, annotations } };
    assert.equal(hintsOf(auto), undefined);
  });

  it('leave out pods that cannot serve', () => {
    const none = [
      webPod('', {}),
      webPod('10.0.0.2', { phase: 'Succeeded' }),
      pod({ ip: '10.0.0.3', readyAt: -1, meta: { labels: { app: 'api' } } }),
    ];
    assert.deepEqual(addresses(slicesFor(service('web'), none).create), []);
  });

  it('are stable: the same pods change nothing', () => {
    const pods = [webPod('10.0.0.1'), webPod('10.0.0.2')];
    const made = apply([], slicesFor(service('web'), pods));
    assert.deepEqual(slicesFor(service('web'), pods, made), { create: [], update: [], delete: [] });
  });

  it('an empty service keeps one empty slice', () => {
    const made = apply([], slicesFor(service('web'), []));
    assert.equal(made.length, 1);
    assert.deepEqual(slicesFor(service('web'), [], made), { create: [], update: [], delete: [] });
  });

  it('have the same names whoever makes them', () => {
    const pods = [webPod('10.0.0.1')];
    const [a, b] = [slicesFor(service('web'), pods), slicesFor(service('web'), pods)];
    assert.equal(a.create[0]?.metadata.name, b.create[0]?.metadata.name);
    assert.equal(a.create[0]?.metadata.generateName, 'web-');
  });

  it('give host names to pods of a headless service that ask for it', () => {
    const spec = { containers: [], hostname: 'db-0', subdomain: 'web' };
    const made = slicesFor(service('web', { clusterIP: 'None' }), [webPod('10.0.0.1', { spec })]);
    assert.equal(made.create[0]?.endpoints?.[0]?.hostname, 'db-0');
    assert.equal(made.create[0]?.metadata.labels?.['service.kubernetes.io/headless'], '');
    const other = slicesFor(service('web'), [
      webPod('10.0.0.1', { spec: { ...spec, subdomain: 'api' } }),
    ]);
    assert.equal(other.create[0]?.endpoints?.[0]?.hostname, undefined);
  });

  it('group pods that serve a named port under different numbers', () => {
    const web = service('web', { ports: [{ port: 80, targetPort: 'http' }] });
    const serving = (ip: string, containerPort: number): Pod =>
      webPod(ip, {
        spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort }] }] },
      });
    const made = slicesFor(web, [serving('10.0.0.1', 80), serving('10.0.0.2', 8080)]).create;
    assert.deepEqual(made.map((s) => s.ports?.[0]?.port).sort(), [80, 8080]);
  });

  it('show both families of a dual-stack service', () => {
    const web = service('web', { ipFamilies: ['IPv4', 'IPv6'] });
    const both = webPod('10.0.0.1', {
      status: {
        phase: 'Running',
        podIP: '10.0.0.1',
        podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }],
      },
    });
    const made = slicesFor(web, [both]).create;
    assert.deepEqual(made.map((s) => [s.addressType, addresses([s])]).sort(), [
      ['IPv4', ['10.0.0.1']],
      ['IPv6', ['fd00::1']],
    ]);
    assert.equal(slicesFor(web, []).create.length, 2);
  });

  it('follow a change of ports with new slices', () => {
    const pods = [webPod('10.0.0.1')];
    const before = apply([], slicesFor(service('web'), pods));
    const moved = service('web', { ports: [{ port: 80, targetPort: 9090 }] });
    const changes = slicesFor(moved, pods, before);
    assert.equal(changes.delete.length, 1);
    assert.equal(changes.create[0]?.ports?.[0]?.port, 9090);
  });

  it('keep to their size and show every pod exactly once, whatever happens', () => {
    const step = fc.record({ add: fc.nat(130), drop: fc.nat(130) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 5 }), (steps) => {
        let next = 0;
        let pods: Pod[] = [];
        let slices: EndpointSlice[] = [];
        for (const { add, drop } of steps) {
          pods = pods.slice(Math.min(drop, pods.length));
          for (let i = 0; i < add; i++) {
            next++;
            pods.push(webPod(`10.0.${Math.floor(next / 250)}.${next % 250}`));
          }
          slices = apply(slices, slicesFor(service('web'), pods, slices));
          assert.deepEqual(addresses(slices), pods.map((p) => p.status?.podIP ?? '').sort());
          assert.ok(slices.every((s) => (s.endpoints?.length ?? 0) <= 100));
          assert.equal(new Set(slices.map((s) => s.metadata.name)).size, slices.length);
          assert.ok(slices.length <= Math.max(1, Math.ceil(next / 100)));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('rewrite only the slice of the pod that changed', () => {
    const pods = Array.from({ length: 250 }, (_, i) => webPod(`10.0.0.${i}`));
    const slices = apply([], slicesFor(service('web'), pods));
    const [first, ...rest] = pods;
    assert.ok(first);
    const sick = { ...first, status: { ...first.status, conditions: [] } };
    const changes = slicesFor(service('web'), [sick, ...rest], slices);
    assert.deepEqual(
      [changes.create.length, changes.update.length, changes.delete.length],
      [0, 1, 0],
    );
  });
});

describe('pods on nodes that are gone', () => {
  const pods = [webPod('10.0.0.1'), webPod('10.0.0.2', { node: 'gone' })];

  it('are in no slice', () => {
    assert.deepEqual(addresses(slicesFor(service('web'), pods).create), ['10.0.0.1']);
  });

  it('are, where all addresses are published', () => {
    const web = service('web', { publishNotReadyAddresses: true });
    assert.deepEqual(addresses(slicesFor(web, pods).create), ['10.0.0.1', '10.0.0.2']);
  });
});

describe('the Endpoints object', () => {
  it('splits ready from not ready, sorted by address', () => {
    const pods = [
      webPod('10.0.0.2'),
      webPod('10.0.0.1'),
      pod({ ip: '10.0.0.3', meta: { labels } }),
      webPod('10.0.0.4', { meta: { deletionTimestamp: at(0) } }),
    ];
    const made = decideEndpoints(service('web'), pods, undefined);
    assert.equal(made?.subsets?.length, 1);
    const [subset] = made?.subsets ?? [];
    assert.deepEqual(
      subset?.addresses?.map((a) => a.ip),
      ['10.0.0.1', '10.0.0.2'],
    );
    assert.deepEqual(
      subset?.notReadyAddresses?.map((a) => a.ip),
      ['10.0.0.3'],
    );
    assert.deepEqual(subset?.ports, [{ port: 8080, protocol: 'TCP' }]);
  });

  it('is left alone when it is right', () => {
    const pods = [webPod('10.0.0.1')];
    const made = decideEndpoints(service('web'), pods, undefined);
    assert.equal(decideEndpoints(service('web'), pods, made), undefined);
  });

  it('publishes everyone when asked to', () => {
    const open = service('web', { publishNotReadyAddresses: true });
    const pods = [
      pod({ ip: '10.0.0.3', meta: { labels } }),
      webPod('10.0.0.4', { meta: { deletionTimestamp: at(0) } }),
    ];
    const made = decideEndpoints(open, pods, undefined);
    assert.equal(made?.subsets?.[0]?.addresses?.length, 2);
  });

  it('is cut at a thousand addresses and says so, until it fits again', () => {
    const many = Array.from({ length: 1001 }, (_, i) =>
      webPod(`10.0.${Math.floor(i / 250)}.${i % 250}`),
    );
    const cut = decideEndpoints(service('web'), many, undefined);
    assert.equal(cut?.subsets?.[0]?.addresses?.length, 1000);
    assert.equal(cut?.metadata.annotations?.[OVER_CAPACITY], 'truncated');
    const fits = decideEndpoints(service('web'), many.slice(0, 5), cut);
    assert.equal(fits?.metadata.annotations?.[OVER_CAPACITY], undefined);
  });

  it('has one subset per set of ports', () => {
    const web = service('web', {
      ports: [
        { name: 'a', port: 80, targetPort: 'http' },
        { name: 'b', port: 81, targetPort: 81 },
      ],
    });
    const named = webPod('10.0.0.1', {
      spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }] },
    });
    const made = decideEndpoints(web, [named, webPod('10.0.0.2')], undefined);
    assert.deepEqual(
      made?.subsets?.map((s) => [s.addresses?.map((a) => a.ip), s.ports?.map((p) => p.port)]),
      [
        [['10.0.0.1'], [8080, 81]],
        [['10.0.0.2'], [81]],
      ],
    );
  });
});
