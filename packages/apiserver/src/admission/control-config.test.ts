import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject, PodSpec } from '@kubets/api';
import { ManualClock, systemClock } from '@kubets/platform';
import { admission, FakeStore, failure } from '../edge-testing.ts';
import type { AdmissionPlugin } from '../ports.ts';
import { TestService } from '../testing/outbound-service.ts';
import { controlConfigOf } from './control-config.ts';
import { imagePolicyWebhook } from './optional/image-policy.ts';
import { resourceQuota } from './resource-quota.ts';
import { askWebhook } from './webhooks/call.ts';

let service: TestService;
before(async () => {
  service = await TestService.start();
});
after(() => service.stop());

const configured = (name: string, configuration: object) =>
  controlConfigOf(
    service.file(
      'config.yaml',
      JSON.stringify({
        apiVersion: 'apiserver.config.k8s.io/v1',
        kind: 'AdmissionConfiguration',
        plugins: [{ name, configuration }],
      }),
    ),
  );

/** A kubeconfig file beside the configuration. */
const kubeconfig = (users: object[], user = 'caller'): string => {
  const cluster = {
    server: `${service.url}/images`,
    'certificate-authority-data': service.ca.toString('base64'),
  };
  const content = {
    'current-context': 'x',
    contexts: [{ name: 'x', context: { cluster: 'c', user } }],
    clusters: [{ name: 'c', cluster }],
    users,
  };
  service.file('kubeconfig', JSON.stringify(content));
  return 'kubeconfig';
};

const pod = (
  spec: Partial<PodSpec> = {},
  annotations: Record<string, string> = {},
): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name: 'p', annotations },
  spec: { containers: [{ name: 'c', image: 'good' }], ...spec },
});
const write = async (plugin: AdmissionPlugin, object: KubeObject, o: object = {}): Promise<void> =>
  plugin.validate?.(admission('CREATE', object, o));

describe('ImagePolicyWebhook', () => {
  const policy = (more: object = {}) => {
    const kubeConfigFile = kubeconfig([{ name: 'caller', user: { token: 'secret' } }]);
    const { imagePolicy } = configured('ImagePolicyWebhook', {
      imagePolicy: { kubeConfigFile, retryBackoff: 1, ...more },
    });
    return imagePolicyWebhook(systemClock, imagePolicy);
  };

  it('asks about images, and keeps what it hears', async () => {
    const plugin = policy();
    service.answer = () => ({ body: { status: { allowed: true } } });
    const one = pod(
      { initContainers: [{ name: 'i', image: 'first' }] },
      { 'a.image-policy.k8s.io/why': 'so', other: 'x' },
    );
    service.asked.length = 0;
    await write(plugin, one);
    await write(plugin, one);
    assert.equal(service.asked.length, 1);
    const [asked] = service.asked;
    assert.equal(asked?.authorization, 'Bearer secret');
    assert.deepEqual(asked?.body.spec, {
      containers: [{ image: 'good' }, { image: 'first' }],
      annotations: { 'a.image-policy.k8s.io/why': 'so' },
      namespace: 'ns',
    });
  });

  it('refuses what the service refuses, with its reason where there is one', async () => {
    const plugin = policy();
    service.answer = () => ({ body: { status: { allowed: false, reason: 'too old' } } });
    const refused = (image: string) =>
      failure(() => write(plugin, pod({ containers: [{ name: 'c', image }] })));
    const why = 'image policy webhook backend denied one or more images: too old';
    assert.equal((await refused('a')).message, `pods "p" is forbidden: ${why}`);
    service.answer = () => ({ body: { status: { allowed: false } } });
    const bare = 'one or more images rejected by webhook backend';
    assert.equal((await refused('b')).message, `pods "p" is forbidden: ${bare}`);
  });

  it('lets pods be, or not, while the service fails', async () => {
    service.answer = () => ({ code: 500, body: {} });
    const error = await failure(() => write(policy(), pod()));
    assert.match(error.message, /^pods "p" is forbidden: Post ".*": the server answered 500$/);
    const notes: string[] = [];
    const addAuditAnnotation = (key: string): unknown => notes.push(key);
    await write(policy({ defaultAllow: true }), pod(), { addAuditAnnotation });
    assert.deepEqual(notes, ['imagepolicywebhook.image-policy.k8s.io/failed-open']);
  });

  it('does not take times that are too long', () => {
    assert.throws(() => policy({ allowTTL: 4000 }), /imagePolicy.allowTTL: valid value is between/);
  });
});

