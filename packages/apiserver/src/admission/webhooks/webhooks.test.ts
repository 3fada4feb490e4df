import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  builtinKinds,
  type Container,
  type KubeObject,
  type RuleWithOperations,
} from '@kubets/api';
import { type Clock, Metrics, systemClock } from '@kubets/platform';
import { admission, FakeStore, failure, user } from '../../edge-testing.ts';
import type { AdmissionAttributes, AdmissionPlugin, Authorizer } from '../../ports.ts';
import { SERVER_CERT, SERVER_KEY, TEST_CA } from '../../streaming/testing-certificates.ts';
import { chainOf } from '../chain.ts';
import { WebhookFigures } from './figures.ts';
import { ruleMatches, webhookMatches } from './match.ts';
import { mutatingWebhooks, validatingWebhooks } from './plugins.ts';

type Review = { apiVersion: string; request: { uid: string; [field: string]: unknown } };
type Answer = (review: Review) => object | undefined;

const CA = Buffer.from(TEST_CA).toString('base64');
const object = (
  name = 'x',
  labels: Record<string, string> = {},
): KubeObject & { data: object } => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'ns', name, labels },
  data: { a: '1' },
});

const NOBODY_MAY: Authorizer = {
  authorize: ({ verb }) => Promise.resolve({ allowed: verb === 'mend', reason: '' }),
};

let store: FakeStore;
let server: Server;
let port: number;
let answer: Answer;
let asked: { url: string; review: Review }[];
/** Of the review that is answered, what is not as it should be. */
let whole: object;

