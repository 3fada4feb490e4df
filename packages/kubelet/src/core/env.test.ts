import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConfigMap, Container, EnvVar, Secret, Service } from '@kubets/api';
import { aContainer, aPod } from '../testing/pods.ts';
import { DownwardError } from './downward.ts';
import { containerEnv, EnvError, type EnvInput, envReferences } from './env.ts';
import { expandVariables } from './expand.ts';
import { serviceEnv } from './service-env.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const map: ConfigMap = { metadata: { name: 'cm' }, data: { colour: 'blue', 'bad=name': 'x' } };
const secret: Secret = { metadata: { name: 's' }, data: { token: base64('hush') } };

function env(container: Partial<Container>, more: Partial<EnvInput> = {}): Record<string, string> {
  const input: EnvInput = {
    pod: aPod({ nodeName: 'n1' }, { labels: { app: 'shop' } }),
    container: aContainer(container),
    configMaps: new Map([['cm', map]]),
    secrets: new Map([['s', secret]]),
    services: new Map(),
    facts: {
      podIps: ['10.0.0.2'],
      hostIps: ['192.0.2.1'],
      allocatable: { cpuMilli: 4_000, memoryBytes: 1_024, diskBytes: 2_048 },
    },
    ...more,
  };
  return Object.fromEntries(containerEnv(input));
}

const from = (name: string, valueFrom: object): EnvVar => ({ name, valueFrom });

describe('expandVariables', () => {
  const values: Record<string, string> = { A: '1', 'B.C': '2' };
  const table: [string, string][] = [
    ['plain', 'plain'],
    ['$(A)', '1'],
    ['x$(A)y$(B.C)z', 'x1y2z'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$1'],
    ['$(NOPE)', '$(NOPE)'],
    ['$A $', '$A $'],
    ['$(A', '$(A'],
    ['$()', '$()'],
  ];
  for (const [text, expected] of table) {
    it(`${text} → ${expected}`, () => {
      assert.equal(
        expandVariables(text, (name) => values[name]),
        expected,
      );
    });
  }
});

describe('containerEnv', () => {
  it('expands values with those before them', () => {
    const made = env({
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '$(A)2' },
        { name: 'C', value: '$(LATER)' },
        { name: 'LATER', value: 'x' },
      ],
    });
    assert.deepEqual(made, { A: '1', B: '12', C: '$(LATER)', LATER: 'x' });
  });

  it('takes whole maps, with a prefix, and lets single values win', () => {
    const made = env({
      envFrom: [{ configMapRef: { name: 'cm' } }, { prefix: 'S_', secretRef: { name: 's' } }],
      env: [{ name: 'colour', value: 'red' }],
    });
    assert.deepEqual(made, { colour: 'red', S_token: 'hush' });
  });

  it('reads keys, fields and resources', () => {
    const made = env({
      resources: { limits: { cpu: '1500m' }, requests: { memory: '3Mi' } },
      env: [
        from('COLOUR', { configMapKeyRef: { name: 'cm', key: 'colour' } }),
        from('TOKEN', { secretKeyRef: { name: 's', key: 'token' } }),
        from('NAME', { fieldRef: { fieldPath: 'metadata.name' } }),
        from('APP', { fieldRef: { fieldPath: "metadata.labels['app']" } }),
        from('NODE', { fieldRef: { fieldPath: 'spec.nodeName' } }),
        from('IP', { fieldRef: { fieldPath: 'status.podIP' } }),
        from('HOST', { fieldRef: { fieldPath: 'status.hostIP' } }),
        from('CPU', { resourceFieldRef: { resource: 'limits.cpu' } }),
        from('CPU_M', { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } }),
        from('MEM', { resourceFieldRef: { resource: 'requests.memory', divisor: '1Mi' } }),
        from('NODE_MEM', { resourceFieldRef: { resource: 'limits.memory' } }),
        from('NODE_DISK', { resourceFieldRef: { resource: 'limits.ephemeral-storage' } }),
      ],
    });
    assert.deepEqual(made, {
      COLOUR: 'blue',
      TOKEN: 'hush',
      NAME: 'web',
      APP: 'shop',
      NODE: 'n1',
      IP: '10.0.0.2',
      HOST: '192.0.2.1',
      CPU: '2',
      CPU_M: '1500',
      MEM: '3',
      NODE_MEM: '1024',
      NODE_DISK: '2048',
    });
  });

  const missing: [string, Partial<Container>, string][] = [
    ['a map', { envFrom: [{ configMapRef: { name: 'no' } }] }, 'configmap "no" not found'],
    ['a secret', { envFrom: [{ secretRef: { name: 'no' } }] }, 'secret "no" not found'],
    [
      'a map of a key',
      { env: [from('A', { configMapKeyRef: { name: 'no', key: 'k' } })] },
      'configmap "no" not found',
    ],
    [
      'a key of a map',
      { env: [from('A', { configMapKeyRef: { name: 'cm', key: 'k' } })] },
      "couldn't find key k in ConfigMap shop/cm",
    ],
    [
      'a key of a secret',
      { env: [from('A', { secretKeyRef: { name: 's', key: 'k' } })] },
      "couldn't find key k in Secret shop/s",
    ],
  ];
  for (const [what, container, message] of missing) {
    it(`says that ${what} is missing`, () => {
      assert.throws(
        () => env(container),
        (error) => error instanceof EnvError && error.message === message,
      );
    });
  }

  it('goes without what is optional', () => {
    const made = env({
      envFrom: [{ configMapRef: { name: 'no', optional: true } }],
      env: [from('A', { secretKeyRef: { name: 's', key: 'k', optional: true } })],
    });
    assert.deepEqual(made, {});
  });

  it('refuses fields that do not exist', () => {
    const odd = { env: [from('A', { fieldRef: { fieldPath: 'spec.toString' } })] };
    assert.throws(() => env(odd), DownwardError);
  });

  it('fills in Services without hiding anything', () => {
    const services = new Map([
      ['A', 'service'],
      ['B', 'service'],
    ]);
    const made = env({ env: [{ name: 'A', value: 'own $(B)' }] }, { services });
    assert.deepEqual(made, { A: 'own service', B: 'service' });
  });

  it('lists what it refers to', () => {
    const container = aContainer({
      envFrom: [{ configMapRef: { name: 'a' } }, { secretRef: { name: 'b' } }],
      env: [from('X', { configMapKeyRef: { name: 'a', key: 'k' } })],
    });
    assert.deepEqual(envReferences(container), { configMaps: ['a'], secrets: ['b'] });
  });
});

