import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readConfiguration } from './configuration.ts';
import type { ExtenderConfig } from './extenders.ts';

const HEAD = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
const read = (...extenders: object[]) => readConfiguration({ ...HEAD, extenders });
const URL_PREFIX = 'http://127.0.0.1:8080/scheduler';
const one = (fields: object): ExtenderConfig =>
  read({ urlPrefix: URL_PREFIX, ...fields }).extenders[0] ?? assert.fail();

describe('extenders of a configuration', () => {
  it('have the stock defaults', () => {
    const nothing = { file: '', data: '' };
    assert.deepEqual(one({ urlPrefix: `${URL_PREFIX}//` }), {
      urlPrefix: URL_PREFIX,
      verbs: { filter: '', prioritize: '', preempt: '', bind: '' },
      weight: 0,
      timeoutMs: 5_000,
      nodeCacheCapable: false,
      managedResources: [],
      ignorable: false,
      tls: { insecure: false, serverName: '', ca: nothing, cert: nothing, key: nothing },
    });
    assert.equal(one({ httpTimeout: '0s' }).timeoutMs, 5_000);
  });

  it('say all that can be said', () => {
    const said = one({
      ...{ filterVerb: 'f', prioritizeVerb: 'p', preemptVerb: 'e', bindVerb: 'b', weight: 3 },
      ...{ httpTimeout: '1m30s', nodeCacheCapable: true, ignorable: true, enableHTTPS: true },
      managedResources: [{ name: 'example.com/foo', ignoredByScheduler: true }],
      tlsConfig: { serverName: 'x', caData: btoa('PEM'), certFile: '/c', keyFile: '/k' },
    });
    assert.deepEqual(said.verbs, { filter: 'f', prioritize: 'p', preempt: 'e', bind: 'b' });
    const { weight, timeoutMs, nodeCacheCapable, ignorable, tls } = said;
    assert.deepEqual([weight, timeoutMs, nodeCacheCapable, ignorable], [3, 90_000, true, true]);
    assert.deepEqual(tls, {
      ...{ insecure: false, serverName: 'x', ca: { file: '', data: 'PEM' } },
      ...{ cert: { file: '/c', data: '' }, key: { file: '/k', data: '' } },
    });
  });

  it('only encrypt where they are told to and have no authority', () => {
    assert.equal(one({ enableHTTPS: true }).tls.insecure, true);
    assert.equal(one({ tlsConfig: { insecure: true } }).tls.insecure, true);
    assert.equal(one({ enableHTTPS: true, tlsConfig: { caFile: '/ca' } }).tls.insecure, false);
  });

  it('take resources out of what every profile counts', () => {
    const profiles = [{ schedulerName: 'a' }, { schedulerName: 'b' }];
    const managedResources = [
      { name: 'example.com/foo', ignoredByScheduler: true },
      { name: 'example.com/bar' },
    ];
    const extenders = [{ urlPrefix: URL_PREFIX, managedResources }];
    const found = readConfiguration({ ...HEAD, profiles, extenders }).profiles;
    for (const { args } of found) {
      assert.deepEqual([...args.fit.ignoredResources], ['example.com/foo']);
    }
    assert.equal(found.length, 2);
  });

  const managed = (...names: string[]) => ({ managedResources: names.map((name) => ({ name })) });
  const refused: [string, object[], RegExp][] = [
    ['no URL', [{ urlPrefix: 'there' }], /^extenders\[0\]\.urlPrefix: expected a URL/],
    [
      'no weight',
      [{ prioritizeVerb: 'p' }],
      /^extenders\[0\]\.weight: must have a positive weight applied to it$/,
    ],
    [
      'two binders',
      [{ bindVerb: 'b' }, { bindVerb: 'b' }],
      /^extenders: found 2 extenders implementing bind: only one extender can implement bind$/,
    ],
    ['no duration', [{ httpTimeout: 'soon' }], /httpTimeout: expected a duration$/],
    ['a native resource', [managed('cpu')], /name: "cpu" is an invalid extended resource name$/],
    ['a native group', [managed('kubernetes.io/x')], /is an invalid extended resource name$/],
    ['no name', [managed('/')], /managedResources\[0\]\.name: "\/": /],
    [
      'a resource of two',
      [managed('a.b/c'), managed('a.b/c')],
      /^extenders\[1\]\.managedResources\[0\]\.name: duplicate extender managed resource name$/,
    ],
  ];
  for (const [what, extenders, message] of refused) {
    it(`are refused with ${what}`, () => {
      const all = extenders.map((extender) => ({ urlPrefix: URL_PREFIX, ...extender }));
      assert.throws(() => read(...all), { name: 'ConfigError', message });
    });
  }
});