beforeEach(async () => {
  store = new FakeStore();
  store.seed({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'ns', labels: { team: 'a' } },
  });
  answer = () => ({ allowed: true });
  asked = [];
  whole = {};
  server = createServer({ cert: SERVER_CERT, key: SERVER_KEY }, (request, response) => {
    void text(request).then((body) => {
      const review = JSON.parse(body) as Review;
      asked.push({ url: request.url ?? '', review });
      const given = answer(review);
      if (given === undefined) return;
      const { apiVersion } = review;
      const full = {
        ...{ kind: 'AdmissionReview', apiVersion },
        ...{ response: { uid: review.request.uid, ...given } },
        ...whole,
      };
      response.end(JSON.stringify(full));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function configure(kind: 'Mutating' | 'Validating', more: object = {}, name = 'c'): void {
  store.seed({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks: [
      {
        name: `${name}.example.com`,
        clientConfig: { url: `https://127.0.0.1:${port}/hook`, caBundle: CA },
        rules: [
          {
            operations: ['CREATE'],
            apiGroups: [''],
            apiVersions: ['v1'],
            resources: ['configmaps'],
          },
        ],
        sideEffects: 'None',
        timeoutSeconds: 5,
        admissionReviewVersions: ['v1'],
        ...more,
      },
    ],
  } as KubeObject);
}

async function create(
  one: KubeObject,
  o: Partial<AdmissionAttributes> & {
    warnings?: string[];
    clock?: Clock;
    before?: AdmissionPlugin[];
    registry?: Metrics;
  } = {},
): Promise<void> {
  const { clock = systemClock, before: _before, registry = new Metrics(), ...rest } = o;
  let uids = 0;
  const common = { store, clock, authorizer: NOBODY_MAY, kinds: builtinKinds };
  const options = {
    ...common,
    newUid: () => `uid-${++uids}`,
    figures: new WebhookFigures(registry),
  };
  const attributes = admission('CREATE', one, { user: user('joe', 'dev'), ...rest });
  const chain = chainOf([
    ...(o.before ?? []),
    mutatingWebhooks(options),
    validatingWebhooks(options),
  ]);
  await chain.admit(attributes);
  await chain.validate(attributes);
}

describe('a validating webhook', () => {
  it('gets the whole story', async () => {
    configure('Validating');
    await create(object());
    const [one] = asked;
    assert.equal(one?.url, '/hook?timeout=5s');
    assert.deepEqual(one?.review.request, {
      uid: 'uid-1',
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
      requestResource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'x',
      namespace: 'ns',
      operation: 'CREATE',
      userInfo: { username: 'joe', groups: ['dev', 'system:authenticated'] },
      object: object(),
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    });
  });

  it('is told of the kind of a subresource and of its options', async () => {
    const pods = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'] };
    configure('Validating', { rules: [{ ...pods, resources: ['pods/eviction'] }] });
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'ns', name: 'p' } };
    const options = { dryRun: ['All'], fieldManager: 'me' };
    await create(pod, { subresource: 'eviction', options });
    const { request } = asked[0]?.review ?? {};
    const kind = { group: 'policy', version: 'v1', kind: 'Eviction' };
    assert.deepEqual([request?.kind, request?.requestKind], [kind, kind]);
    assert.deepEqual(request?.resource, { group: '', version: 'v1', resource: 'pods' });
    assert.deepEqual(request?.object, { ...pod, apiVersion: 'policy/v1', kind: 'Eviction' });
    const head = { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' };
    assert.deepEqual(request?.options, { ...head, ...options });
  });

  it('may speak the beta version, which is held to less', async () => {
    configure('Validating', { admissionReviewVersions: ['v0', 'v1beta1', 'v1'] });
    answer = () => ({ allowed: true, uid: 'other', patch: 'x' });
    whole = { apiVersion: undefined };
    await create(object());
    assert.equal(asked[0]?.review.apiVersion, 'admission.k8s.io/v1beta1');
  });

  it('annotates the audit event under its own name', async () => {
    configure('Validating');
    answer = () => ({ allowed: true, auditAnnotations: { why: 'so' } });
    const notes: [string, string][] = [];
    await create(object(), { addAuditAnnotation: (key, value) => notes.push([key, value]) });
    assert.deepEqual(notes, [['c.example.com/why', 'so']]);
  });

  const denials: [string, object, string, number][] = [
    [
      'with a message',
      { status: { message: 'no', code: 403, reason: 'Forbidden' } },
      'denied the request: no',
      403,
    ],
    ['with a reason', { status: { reason: 'Policy' } }, 'denied the request: Policy', 400],
    ['without a word', {}, 'denied the request without explanation', 400],
    [
      'with a code that is none',
      { status: { message: 'no', code: 200 } },
      'denied the request: no',
      400,
    ],
  ];
  for (const [what, response, words, code] of denials) {
    it(`may refuse ${what}`, async () => {
      configure('Validating');
      answer = () => ({ allowed: false, ...response });
      const error = await failure(() => create(object()));
      assert.equal(error.message, `admission webhook "c.example.com" ${words}`);
      assert.equal(error.code, code);
    });
  }

  it('may depend on what the user may do', async () => {
    const expression = (verb: string): string =>
      `authorizer.requestResource.check('${verb}').allowed()`;
    configure(
      'Validating',
      { matchConditions: [{ name: 'a', expression: expression('mend') }] },
      'a',
    );
    configure(
      'Validating',
      { matchConditions: [{ name: 'a', expression: expression('break') }] },
      'b',
    );
    await create(object());
    assert.equal(asked.length, 1);
  });

  it('may warn', async () => {
    configure('Validating');
    answer = () => ({ allowed: true, warnings: ['careful'] });
    const warnings: string[] = [];
    await create(object(), { warnings });
    assert.deepEqual(warnings, ['careful']);
  });

  it('is not asked about what it did not want', async () => {
    configure('Validating', { namespaceSelector: { matchLabels: { team: 'b' } } }, 'a');
    configure('Validating', { objectSelector: { matchLabels: { x: 'y' } } }, 'b');
    configure('Validating', { rules: [] }, 'd');
    await create(object());
    assert.equal(asked.length, 0);
    await create(object('x', { x: 'y' }));
    assert.equal(asked.length, 1);
  });

  it('several are asked at once; the first in their order speaks', async () => {
    configure('Validating', {}, 'b');
    configure('Validating', {}, 'a');
    answer = () => ({ allowed: false });
    const error = await failure(() => create(object()));
    assert.match(error.message, /"a\.example\.com"/);
    assert.equal(asked.length, 2);
  });

  it('that is reached through a service is asked at its endpoints, by the service’s name', async () => {
    const service = { namespace: 'sys', name: 'hook', path: '/check' };
    configure('Validating', { clientConfig: { service, caBundle: CA } });
    const lacking = await failure(() => create(object()));
    assert.match(lacking.message, /service "hook" not found$/);
    const metadata = { namespace: 'sys', name: 'hook' };
    store.seed({ apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 443 }] } }, {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata,
      subsets: [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ port }] }],
    } as KubeObject);
    // The test certificate does not carry the service's name, and that is noticed.
    const error = await failure(() => create(object()));
    assert.match(
      error.message,
      /Post "https:\/\/hook\.sys\.svc(:443)?\/check\?timeout=5s": .*hook\.sys\.svc/,
    );
    assert.equal(asked.length, 0);
  });
});