describe('serviceEnv', () => {
  const service = (
    name: string,
    namespace: string,
    clusterIP: string,
    ports: object[],
  ): Service => ({
    metadata: { name, namespace },
    spec: { clusterIP, ports: ports as never },
  });
  const all = [
    service('kubernetes', 'default', '10.96.0.1', [{ name: 'https', port: 443 }]),
    service('my-db', 'shop', '10.96.0.5', [
      { port: 5432 },
      { name: 'admin', port: 80, protocol: 'UDP' },
    ]),
    service('other', 'else', '10.96.0.6', [{ port: 1 }]),
    service('headless', 'shop', 'None', [{ port: 1 }]),
  ];

  it('tells of the namespace and of the API server', () => {
    const made = Object.fromEntries(serviceEnv(all, 'shop', true));
    assert.equal(made.KUBERNETES_SERVICE_HOST, '10.96.0.1');
    assert.equal(made.KUBERNETES_SERVICE_PORT_HTTPS, '443');
    assert.equal(made.MY_DB_SERVICE_HOST, '10.96.0.5');
    assert.equal(made.MY_DB_SERVICE_PORT, '5432');
    assert.equal(made.MY_DB_SERVICE_PORT_ADMIN, '80');
    assert.equal(made.MY_DB_PORT, 'tcp://10.96.0.5:5432');
    assert.equal(made.MY_DB_PORT_80_UDP, 'udp://10.96.0.5:80');
    assert.equal(made.MY_DB_PORT_5432_TCP_ADDR, '10.96.0.5');
    assert.ok(!Object.keys(made).some((name) => /^(OTHER|HEADLESS)/.test(name)));
  });

  it('tells of the API server only, when links are not wanted', () => {
    const names = [...serviceEnv(all, 'shop', false).keys()];
    assert.ok(names.every((name) => name.startsWith('KUBERNETES_')));
  });
});
