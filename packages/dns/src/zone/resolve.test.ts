import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from 'dns-packet';
import { FixedView, headless, serviceInfo } from '../testing/fixed-view.ts';
import { type Resolution, resolve } from './resolve.ts';

const zone = { domain: 'cluster.local', serverIp: '10.96.0.10' };

const http = { name: 'http', protocol: 'TCP', port: 80 };
const view = new FixedView({
  namespaces: ['default', 'empty'],
  services: [
    serviceInfo('web', { clusterIps: ['10.96.1.1'], ports: [http] }),
    serviceInfo('dual', { clusterIps: ['10.96.1.2', 'fd00::2'], ports: [http] }),
    headless('db', [http]),
    headless('idle', [http]),
    serviceInfo('docs', { clusterIps: [], externalName: 'Docs.Example.org.' }),
  ],
  endpoints: {
    'default/web': [{ ip: '10.244.0.5', hostname: undefined, ports: [http] }],
    'default/db': [
      { ip: '10.244.0.7', hostname: 'db-0', ports: [{ ...http, port: 8080 }] },
      { ip: '10.244.1.7', hostname: undefined, ports: [{ ...http, port: 8080 }] },
    ],
  },
});

const ask = (name: string, type = 'A'): Resolution => resolve(view, zone, name, type);

/** `TYPE name data` of each record, for comparing. */
function shown(answers: readonly Answer[] | undefined): string[] {
  return (answers ?? []).map((a) => {
    const data = 'data' in a ? a.data : '';
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    return `${a.type} ${a.name} ${text}`;
  });
}

function answers(name: string, type = 'A'): string[] {
  const found = ask(name, type);
  return found.kind === 'answer' || found.kind === 'alias' ? shown(found.answers) : [found.kind];
}

describe('services', () => {
  const cases: [string, string, string[]][] = [
    ['web.default.svc.cluster.local', 'A', ['A web.default.svc.cluster.local 10.96.1.1']],
    ['WEB.Default.svc.Cluster.Local', 'A', ['A WEB.Default.svc.Cluster.Local 10.96.1.1']],
    ['web.default.svc.cluster.local.', 'A', ['A web.default.svc.cluster.local. 10.96.1.1']],
    ['web.default.svc.cluster.local', 'AAAA', ['nodata']],
    ['web.default.svc.cluster.local', 'MX', ['nodata']],
    ['dual.default.svc.cluster.local', 'AAAA', ['AAAA dual.default.svc.cluster.local fd00::2']],
    ['nope.default.svc.cluster.local', 'A', ['nxdomain']],
    ['web.other.svc.cluster.local', 'A', ['nxdomain']],
    ['a.b.c.web.default.svc.cluster.local', 'A', ['nxdomain']],
  ];
  for (const [name, type, expected] of cases) {
    it(`${type} ${name}`, () => assert.deepEqual(answers(name, type), expected));
  }
});

describe('headless services', () => {
  it('have the addresses of their endpoints', () => {
    assert.deepEqual(answers('db.default.svc.cluster.local'), [
      'A db.default.svc.cluster.local 10.244.0.7',
      'A db.default.svc.cluster.local 10.244.1.7',
    ]);
  });

  it('do not exist without a ready endpoint', () => {
    assert.equal(ask('idle.default.svc.cluster.local').kind, 'nxdomain');
  });

  it('name their endpoints by host name, or by dashed address', () => {
    const suffix = 'db.default.svc.cluster.local';
    assert.deepEqual(answers(`db-0.${suffix}`), [`A db-0.${suffix} 10.244.0.7`]);
    assert.deepEqual(answers(`10-244-1-7.${suffix}`), [`A 10-244-1-7.${suffix} 10.244.1.7`]);
    assert.equal(ask(`10-244-0-7.${suffix}`).kind, 'nxdomain');
    assert.equal(ask(`db-9.${suffix}`).kind, 'nxdomain');
  });
});

describe('ports', () => {
  it('of a service point to its name', () => {
    const found = ask('_http._tcp.web.default.svc.cluster.local', 'SRV');
    assert.equal(found.kind, 'answer');
    if (found.kind !== 'answer') return;
    const target = 'web.default.svc.cluster.local';
    assert.deepEqual(shown(found.answers), [
      `SRV _http._tcp.${target} {"priority":0,"weight":100,"port":80,"target":"${target}"}`,
    ]);
    assert.deepEqual(shown(found.additionals), [`A ${target} 10.96.1.1`]);
  });

  it('of a headless service point to each endpoint', () => {
    const found = ask('_http._tcp.db.default.svc.cluster.local', 'SRV');
    assert.ok(found.kind === 'answer');
    const targets = found.answers.map((a) =>
      a.type === 'SRV' ? `${a.data.target}:${a.data.port}` : '',
    );
    assert.deepEqual(targets, [
      'db-0.db.default.svc.cluster.local:8080',
      '10-244-1-7.db.default.svc.cluster.local:8080',
    ]);
    assert.equal(found.additionals?.length, 2);
  });

  it('that do not exist are not found; the name above them has no records', () => {
    assert.equal(ask('_https._tcp.web.default.svc.cluster.local', 'SRV').kind, 'nxdomain');
    assert.equal(ask('_http._udp.web.default.svc.cluster.local', 'SRV').kind, 'nxdomain');
    assert.equal(ask('_tcp.web.default.svc.cluster.local', 'SRV').kind, 'nodata');
    assert.equal(ask('_http._tcp.web.default.svc.cluster.local', 'A').kind, 'nodata');
    assert.equal(ask('http._tcp.web.default.svc.cluster.local', 'SRV').kind, 'nxdomain');
  });

  it('are all shown when the service itself is asked', () => {
    assert.equal(answers('web.default.svc.cluster.local', 'SRV').length, 1);
  });
});