describe('a webhook with conditions', () => {
  const when = (expression: string, more: object = {}): void =>
    configure('Validating', { matchConditions: [{ name: 'n', expression }], ...more });

  it('is asked when all of them hold', async () => {
    when("object.kind != 'Node' && request.operation == 'CREATE'");
    await create(object());
    assert.equal(asked.length, 1);
  });

  it('is not asked otherwise', async () => {
    when("request.operation == 'DELETE'");
    await create(object());
    assert.equal(asked.length, 0);
  });

  it('that cannot be judged refuses, or is left out, as its policy says', async () => {
    when('object.metadata.nope == 1');
    const error = await failure(() => create(object()));
    assert.equal(error.code, 403);
    assert.match(error.message, /resulted in error: no such key: nope$/);
  });

  it('that cannot be judged is left out if its policy says so', async () => {
    when('object.metadata.nope == 1', { failurePolicy: 'Ignore' });
    await create(object());
    assert.equal(asked.length, 0);
  });
});

describe('a webhook that cannot be asked', () => {
  const cases: [string, () => void, RegExp][] = [
    [
      'nobody listens',
      () =>
        configure('Validating', { clientConfig: { url: 'https://127.0.0.1:1/x', caBundle: CA } }),
      /^Internal error occurred: failed calling webhook "c\.example\.com": failed to call webhook: Post "https:\/\/127\.0\.0\.1:1\/x\?timeout=5s": dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
    ],
    [
      'it is another authority’s',
      () => configure('Validating', { clientConfig: { url: `https://127.0.0.1:${port}/x` } }),
      /failed to call webhook: Post /,
    ],
    [
      'it takes no known version',
      () => configure('Validating', { admissionReviewVersions: ['v2'] }),
      /"c\.example\.com": could not create admission objects: webhook does not accept known/,
    ],
    [
      'its answer is no review',
      () => {
        configure('Validating');
        whole = { apiVersion: 'a/v1' };
      },
      /received invalid webhook response: expected webhook response of admission\.k8s\.io\/v1, .*, got a\/v1, /,
    ],
    [
      'its answer is empty',
      () => {
        configure('Validating');
        whole = { response: undefined };
      },
      /received invalid webhook response: webhook response was absent$/,
    ],
    [
      'it answers with a patch that it may not have',
      () => {
        configure('Validating');
        answer = () => ({ allowed: true, patchType: 'JSONPatch', patch: 'W10=' });
      },
      /received invalid webhook response: validating webhook may not return response\.patch$/,
    ],
    [
      'it answers with a patch of no type',
      () => {
        configure('Mutating');
        answer = () => ({ allowed: true, patch: 'W10=' });
      },
      /webhook returned response\.patch but not response\.patchType$/,
    ],
    [
      'it answers with a type and no patch',
      () => {
        configure('Mutating');
        answer = () => ({ allowed: true, patchType: 'JSONPatch' });
      },
      /webhook returned response\.patchType but not response\.patch$/,
    ],
    [
      'it answers with a patch of another type',
      () => {
        configure('Mutating');
        answer = () => ({ allowed: true, patchType: 'Merge', patch: 'W10=' });
      },
      /"c\.example\.com": unsupported patch type "Merge"$/,
    ],
    [
      'it answers about something else',
      () => {
        configure('Validating');
        answer = () => ({ allowed: true, uid: 'other' });
      },
      /expected response\.uid="uid-1", got "other"$/,
    ],
  ];
  for (const [what, prepare, message] of cases) {
    it(`ends the write: ${what}`, async () => {
      prepare();
      const error = await failure(() => create(object()));
      assert.match(error.message, message);
      assert.equal(error.code, 500);
    });
  }

  it('is left out if its policy says so', async () => {
    const clientConfig = { url: 'https://127.0.0.1:1/x' };
    configure('Validating', { clientConfig, failurePolicy: 'Ignore' });
    await create(object());
  });

  it('is counted', async () => {
    const counts = async (): Promise<string[]> => {
      const registry = new Metrics();
      await create(object(), { registry }).catch(() => undefined);
      const lines = (await registry.metrics()).split('\n');
      return lines
        .filter((line) => /_count\{|_total\{/.test(line))
        .map((line) => line.replace('apiserver_admission_webhook_', ''))
        .sort();
    };
    const at = 'name="c.example.com",type="validating"';
    const which = `${at},operation="CREATE"`;
    configure('Validating', {});
    assert.deepEqual(await counts(), [
      `admission_duration_seconds_count{${which},rejected="false"} 1`,
      `request_total{${which},code="200",rejected="false"} 1`,
    ]);
    answer = () => ({ allowed: false, status: { code: 403 } });
    assert.deepEqual(await counts(), [
      `admission_duration_seconds_count{${which},rejected="true"} 1`,
      `rejection_count{${which},error_type="no_error",rejection_code="403"} 1`,
      `request_total{${which},code="403",rejected="true"} 1`,
    ]);
    const clientConfig = { url: 'https://127.0.0.1:1/x' };
    configure('Validating', { clientConfig, failurePolicy: 'Ignore' });
    assert.ok((await counts()).includes(`fail_open_count{${at}} 1`));
    configure('Validating', { clientConfig });
    const failed = `rejection_count{${which},error_type="calling_webhook_error",rejection_code="0"} 1`;
    assert.ok((await counts()).includes(failed));
  });

  it('is given up after its time', async () => {
    configure('Validating', { timeoutSeconds: 1 });
    answer = () => undefined;
    const hasty: Clock = { ...systemClock, setTimeout: (fn) => systemClock.setTimeout(fn, 20) };
    const error = await failure(() => create(object(), { clock: hasty }));
    assert.match(error.message, /context deadline exceeded$/);
  });

  it('with side effects takes no dry run', async () => {
    configure('Validating', { sideEffects: 'Unknown' });
    const error = await failure(() => create(object(), { dryRun: true }));
    assert.equal(error.message, 'admission webhook "c.example.com" does not support dry run');
    assert.equal(asked.length, 0);
  });
});

describe('a mutating webhook', () => {
  const patch = (...operations: object[]): object => ({
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
  });

  it('changes the object, and the next one sees it', async () => {
    configure('Mutating', {}, 'a');
    configure('Mutating', {}, 'b');
    answer = ({ request }) => {
      const { data } = request.object as { data: { n?: string } };
      return patch({ op: 'add', path: '/data/n', value: `${data.n ?? ''}+` });
    };
    const one = object();
    await create(one);
    assert.deepEqual(one.data, { a: '1', n: '++' });
  });

  it('has its additions defaulted', async () => {
    const rules = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }];
    configure('Mutating', { rules });
    answer = () =>
      patch({ op: 'add', path: '/spec/containers/-', value: { name: 'side', image: 'i' } });
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'ns', name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }] as Container[] },
    };
    await create(pod);
    assert.equal(pod.spec.containers[1]?.imagePullPolicy, 'Always');
  });

  it('changes what the kind has, and nothing else', async () => {
    configure('Mutating');
    answer = () =>
      patch(
        { op: 'add', path: '/nope', value: 'x' },
        { op: 'add', path: '/kind', value: 'Other' },
        { op: 'add', path: '/data/b', value: '2' },
      );
    const one = object();
    await create(one);
    assert.deepEqual(Object.keys(one), ['apiVersion', 'kind', 'metadata', 'data']);
    assert.deepEqual([one.kind, one.data], ['ConfigMap', { a: '1', b: '2' }]);
  });

  it('selects by what those before it made of the object', async () => {
    configure('Mutating', {}, 'a');
    configure('Mutating', { objectSelector: { matchLabels: { made: 'yes' } } }, 'b');
    answer = ({ request: { object: given } }) => {
      const { metadata } = given as KubeObject;
      const path = '/metadata/labels/made';
      return metadata.labels?.made ? { allowed: true } : patch({ op: 'add', path, value: 'yes' });
    };
    await create(object());
    assert.equal(asked.length, 2);
  });

  describe('with others after it', () => {
    /** The first counts how often it is asked, the second adds something once. */
    function counting(reinvocationPolicy: string): void {
      configure('Mutating', { reinvocationPolicy }, 'a');
      configure(
        'Mutating',
        { clientConfig: { url: `https://127.0.0.1:${port}/b`, caBundle: CA } },
        'b',
      );
      answer = ({ request: { object: given } }) => {
        const { data } = given as { data: Record<string, string> };
        const isFirst = asked.at(-1)?.url.startsWith('/hook') === true;
        if (isFirst) return patch({ op: 'add', path: '/data/n', value: `${data.n ?? ''}+` });
        return data.b ? { allowed: true } : patch({ op: 'add', path: '/data/b', value: 'x' });
      };
    }

    it('is asked again when they changed the object and it wishes so', async () => {
      counting('IfNeeded');
      const one = object();
      const notes: string[] = [];
      await create(one, {
        addAuditAnnotation: (key, value, of) => notes.push(`${key} ${value} ${of}`),
      });
      assert.deepEqual(one.data, { a: '1', n: '++', b: 'x' });
      const pair = (round: number, index: number, name: string, [path, value]: string[]) => {
        const key = `webhook.admission.k8s.io/round_${round}_index_${index}`;
        const who = `{"configuration":"${name}","webhook":"${name}.example.com"`;
        const done = `[{"op":"add","path":"/data/${path}","value":"${value}"}]`;
        return [
          `patch.${key} ${who},"patch":${done},"patchType":"JSONPatch"} body`,
          `mutation.${key} ${who},"mutated":true} undefined`,
        ];
      };
      assert.deepEqual(notes, [
        ...pair(0, 0, 'a', ['n', '+']),
        ...pair(0, 1, 'b', ['b', 'x']),
        ...pair(1, 0, 'a', ['n', '++']),
      ]);
    });

    it('is not asked again when it does not wish so', async () => {
      counting('Never');
      const one = object();
      await create(one);
      assert.deepEqual(one.data, { a: '1', n: '+', b: 'x' });
    });

    it('is not asked again for a patch that changes nothing', async () => {
      configure('Mutating', { reinvocationPolicy: 'IfNeeded' }, 'a');
      configure('Mutating', {}, 'b');
      answer = () => patch({ op: 'replace', path: '/data/a', value: '1' });
      await create(object());
      assert.equal(asked.length, 2);
    });

    it('is not asked again for a change of its own', async () => {
      configure('Mutating', { reinvocationPolicy: 'IfNeeded' });
      answer = () => patch({ op: 'add', path: '/data/n', value: 'x' });
      await create(object());
      assert.equal(asked.length, 1);
    });

    it('is asked again for what a plugin does of its change', async () => {
      configure('Mutating', { reinvocationPolicy: 'IfNeeded' });
      answer = () => patch({ op: 'add', path: '/data/n', value: 'x' });
      const filler: AdmissionPlugin = {
        name: 'Filler',
        admit({ object: given }) {
          const { data } = given as unknown as { data: Record<string, string> };
          if (data.n) data.filled = 'yes';
        },
      };
      const one = object();
      await create(one, { before: [filler] });
      assert.deepEqual(one.data, { a: '1', n: 'x', filled: 'yes' });
      assert.equal(asked.length, 2);
    });
  });

  it('that fails and may be ignored is noted', async () => {
    const clientConfig = { url: 'https://127.0.0.1:1/x' };
    configure('Mutating', { clientConfig, failurePolicy: 'Ignore' });
    const notes: string[] = [];
    await create(object(), { addAuditAnnotation: (key, value) => notes.push(`${key} ${value}`) });
    assert.equal(
      notes[0],
      'failed-open.mutation.webhook.admission.k8s.io/round_0_index_0 c.example.com',
    );
  });

  it('whose patch does not fit ends the write', async () => {
    configure('Mutating');
    answer = () => patch({ op: 'remove', path: '/data/nope' });
    const error = await failure(() => create(object()));
    assert.match(
      error.message,
      /webhook "c\.example\.com" returned a patch that cannot be applied: /,
    );
    assert.equal(error.code, 500);
  });
});

