import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiError } from '@kubets/api';
import { representationOf } from './negotiate.ts';

const choose = (
  accept: string | undefined,
  userAgent = 'kubectl/v1.32.0',
  pretty: string | null = null,
) => representationOf(accept, { pretty, userAgent });

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const OLD_TABLE = 'application/json;as=Table;v=v1beta1;g=meta.k8s.io';

const CASES: readonly [string | undefined, string][] = [
  [undefined, 'object v1 json'],
  ['', 'object v1 json'],
  ['*/*', 'object v1 json'],
  ['application/json', 'object v1 json'],
  ['application/json;stream=watch', 'object v1 json'],
  ['application/yaml', 'object v1 yaml'],
  ['application/vnd.kubernetes.protobuf,application/json', 'object v1 protobuf'],
  ['*/*,application/vnd.kubernetes.protobuf', 'object v1 protobuf'],
  [
    'application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io',
    'table v1 json',
  ],
  [
    'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    'partial v1 protobuf',
  ],
  ['application/json;stream=other,application/yaml', 'object v1 yaml'],
  ['text/html, application/json;q=0.5', 'object v1 json'],
  [`${TABLE},${OLD_TABLE},application/json`, 'table v1 json'],
  [OLD_TABLE, 'table v1beta1 json'],
  ['application/json;as=Table;v=v9;g=meta.k8s.io,application/json', 'object v1 json'],
  ['application/json;as=Nonsense;v=v1;g=meta.k8s.io, */*', 'object v1 json'],
  ['application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', 'partial v1 json'],
  ['application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', 'partial-list v1 json'],
  ['application/json;q=0.1,application/yaml;q=0.9', 'object v1 yaml'],
];

describe('the representation of an answer', () => {
  for (const [accept, expected] of CASES) {
    it(`Accept: ${accept ?? '(none)'}`, () => {
      const { as, metaVersion, format } = choose(accept);
      assert.equal(`${as} ${metaVersion} ${format}`, expected);
    });
  }

  for (const accept of [
    'text/html',
    'application/json;q=0',
    'application/json;as=Table;v=v2;g=meta.k8s.io',
    'application/json;v=v1;g=meta.k8s.io',
    'application/yaml;v=v1',
  ]) {
    it(`refuses ${accept} with 406`, () => {
      assert.throws(
        () => choose(accept),
        (error) => error instanceof ApiError && error.code === 406,
      );
    });
  }

  it('custom resources are JSON where their kinds would have to be protobuf', () => {
    const custom = (accept: string) =>
      representationOf(accept, { pretty: null, userAgent: 'x', unstructured: true });
    const protobuf = 'application/vnd.kubernetes.protobuf';
    assert.equal(custom(`${protobuf},application/json`).format, 'json');
    const partial = `${protobuf};as=PartialObjectMetadata;v=v1;g=meta.k8s.io`;
    assert.equal(custom(partial).format, 'protobuf');
    assert.throws(() => custom(protobuf), /only the following media types are accepted/);
  });

  it('watches have no YAML', () => {
    const watch = () =>
      representationOf('application/yaml', { pretty: null, userAgent: 'x', stream: true });
    assert.throws(
      watch,
      /: application\/json;stream=watch, application\/vnd.kubernetes.protobuf;stream=watch$/,
    );
  });

  it('there are no tables of what is only taken in', () => {
    const o = { pretty: null, userAgent: undefined, tableless: true };
    assert.equal(representationOf(`${TABLE},application/json`, o).as, 'object');
    assert.throws(
      () => representationOf(TABLE, o),
      (error: ApiError) => error.code === 406,
    );
  });

  it('errors are no tables', () => {
    const { as, format } = representationOf(`${TABLE},application/yaml`, {
      pretty: null,
      userAgent: 'x',
      isError: true,
    });
    assert.equal(`${as} ${format}`, 'object yaml');
  });

  it('indents for clients of people, and when asked', () => {
    assert.equal(choose('*/*', 'curl/8.0').pretty, true);
    assert.equal(choose('*/*', 'curl/8.0', 'false').pretty, false);
    assert.equal(choose('*/*', 'kubectl', 'true').pretty, true);
    assert.equal(choose('*/*', 'kubectl').pretty, false);
  });
});