describe('external names', () => {
  it('are aliases for every type', () => {
    const found = ask('docs.default.svc.cluster.local', 'AAAA');
    assert.ok(found.kind === 'alias');
    assert.equal(found.target, 'docs.example.org');
    assert.deepEqual(shown(found.answers), [
      'CNAME docs.default.svc.cluster.local docs.example.org',
    ]);
    assert.equal(ask('x.docs.default.svc.cluster.local').kind, 'nxdomain');
    assert.equal(ask('_http._tcp.docs.default.svc.cluster.local', 'SRV').kind, 'nxdomain');
  });
});

describe('pods', () => {
  it('are found by address in a namespace that exists', () => {
    assert.deepEqual(answers('10-244-0-5.default.pod.cluster.local'), [
      'A 10-244-0-5.default.pod.cluster.local 10.244.0.5',
    ]);
    assert.equal(ask('10-244-0-5.default.pod.cluster.local', 'AAAA').kind, 'nodata');
    assert.equal(ask('10-244-0-5.nowhere.pod.cluster.local').kind, 'nxdomain');
    assert.equal(ask('10-244-0-256.default.pod.cluster.local').kind, 'nxdomain');
    assert.equal(ask('web.default.pod.cluster.local').kind, 'nxdomain');
  });
});

describe('names between', () => {
  const cases: [string, string][] = [
    ['cluster.local', 'nodata'],
    ['svc.cluster.local', 'nodata'],
    ['pod.cluster.local', 'nodata'],
    ['dns.cluster.local', 'nodata'],
    ['default.svc.cluster.local', 'nodata'],
    ['empty.svc.cluster.local', 'nodata'],
    ['empty.pod.cluster.local', 'nodata'],
    ['nowhere.svc.cluster.local', 'nxdomain'],
    ['other.cluster.local', 'nxdomain'],
    ['x.ns.dns.cluster.local', 'nxdomain'],
    ['example.org', 'outside'],
    ['notcluster.local', 'outside'],
    ['local', 'outside'],
  ];
  for (const [name, kind] of cases) {
    it(`${name} is ${kind}`, () => assert.equal(ask(name).kind, kind));
  }

  it('the zone has an authority, a name server and a version', () => {
    assert.match(answers('cluster.local', 'SOA')[0] ?? '', /^SOA cluster.local /);
    assert.deepEqual(answers('cluster.local', 'NS'), ['NS cluster.local ns.dns.cluster.local']);
    assert.deepEqual(answers('ns.dns.cluster.local'), ['A ns.dns.cluster.local 10.96.0.10']);
    assert.deepEqual(answers('dns-version.cluster.local', 'TXT'), [
      'TXT dns-version.cluster.local 1.1.0',
    ]);
  });
});

describe('addresses', () => {
  it('of services lead back to their names', () => {
    assert.deepEqual(answers('1.1.96.10.in-addr.arpa', 'PTR'), [
      'PTR 1.1.96.10.in-addr.arpa web.default.svc.cluster.local',
    ]);
    const v6 = `2.0.0.0.${'0.'.repeat(24)}0.0.d.f.ip6.arpa`;
    assert.deepEqual(answers(v6, 'PTR'), [`PTR ${v6} dual.default.svc.cluster.local`]);
  });

  it('of endpoints of headless services too, but not of others', () => {
    assert.deepEqual(answers('7.0.244.10.in-addr.arpa', 'PTR'), [
      'PTR 7.0.244.10.in-addr.arpa db-0.db.default.svc.cluster.local',
    ]);
    assert.equal(ask('5.0.244.10.in-addr.arpa', 'PTR').kind, 'outside');
  });

  it('have no other records', () => {
    assert.equal(ask('1.1.96.10.in-addr.arpa', 'A').kind, 'nodata');
  });

  it('that are not the cluster’s, or not addresses, are asked elsewhere', () => {
    assert.equal(ask('8.8.8.8.in-addr.arpa', 'PTR').kind, 'outside');
    assert.equal(ask('300.1.1.1.in-addr.arpa', 'PTR').kind, 'outside');
    assert.equal(ask('1.96.10.in-addr.arpa', 'PTR').kind, 'outside');
    assert.equal(ask('x.ip6.arpa', 'PTR').kind, 'outside');
  });
});