describe('a webhook for another version of a kind', () => {
  const rules = [
    {
      operations: ['*'],
      apiGroups: ['autoscaling'],
      apiVersions: ['v2'],
      resources: ['horizontalpodautoscalers'],
    },
  ];
  const autoscaler = () => ({
    ...{ apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler' },
    metadata: { namespace: 'ns', name: 'h' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
      ...{ maxReplicas: 3, targetCPUUtilizationPercentage: 40 },
    },
  });

  it('is shown the write in that version, and what it changes comes back', async () => {
    configure('Mutating', { rules });
    const patch = '[{"op":"replace","path":"/spec/maxReplicas","value":9}]';
    answer = () => ({
      ...{ allowed: true, patchType: 'JSONPatch' },
      patch: Buffer.from(patch).toString('base64'),
    });
    const one = autoscaler();
    await create(one);
    const { request } = asked[0]?.review ?? {};
    const group = 'autoscaling';
    const kind = { group, kind: 'HorizontalPodAutoscaler' };
    assert.deepEqual(request?.kind, { ...kind, version: 'v2' });
    assert.deepEqual(request?.requestKind, { ...kind, version: 'v1' });
    const resource = 'horizontalpodautoscalers';
    assert.deepEqual(request?.resource, { group, version: 'v2', resource });
    assert.deepEqual(request?.requestResource, { group, version: 'v1', resource });
    const shown = request?.object as { apiVersion: string; spec: { metrics: unknown[] } };
    assert.deepEqual([shown.apiVersion, shown.spec.metrics.length], ['autoscaling/v2', 1]);
    assert.deepEqual([one.apiVersion, one.spec.maxReplicas], ['autoscaling/v1', 9]);
    assert.equal(one.spec.targetCPUUtilizationPercentage, 40);
  });

  it('that wants it exactly is not asked', async () => {
    configure('Validating', { rules, matchPolicy: 'Exact' });
    await create(autoscaler());
    assert.equal(asked.length, 0);
    configure('Validating', { rules, matchPolicy: 'Equivalent' });
    await create(autoscaler());
    assert.equal(asked.length, 1);
  });
});

describe('the rules of a webhook', () => {
  const rule = (
    resources: string[],
    more: Partial<RuleWithOperations> = {},
  ): RuleWithOperations => ({
    operations: ['*'],
    apiGroups: ['*'],
    apiVersions: ['*'],
    resources,
    ...more,
  });
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'ns', name: 'p' } };
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } };
  const cases: [RuleWithOperations, KubeObject, string, boolean][] = [
    [rule(['pods']), pod, '', true],
    [rule(['pods']), pod, 'status', false],
    [rule(['pods/status']), pod, 'status', true],
    [rule(['pods/*']), pod, 'status', true],
    [rule(['pods/*']), pod, '', true],
    [rule(['*']), pod, 'status', false],
    [rule(['*/*']), pod, 'status', true],
    [rule(['*/status']), pod, 'status', true],
    [rule(['nodes']), pod, '', false],
    [rule(['pods'], { operations: ['DELETE'] }), pod, '', false],
    [rule(['pods'], { apiGroups: ['apps'] }), pod, '', false],
    [rule(['pods'], { apiVersions: ['v2'] }), pod, '', false],
    [rule(['*'], { scope: 'Namespaced' }), pod, '', true],
    [rule(['*'], { scope: 'Namespaced' }), node, '', false],
    [rule(['*'], { scope: 'Cluster' }), node, '', true],
  ];
  for (const [one, what, subresource, matches] of cases) {
    const { resources, scope = '' } = one;
    it(`${resources} ${scope} and ${what.kind}/${subresource} → ${matches}`, () => {
      assert.equal(ruleMatches(one, admission('CREATE', what, { subresource })), matches);
    });
  }

  it('never reach the webhooks’ own configuration', () => {
    const configuration = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'c' },
    };
    const hook = {
      name: 'h',
      rules: [rule(['*'])],
      clientConfig: {},
      sideEffects: 'None',
      admissionReviewVersions: [],
    };
    const o = { labels: {}, kinds: builtinKinds };
    assert.equal(webhookMatches(hook, admission('CREATE', configuration), o), undefined);
  });
});
