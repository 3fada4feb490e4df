import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Service, ServiceSpec } from '../generated/types.ts';
import { builtinKind } from '../registry.ts';
import { created, defaulted } from '../testing/make.ts';
import { prepareForUpdate } from './strategy.ts';

const def = builtinKind('v1', 'Service');
const PORTS = [{ port: 80 }];

/** A service as it is stored after addresses were handed out. */
function stored(spec: object): Service {
  const service = created<Service>(def, { spec: { selector: { a: 'b' }, ports: PORTS, ...spec } });
  const s = service.spec;
  if (!s) throw new Error('no spec');
  if (s.type !== 'ExternalName' && !s.clusterIP) {
    s.clusterIP = '10.96.0.5';
    s.clusterIPs = ['10.96.0.5'];
  }
  if (s.type === 'NodePort') for (const p of s.ports ?? []) p.nodePort = 30080;
  return service;
}

function update(old: Service, spec: object): ServiceSpec {
  const next = defaulted<Service>(def, { spec: { selector: { a: 'b' }, ports: PORTS, ...spec } });
  prepareForUpdate(def, next, old);
  return next.spec ?? {};
}

describe('new services', () => {
  test('have one family, and clusterIPs that hold clusterIP', () => {
    const spec = created<Service>(def, { spec: { ports: PORTS, clusterIP: '10.96.0.9' } }).spec;
    assert.deepEqual(spec?.clusterIPs, ['10.96.0.9']);
    assert.deepEqual(spec?.ipFamilies, ['IPv4']);
    assert.equal(spec?.ipFamilyPolicy, 'SingleStack');
  });

  test('headless without a selector are for any family', () => {
    const spec = created<Service>(def, { spec: { ports: PORTS, clusterIP: 'None' } }).spec;
    assert.deepEqual(spec?.ipFamilies, ['IPv4', 'IPv6']);
    assert.equal(spec?.ipFamilyPolicy, 'RequireDualStack');
  });

  test('external names have no families', () => {
    const spec = created<Service>(def, { spec: { type: 'ExternalName', externalName: 'e' } }).spec;
    assert.equal(spec?.ipFamilies, undefined);
  });
});

describe('updated services', () => {
  test('keep the address an update leaves out', () => {
    const spec = update(stored({}), {});
    assert.equal(spec.clusterIP, '10.96.0.5');
    assert.deepEqual(spec.clusterIPs, ['10.96.0.5']);
    assert.deepEqual(spec.ipFamilies, ['IPv4']);
  });

  test('a headless one stays headless', () => {
    const spec = update(stored({ clusterIP: 'None' }), { clusterIP: 'None' });
    assert.deepEqual(spec.clusterIPs, ['None']);
  });

  test('keep node ports by port and protocol', () => {
    const old = stored({ type: 'NodePort' });
    const spec = update(old, { type: 'NodePort', ports: [{ port: 80 }, { port: 81 }] });
    assert.deepEqual(
      spec.ports?.map((p) => p.nodePort),
      [30080, undefined],
    );
  });

  test('lose node ports when they are no longer reachable', () => {
    const old = stored({ type: 'NodePort' });
    const ports = [{ port: 80, nodePort: 30080 }];
    const spec = update(old, { type: 'ClusterIP', ports, externalTrafficPolicy: 'Cluster' });
    assert.equal(spec.ports?.[0]?.nodePort, undefined);
    assert.equal(spec.externalTrafficPolicy, undefined);
  });

  test('lose their address when they become a name', () => {
    const spec = update(stored({}), {
      type: 'ExternalName',
      externalName: 'e',
      clusterIP: '10.96.0.5',
    });
    assert.equal(spec.clusterIP, undefined);
    assert.equal(spec.clusterIPs, undefined);
    assert.equal(spec.ipFamilies, undefined);
  });
});
