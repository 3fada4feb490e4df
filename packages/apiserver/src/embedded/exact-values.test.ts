import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { type EmbeddedApiServer, startApiServer } from '../index.ts';

const SPEC = {
  type: 'object',
  'x-kubernetes-preserve-unknown-fields': true,
  properties: {
    n: { type: 'integer', format: 'int64' },
    big: {
      type: 'integer',
      maximum: 9_007_199_254_740_996,
      'x-kubernetes-validations': [{ rule: 'self != 9007199254740993', message: 'that one' }],
    },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'integer' } },
    map: { type: 'object', additionalProperties: { type: 'integer' } },
    keyed: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items: {
        type: 'object',
        required: ['k'],
        properties: { k: { type: 'integer' }, v: { type: 'integer' } },
      },
    },
  },
};
const DEFINITION = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [
      {
        ...{ name: 'v1', served: true, storage: true },
        additionalPrinterColumns: [{ name: 'N', type: 'integer', jsonPath: '.spec.n' }],
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: SPEC } } },
      },
    ],
  },
};
const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets';
const JOBS = '/apis/batch/v1/namespaces/default/jobs';
const MAPS = '/api/v1/namespaces/default/configmaps';
const PROTOBUF = 'application/vnd.kubernetes.protobuf';

interface Answer {
  readonly status: number;
  readonly bytes: Buffer;
  readonly text: string;
}

let api: EmbeddedApiServer;
before(async () => {
  api = await startApiServer();
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  assert.equal((await ask('POST', crds, JSON.stringify(DEFINITION))).status, 201);
  while ((await ask('GET', WIDGETS)).status !== 200);
});
after(() => api.stop());

function ask(
  method: string,
  path: string,
  body: string | Buffer = '',
  headers: Record<string, string> = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = {
    ...{ authorization: `Bearer ${api.token}`, 'content-type': 'application/json' },
    ...(body.length > 0 && { 'content-length': String(Buffer.byteLength(body)) }),
    ...headers,
  };
  request(`${api.url}${path}`, { method, headers: sent, ca: api.ca }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      const bytes = Buffer.concat(chunks);
      resolve({ status: response.statusCode ?? 0, bytes, text: bytes.toString() });
    });
  })
    .on('error', reject)
    .end(body);
  return promise;
}

const widget = (name: string, spec: string): string =>
  `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"${name}"},"spec":${spec}}`;
const job = (name: string, spec: string): string =>
  `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"${name}"},"spec":{${spec},` +
  '"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}}';
const patch = (type: string) => ({ 'content-type': `application/${type}` });

/** The answer to a request holds these texts. */
async function holds(asked: Promise<Answer>, ...texts: readonly string[]): Promise<Answer> {
  const answer = await asked;
  assert.ok(answer.status < 300, answer.text);
  for (const text of texts) assert.ok(answer.text.includes(text), `${text} in ${answer.text}`);
  return answer;
}

