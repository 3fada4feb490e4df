import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aPod } from '../testing/pods.ts';
import { LineSplitter, LogFormatter, parseLogLine } from './cri-log.ts';
import { dnsConfigOf, fqdnOf, hostnameOf, hostsFile, parseResolvConf } from './dns.ts';
import { configMapPayload, downwardPayload, PayloadError, secretPayload } from './payload.ts';

const host = parseResolvConf(
  '# c\nnameserver 1.1.1.1\nsearch corp.example\noptions ndots:2 rotate\n',
);
const cluster = { servers: ['10.96.0.10'], domain: 'cluster.local' };

describe('dnsConfigOf', () => {
  it('leads to the cluster first', () => {
    const made = dnsConfigOf(aPod(), cluster, host);
    assert.deepEqual(made.servers, ['10.96.0.10']);
    assert.deepEqual(made.searches, [
      'shop.svc.cluster.local',
      'svc.cluster.local',
      'cluster.local',
      'corp.example',
    ]);
    assert.deepEqual(made.options, ['ndots:5', 'rotate']);
  });

  it('leaves pods on the host network, and policy Default, with the host', () => {
    assert.deepEqual(dnsConfigOf(aPod({ hostNetwork: true }), cluster, host).servers, ['1.1.1.1']);
    assert.deepEqual(dnsConfigOf(aPod({ dnsPolicy: 'Default' }), cluster, host).servers, [
      '1.1.1.1',
    ]);
    const forced = aPod({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' });
    assert.deepEqual(dnsConfigOf(forced, cluster, host).servers, ['10.96.0.10']);
  });

  it('takes the pod at its word with policy None', () => {
    const dnsConfig = {
      nameservers: ['9.9.9.9'],
      searches: ['x.y'],
      options: [{ name: 'ndots', value: '1' }, { name: 'edns0' }],
    };
    const made = dnsConfigOf(aPod({ dnsPolicy: 'None', dnsConfig }), cluster, host);
    const expected = { servers: ['9.9.9.9'], searches: ['x.y'], options: ['ndots:1', 'edns0'] };
    assert.deepEqual(made, expected);
  });

  it('keeps to what resolvers take', () => {
    const nameservers = ['1.0.0.1', '1.0.0.2', '1.0.0.3', '1.0.0.4'];
    const searches = Array.from({ length: 40 }, (_, i) => `s${i}`);
    const made = dnsConfigOf(
      aPod({ dnsPolicy: 'None', dnsConfig: { nameservers, searches } }),
      cluster,
      host,
    );
    assert.deepEqual([made.servers.length, made.searches.length], [3, 32]);
  });
});

describe('host names', () => {
  it('are the pod name or its own wish, cut to 63 characters', () => {
    assert.equal(hostnameOf(aPod()), 'web');
    assert.equal(hostnameOf(aPod({ hostname: 'db-0' })), 'db-0');
    assert.equal(hostnameOf(aPod({}, { name: `${'a'.repeat(62)}.b` })), 'a'.repeat(62));
  });

  it('have a full name below a subdomain', () => {
    assert.equal(fqdnOf(aPod(), 'c.l'), undefined);
    assert.equal(fqdnOf(aPod({ subdomain: 'db' }), 'c.l'), 'web.db.shop.svc.c.l');
  });

  it('are in the hosts file, with aliases', () => {
    const pod = aPod({ subdomain: 'db', hostAliases: [{ ip: '1.2.3.4', hostnames: ['x', 'y'] }] });
    const made = hostsFile(pod, ['10.0.0.2'], 'c.l', 'unused');
    assert.match(made, /^127\.0\.0\.1\tlocalhost$/m);
    assert.match(made, /^10\.0\.0\.2\tweb\.db\.shop\.svc\.c\.l\tweb$/m);
    assert.match(made, /^1\.2\.3\.4\tx\ty$/m);
    assert.ok(made.startsWith('# Kubernetes-managed hosts file.\n'));
    const shared = hostsFile(aPod({ hostNetwork: true }), [], 'c.l', 'HOST\n');
    assert.equal(shared, '# Kubernetes-managed hosts file (host network).\nHOST\n');
  });
});

describe('volume payloads', () => {
  const map = { metadata: {}, data: { a: '1', b: '2' }, binaryData: { c: 'AAE=' } };
  const all = { items: undefined, defaultMode: undefined, optional: false };
  const text = (payload: ReadonlyMap<string, { data: Buffer; mode: number }>) =>
    Object.fromEntries(
      [...payload].map(([path, file]) => [
        path,
        `${file.data.toString('hex')} ${file.mode.toString(8)}`,
      ]),
    );

  it('hold every key', () => {
    assert.deepEqual(text(configMapPayload('m', map, all)), {
      a: '31 644',
      b: '32 644',
      c: '0001 644',
    });
  });

  it('hold chosen keys under other paths and modes', () => {
    const items = [
      { key: 'a', path: 'dir/x' },
      { key: 'b', path: 'y', mode: 0o600 },
    ];
    const made = configMapPayload('m', map, { items, defaultMode: 0o400, optional: false });
    assert.deepEqual(text(made), { 'dir/x': '31 400', y: '32 600' });
  });

  it('say what is missing, unless it is optional', () => {
    assert.throws(() => configMapPayload('m', undefined, all), /configmap "m" not found/);
    assert.throws(() => secretPayload('s', undefined, all), /secret "s" not found/);
    const items = [{ key: 'zz', path: 'x' }];
    assert.throws(
      () => configMapPayload('m', map, { ...all, items }),
      /: configmap references non-existent config key: zz$/,
    );
    assert.equal(configMapPayload('m', map, { ...all, items, optional: true }).size, 0);
    assert.equal(secretPayload('s', undefined, { ...all, optional: true }).size, 0);
  });

  for (const path of ['/etc/x', '../x', 'a/../../x', '']) {
    it(`never leave the volume: "${path}"`, () => {
      const items = [{ key: 'a', path }];
      assert.throws(() => configMapPayload('m', map, { ...all, items }), PayloadError);
    });
  }

  it('tell a pod about itself', () => {
    const pod = aPod({}, { labels: { b: 'x "y"', a: '1' } });
    const facts = {
      podIps: [],
      hostIps: [],
      allocatable: { cpuMilli: 1_000, memoryBytes: 1, diskBytes: 1 },
    };
    const items = [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }];
    const made = downwardPayload(pod, items, undefined, facts);
    assert.equal(made.get('labels')?.data.toString(), 'a="1"\nb="x \\"y\\""');
  });
});

describe('CRI logs', () => {
  const line = (text: string) => parseLogLine(Buffer.from(text));
  const time = '2026-01-02T03:04:05.123456789Z';

  it('are read', () => {
    const record = line(`${time} stderr F some text `);
    assert.deepEqual([record?.time, record?.stream, record?.partial], [time, 'stderr', false]);
    assert.equal(record?.text.toString(), 'some text ');
    assert.equal(line(`${time} stdout P:x part`)?.partial, true);
    assert.equal(line(`${time} stdout F`)?.text.length, 0);
  });

  for (const text of ['', 'x', 'a b c', `${time} stdlog F x`, `${time} stdout Q x`]) {
    it(`are not mistaken: "${text}"`, () => assert.equal(line(text), undefined));
  }

  it('are cut into lines, however they arrive', () => {
    const splitter = new LineSplitter(100);
    const lines = ['a', 'b\nc', 'd\n', '\n', 'e'].flatMap((part) =>
      splitter.push(Buffer.from(part)),
    );
    assert.deepEqual(lines.map(String), ['ab', 'cd', '']);
  });

  it('do not grow without end', () => {
    const splitter = new LineSplitter(4);
    for (let i = 0; i < 10; i++) splitter.push(Buffer.from('xxx'));
    assert.deepEqual(splitter.push(Buffer.from('\nok\n')).map(String), ['xxxx', 'ok']);
  });

  const shape = { timestamps: false, sinceMs: undefined, limitBytes: undefined };
  const print = (formatter: LogFormatter, ...texts: string[]): string =>
    texts
      .map((text) => {
        const record = line(text);
        return record === undefined ? '' : formatter.format(record).toString();
      })
      .join('');

  it('are printed with partial lines joined', () => {
    const parts = [`${time} stdout P one `, `${time} stdout F two`, `${time} stdout F three`];
    assert.equal(print(new LogFormatter(shape), ...parts), 'one two\nthree\n');
    const stamped = new LogFormatter({ ...shape, timestamps: true });
    assert.equal(print(stamped, ...parts), `${time} one two\n${time} three\n`);
  });

  it('begin where asked, and end at the limit', () => {
    const since = new LogFormatter({ ...shape, sinceMs: Date.parse('2026-01-02T03:04:06Z') });
    const later = '2026-01-02T03:04:07Z stdout F late';
    assert.equal(print(since, `${time} stdout F early`, later), 'late\n');
    const limited = new LogFormatter({ ...shape, limitBytes: 5 });
    assert.equal(print(limited, later, later), 'late\n');
    assert.ok(limited.full);
  });
});