describe('credentials for webhooks', () => {
  const users = ['a.b.svc', '*.b.svc', '*.example.com:8443', '*'];
  const file = (names = users): string =>
    kubeconfig(names.map((name) => ({ name, user: { token: name } })));
  const tokens = (kubeConfigFile: string) => {
    const { validatingCredentials: of } = configured('ValidatingAdmissionWebhook', {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'WebhookAdmissionConfiguration',
      kubeConfigFile,
    });
    return (host: string, port: number) => of?.(host, port)?.headers?.authorization;
  };

  it('are those of the most exact name', () => {
    const of = tokens(file());
    assert.equal(of('a.b.svc', 443), 'Bearer a.b.svc');
    assert.equal(of('c.b.svc', 443), 'Bearer *.b.svc');
    assert.equal(of('a.b.svc', 8443), 'Bearer *');
    assert.equal(of('x.y.example.com', 8443), 'Bearer *.example.com:8443');
    assert.equal(of('x.y.example.com', 443), 'Bearer *');
  });

  it('go with the call', async () => {
    service.asked.length = 0;
    service.answer = () => ({ body: {} });
    const config = { url: `${service.url}/hook`, caBundle: service.ca.toString('base64') };
    const { validatingCredentials: credentials } = configured('ValidatingAdmissionWebhook', {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'WebhookAdmissionConfiguration',
      kubeConfigFile: kubeconfig([
        { name: '127.0.0.1:*', user: {} },
        { name: '*', user: { token: 't' } },
      ]),
    });
    const o = { store: new FakeStore(), clock: systemClock, seconds: 5 };
    await askWebhook(config, {}, { ...o, credentials });
    await askWebhook(config, {}, o);
    assert.deepEqual(
      service.asked.map(({ authorization }) => authorization),
      ['Bearer t', undefined],
    );
  });

  it('are those of the current context, or none, where no name fits', () => {
    assert.equal(tokens(file(['caller']))('a.b.svc', 443), 'Bearer caller');
    assert.equal(tokens(file(['other']))('a.b.svc', 443), undefined);
  });
});

describe('what only a quota lets through', () => {
  const limits = configured.bind(undefined, 'ResourceQuota');
  const plugin = (store: FakeStore, limitedResources: object[]): AdmissionPlugin => {
    const { limitedResources: limited } = limits({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'ResourceQuotaConfiguration',
      limitedResources,
    });
    return resourceQuota(store, { limited, clock: new ManualClock(0) });
  };
  const quota = (hard: Record<string, string>, spec: object = {}): KubeObject => {
    const used = Object.fromEntries(Object.keys(hard).map((name) => [name, '0']));
    return {
      ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { namespace: 'ns', name: 'q' } },
      ...{ spec: { hard, ...spec }, status: { hard, used } },
    } as KubeObject;
  };

  it('amounts', async () => {
    const store = new FakeStore();
    const own = plugin(store, [{ resource: 'pods', matchContains: ['requests.example.com/'] }]);
    const requests = { 'example.com/gpu': '1' };
    const one = pod({ containers: [{ name: 'c', resources: { requests } }] });
    await write(own, pod());
    const error = await failure(() => write(own, one));
    const why = 'insufficient quota to consume: requests.example.com/gpu';
    assert.equal(error.message, `pods "p" is forbidden: ${why}`);
    store.seed(quota({ 'requests.example.com/gpu': '1' }));
    await write(own, one);
  });

  it('scopes', async () => {
    const store = new FakeStore();
    const scope = { scopeName: 'PriorityClass', operator: 'In', values: ['high', 'top'] };
    const own = plugin(store, [{ resource: 'pods', matchScopes: [scope] }]);
    const urgent = pod({ priorityClassName: 'high' });
    await write(own, pod());
    const error = await failure(() => write(own, urgent));
    const why = 'insufficient quota to match these scopes: [{PriorityClass In [high top]}]';
    assert.equal(error.message, why);
    assert.equal(error.code, 500);
    store.seed(quota({ pods: '1' }, { scopeSelector: { matchExpressions: [scope] } }));
    await write(own, urgent);
  });
});