describe('integers of custom objects', () => {
  const exact = '{"n":9007199254740993,"x":[-9223372036854775808,9223372036854775808,1.0,1e3]}';
  const written = '"n":9007199254740993,"x":[-9223372036854775808,9223372036854776000,1,1000]';

  it('are created, read, listed and shown in tables as they are', async () => {
    await holds(ask('POST', WIDGETS, widget('a', exact)), written);
    await holds(ask('GET', `${WIDGETS}/a`), written);
    await holds(ask('GET', WIDGETS), written);
    const table = { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' };
    await holds(ask('GET', `${WIDGETS}/a`, '', table), '"cells":["a",9007199254740993]');
    const yaml = { accept: 'application/yaml' };
    await holds(ask('GET', `${WIDGETS}/a`, '', yaml), 'n: 9007199254740993\n');
  });

  it('come in YAML', async () => {
    const body =
      'apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: y}\n' +
      'spec: {n: 9007199254740993, big: 9007199254740995, f: 18446744073709551615}\n';
    const sent = ask('POST', WIDGETS, body, patch('yaml'));
    await holds(sent, '"n":9007199254740993,"big":9007199254740995,"f":18446744073709552000');
  });

  it('are patched', async () => {
    await holds(ask('POST', WIDGETS, widget('p', '{}')));
    const merge = '{"spec":{"n":9007199254740995}}';
    await holds(
      ask('PATCH', `${WIDGETS}/p`, merge, patch('merge-patch+json')),
      '"n":9007199254740995',
    );
    const steps = (tested: string): string =>
      `[{"op":"test","path":"/spec/n","value":${tested}},{"op":"replace","path":"/spec/n","value":9007199254740997}]`;
    const json = patch('json-patch+json');
    assert.equal((await ask('PATCH', `${WIDGETS}/p`, steps('9007199254740996'), json)).status, 422);
    await holds(
      ask('PATCH', `${WIDGETS}/p`, steps('9007199254740995'), json),
      '"n":9007199254740997',
    );
  });

  it('are applied, and owned by their value', async () => {
    const apply = (manager: string, spec: string): Promise<Answer> =>
      ask('PATCH', `${WIDGETS}/s?fieldManager=${manager}`, widget('s', spec), {
        'content-type': 'application/apply-patch+yaml',
      });
    await holds(
      apply('one', '{"set":[9007199254740993],"keyed":[{"k":9007199254740993,"v":1}]}'),
      '"v:9007199254740993"',
      '"k:{\\"k\\":9007199254740993}"',
    );
    await holds(apply('two', '{"set":[9007199254740994]}'), '[9007199254740993,9007199254740994]');
    await holds(apply('one', '{"set":[9007199254740995]}'), '[9007199254740994,9007199254740995]');
    const conflict = await apply('two', '{"keyed":[{"k":9007199254740993,"v":2}]}');
    assert.equal(conflict.status, 200, 'one has given it up');
  });

  const refused: readonly [string, string][] = [
    ['{"n":9223372036854775808}', 'spec.n in body must be of type integer: \\"number\\"'],
    ['{"n":1e400}', 'json: cannot unmarshal number 1e400 into Go value of type float64'],
    ['{"big":9007199254740993}', 'that one'],
    ['{"big":9007199254740997}', 'should be less than or equal to 9007199254740996'],
    [
      '{"set":[9007199254740993,9007199254740993]}',
      'spec.set[1]: Duplicate value: 9007199254740993',
    ],
  ];
  for (const [spec, why] of refused) {
    it(`cannot be ${spec}`, async () => {
      const { status, text } = await ask('POST', WIDGETS, widget('r', spec));
      assert.ok(status === 400 || status === 422, text);
      assert.ok(text.includes(why), text);
    });
  }
});

describe('integers of built-in kinds', () => {
  it('of 64 bits keep their digits through JSON, protobuf and a strategic patch', async () => {
    const most = '"activeDeadlineSeconds":9223372036854775807';
    await holds(ask('POST', JOBS, job('a', most)), most);
    const { bytes } = await holds(ask('GET', `${JOBS}/a`, '', { accept: PROTOBUF }));
    await holds(ask('PUT', `${JOBS}/a`, bytes, { 'content-type': PROTOBUF }), most);
    const less = '"activeDeadlineSeconds":9223372036854775806';
    const type = patch('strategic-merge-patch+json');
    await holds(ask('PATCH', `${JOBS}/a`, `{"spec":{${less}}}`, type), less);
    await holds(ask('GET', `${JOBS}/a`), less);
  });

  for (const spec of ['"parallelism":1.0', '"parallelism":1e0', '"parallelism":4294967297']) {
    it(`cannot be ${spec}, nor be patched so`, async () => {
      const why = `cannot unmarshal number ${spec.split(':')[1]} into Go struct field JobSpec.spec.`;
      const created = await ask('POST', JOBS, job('b', spec));
      assert.equal(created.status, 400);
      assert.ok(created.text.includes(why), created.text);
      await ask('POST', JOBS, job('c', '"parallelism":1'));
      const merged = `{"spec":{${spec}}}`;
      const steps = `[{"op":"replace","path":"/spec/parallelism","value":${spec.split(':')[1]}}]`;
      for (const [body, type] of [
        [merged, 'merge-patch+json'],
        [steps, 'json-patch+json'],
      ] as const) {
        const { status, text } = await ask('PATCH', `${JOBS}/c`, body, patch(type));
        assert.equal(status, 422, text);
        assert.ok(text.includes(why), text);
      }
    });
  }

  it('may be 1.0 in a configuration, which is YAML', async () => {
    const type = { 'content-type': 'application/apply-patch+yaml' };
    const path = `${JOBS}/applied?fieldManager=m`;
    await holds(ask('PATCH', path, job('applied', '"parallelism":2.0'), type), '"parallelism":2,');
  });

  it('a deletion far in the future is one', async () => {
    const pod =
      '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"nodeName":"n","containers":[{"name":"c","image":"i"}]}}';
    const pods = '/api/v1/namespaces/default/pods';
    await holds(ask('POST', pods, pod));
    const options = '{"gracePeriodSeconds":9007199254740993}';
    await holds(
      ask('DELETE', `${pods}/a`, options),
      '"deletionGracePeriodSeconds":9007199254740993',
    );
  });
});

describe('keys that every object of the language inherits', () => {
  const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  const data = JSON.stringify(Object.fromEntries(NAMES.map((name, i) => [name, String(i)])));
  const map = (name: string, fields: string): string =>
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}"},${fields}}`;
  const has = (answer: Answer, key: string, value: string): void =>
    assert.ok(answer.text.includes(`"${key}":"${value}"`), `${key} in ${answer.text}`);

  it('are keys of data, in JSON and protobuf', async () => {
    await holds(ask('POST', MAPS, map('a', `"data":${data}`)), data);
    const { bytes } = await holds(ask('GET', `${MAPS}/a`, '', { accept: PROTOBUF }));
    const again = await holds(ask('PUT', `${MAPS}/a`, bytes, { 'content-type': PROTOBUF }));
    for (const [i, name] of NAMES.entries()) has(again, name, String(i));
  });

  for (const type of ['merge-patch+json', 'strategic-merge-patch+json']) {
    it(`are set and removed by ${type}`, async () => {
      const name = type.slice(0, 5);
      await holds(ask('POST', MAPS, map(name, '"data":{"a":"b"}')));
      const set = await holds(ask('PATCH', `${MAPS}/${name}`, `{"data":${data}}`, patch(type)));
      for (const [i, key] of NAMES.entries()) has(set, key, String(i));
      const none = data.replaceAll(/:"\d"/g, ':null');
      const gone = await ask('PATCH', `${MAPS}/${name}`, `{"data":${none}}`, patch(type));
      assert.ok(gone.text.includes('"data":{"a":"b"}'), gone.text);
    });
  }

  it('are steps of a JSON patch only where they are', async () => {
    await holds(ask('POST', MAPS, map('j', '"data":{"a":"b"}')));
    const json = patch('json-patch+json');
    for (const name of NAMES) {
      const at = `"path":"/data/${name}"`;
      const below = `[{"op":"add","path":"/data/${name}/x","value":"1"}]`;
      assert.equal((await ask('PATCH', `${MAPS}/j`, below, json)).status, 422, name);
      const added = await ask('PATCH', `${MAPS}/j`, `[{"op":"add",${at},"value":"1"}]`, json);
      has(added, name, '1');
      await holds(ask('PATCH', `${MAPS}/j`, `[{"op":"remove",${at}}]`, json));
    }
    assert.equal(Object.hasOwn(Object.prototype, 'x'), false);
  });

  it('are applied, owned and given up', async () => {
    const type = { 'content-type': 'application/apply-patch+yaml' };
    const at = `${MAPS}/s?fieldManager=m`;
    const made = await holds(ask('PATCH', at, map('s', `"data":${data}`), type));
    for (const name of NAMES) assert.ok(made.text.includes(`"f:${name}":{}`), made.text);
    await holds(
      ask('PATCH', at, map('s', '"data":{"toString":"t"}'), type),
      '"data":{"toString":"t"}',
    );
  });

  it('are members of custom objects and keys of maps in expressions', async () => {
    const spec = '{"__proto__":{"constructor":1},"toString":{"__proto__":2},"map":{"__proto__":3}}';
    await holds(ask('POST', WIDGETS, widget('k', spec)), spec);
    await holds(ask('GET', `${WIDGETS}/k`), spec);
  });

  it('are keys of a secret that comes as text', async () => {
    const secret = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":${data}}`;
    const made = await holds(ask('POST', '/api/v1/namespaces/default/secrets', secret));
    for (const [i, name] of NAMES.entries()) {
      has(made, name, Buffer.from(String(i)).toString('base64'));
    }
  });

  it('are facts about who is impersonated', async () => {
    const review = '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}';
    const extra = { 'impersonate-extra-constructor': 'a', 'impersonate-extra-__proto__': 'b' };
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const sent = ask('POST', path, review, {
      ...{ 'impersonate-user': 'joe', 'impersonate-group': 'system:masters' },
      ...extra,
    });
    await holds(sent, '"constructor":["a"]', '"__proto__":["b"]');
  });

  it('are no fields to select by, no labels that are there, and no resources', async () => {
    const { status, text } = await ask('GET', `${MAPS}?fieldSelector=constructor=x`);
    assert.equal(status, 400);
    assert.ok(text.includes('\\"constructor\\" is not a known field selector'), text);
    for (const name of NAMES) {
      if (name !== '__proto__') {
        await holds(ask('GET', `${MAPS}?labelSelector=${name}`), '"items":[]');
      }
      for (const path of [`/api/v1/${name}`, `/apis/${name}`, `/apis/${name}/v1`, `/${name}`]) {
        assert.equal((await ask('GET', path)).status, 404, path);
      }
      const type = { 'content-type': name };
      assert.equal((await ask('PATCH', `${MAPS}/a`, '{}', type)).status, 415, name);
    }
  });
});
