import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKind, type JSONSchemaProps, validateCreate } from '@kubets/api';
import { DEFINITION_RULES } from './definition-rules.ts';
import { schemaErrors } from './schema-rules.ts';
import { definition } from './testing.ts';

const of = (schema: JSONSchemaProps): string => schemaErrors(schema, 'S').map(String).join('; ');
const a = (schema: JSONSchemaProps): JSONSchemaProps => ({
  type: 'object',
  properties: { a: schema },
});
const A = 'S.properties[a]';
const NOT_STRUCTURAL = 'Forbidden: must be empty to be structural';

describe('a schema', () => {
  const rows: [JSONSchemaProps, string][] = [
    [a({ type: 'string' }), ''],
    [{}, 'S.type: Required value: must not be empty at the root'],
    [{ type: 'string' }, 'S.type: Invalid value: "string": must be object at the root'],
    [a({}), `${A}.type: Required value: must not be empty for specified object fields`],
    [a({ 'x-kubernetes-int-or-string': true }), ''],
    [a({ 'x-kubernetes-preserve-unknown-fields': true }), ''],
    [
      a({ type: 'nope' }),
      `${A}.type: Unsupported value: "nope": supported values: "array", "boolean", "integer", "number", "object", "string"`,
    ],
    [a({ type: 'array' }), `${A}.items: Required value: must be specified`],
    [
      a({ type: 'array', items: {} }),
      `${A}.items.type: Required value: must not be empty for specified array items`,
    ],
    [a({ type: 'object', additionalProperties: false }), ''],
    [
      a({ ...a({ type: 'string' }), additionalProperties: { type: 'string' } }),
      `${A}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`,
    ],
    [
      { type: 'object', additionalProperties: { type: 'string' } },
      'S.additionalProperties: Forbidden: must not be used at the root',
    ],
    [
      { type: 'object', nullable: true },
      'S.nullable: Forbidden: nullable cannot be true at the root',
    ],
    [
      a({ type: 'array', items: [{ type: 'string' }] }),
      `${A}.items: Forbidden: items must be a schema object and not an array`,
    ],
    [
      a({ type: 'null' }),
      `${A}.type: Unsupported value: "null": supported values: "array", "boolean", "integer", "number", "object", "string"; ${A}.type: Forbidden: type cannot be set to null, use nullable as an alternative`,
    ],
    [
      a({ type: 'object', default: { z: 1 }, properties: { b: { type: 'string' } } }),
      `${A}.default: Invalid value: map[string]interface {}{"z":1}: must not have unknown fields`,
    ],
    [
      a({ 'x-kubernetes-int-or-string': true, 'x-kubernetes-preserve-unknown-fields': true }),
      `${A}.x-kubernetes-preserve-unknown-fields: Invalid value: true: must be false if x-kubernetes-int-or-string is true`,
    ],
    [
      a({ type: 'string', not: { nullable: true, description: 'd', minLength: 1 } }),
      `${A}.not.description: ${NOT_STRUCTURAL}; ${A}.not.nullable: Forbidden: must be false to be structural`,
    ],
    [
      a({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'set' }),
      `${A}.items.x-kubernetes-map-type: Invalid value: "null": must be atomic as item of a list with x-kubernetes-list-type=set`,
    ],
    [
      a({
        type: 'array',
        items: { type: 'string', nullable: true },
        'x-kubernetes-list-type': 'set',
      }),
      `${A}.items.nullable: Forbidden: cannot be nullable when x-kubernetes-list-type is set`,
    ],
    [
      a({ type: 'array', items: { type: 'string' }, 'x-kubernetes-list-map-keys': ['k'] }),
      `${A}.x-kubernetes-list-type: Required value: must be map if x-kubernetes-list-map-keys is non-empty`,
    ],
    [
      { type: 'object', properties: { kind: { type: 'string', default: 'K' } } },
      'S.properties[kind].default: Forbidden: must not be set in top-level kind',
    ],
    [
      { type: 'object', properties: { b: {}, a: { type: 'array' } }, uniqueItems: true },
      'S.properties[a].items: Required value: must be specified; ' +
        'S.properties[b].type: Required value: must not be empty for specified object fields; ' +
        'S.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    ],
    [
      a({ type: 'array', items: { type: 'string' }, uniqueItems: true }),
      `${A}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`,
    ],
    [a({ type: 'string', $ref: 'x' }), `${A}.$ref: Forbidden: $ref is not supported`],
    [
      a({ type: 'integer', default: 'x' }),
      `${A}.default: Invalid value: "string":  in body must be of type integer: "string"`,
    ],
    [
      a({ type: 'object', default: { b: 1 }, properties: { b: { type: 'string' } } }),
      `${A}.default.b: Invalid value: "integer": b in body must be of type string: "integer"`,
    ],
    [a({ type: 'string', anyOf: [{ type: 'string' }] }), `${A}.anyOf[0].type: ${NOT_STRUCTURAL}`],
    [a({ type: 'string', anyOf: [{ minLength: 1 }] }), ''],
    [a({ type: 'object', oneOf: [{ required: ['x'] }, { not: { required: ['y'] } }] }), ''],
    [
      { type: 'object', allOf: [{ properties: { q: { minLength: 1 } } }] },
      'S.properties[q]: Required value: because it is defined in S.allOf[0].properties[q]',
    ],
    [
      a({ 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] }),
      '',
    ],
    [
      a({ type: 'string', 'x-kubernetes-list-type': 'set' }),
      `${A}.type: Invalid value: "string": must be array if x-kubernetes-list-type is specified`,
    ],
    [
      a({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'map' }),
      `${A}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`,
    ],
    [
      a({ type: 'object', 'x-kubernetes-embedded-resource': true }),
      `${A}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`,
    ],
    [
      a({ type: 'object', 'x-kubernetes-map-type': 'odd' }),
      `${A}.x-kubernetes-map-type: Unsupported value: "odd": supported values: "atomic", "granular"`,
    ],
    [
      { type: 'object', properties: { apiVersion: { type: 'integer' } } },
      'S.properties[apiVersion].type: Invalid value: "integer": must be string',
    ],
    [
      {
        type: 'object',
        properties: { metadata: { type: 'object', properties: { name: { type: 'string' } } } },
      },
      '',
    ],
    [
      {
        type: 'object',
        properties: { metadata: { type: 'object', properties: { labels: { type: 'string' } } } },
      },
      'S.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
    ],
  ];
  for (const [schema, wanted] of rows) {
    it(JSON.stringify(schema), () => assert.equal(of(schema), wanted));
  }

  it('with a broken pattern says so', () => {
    assert.match(
      of(a({ type: 'string', pattern: '(' })),
      /must be a valid regular expression, but isn't/,
    );
  });

  it('names the keys of lists that are no properties, or may be absent', () => {
    const list = (properties: Record<string, JSONSchemaProps>): string =>
      of(
        a({
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
          items: { type: 'object', properties },
        }),
      );
    assert.match(list({}), /entries must all be names of item properties$/);
    assert.match(
      list({ k: { type: 'string' } }),
      /items\.properties\[k\]\.default: Required value: this property is in x-kubernetes-list-map-keys/,
    );
    assert.equal(list({ k: { type: 'string', default: '' } }), '');
  });
});

describe('rules of a schema', () => {
  const ruled = (rule: object): string =>
    of(a({ type: 'string', 'x-kubernetes-validations': [rule as never] }));
  const AT = `${A}.x-kubernetes-validations[0]`;

  it('that compile are fine', () => {
    assert.equal(ruled({ rule: "self == 'x'", messageExpression: "'not ' + self" }), '');
  });

  const rows: [object, RegExp][] = [
    [{ rule: ' ' }, /\.rule: Required value: rule is not specified$/],
    [
      { rule: 'self.' },
      /compilation failed: ERROR: <input>:1:6: Syntax error: no viable alternative at input '\.'\n \| self\.\n \| \.{5}\^$/,
    ],
    [{ rule: 'self' }, /cel expression must evaluate to a bool$/],
    [{ rule: 'self == 1' }, /found no matching overload for '_==_' applied to '\(string, int\)'/],
    [
      { rule: 'true', messageExpression: '1' },
      /\.messageExpression: .*messageExpression must evaluate to a string$/,
    ],
    [
      { rule: 'true', message: ' ' },
      /\.message: Invalid value: " ": message must be non-empty if specified$/,
    ],
    [{ rule: 'true', message: 'a\nb' }, /\.message: .*message must not contain line breaks$/s],
    [
      { rule: 'true\n' + '&& true' },
      /\.message: Required value: message must be specified if rule contains line breaks$/,
    ],
    [{ rule: 'true', messageExpression: ' ' }, /messageExpression must be non-empty if specified$/],
    [
      { rule: 'true', fieldPath: '.x' },
      /\.fieldPath: Invalid value: "\.x": fieldPath must be a valid path$/,
    ],
    [
      { rule: 'true', optionalOldSelf: true },
      /\.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule$/,
    ],
    [
      { rule: 'true', reason: 'Nope' },
      /\.reason: Unsupported value: "Nope": supported values: "FieldValueDuplicate"/,
    ],
  ];
  for (const [rule, wanted] of rows) {
    it(JSON.stringify(rule), () => {
      assert.match(ruled(rule), wanted);
      assert.ok(ruled(rule).startsWith(AT));
    });
  }
});

describe('a definition', () => {
  const def = {
    ...builtinKind('apiextensions.k8s.io/v1', 'CustomResourceDefinition'),
    rules: DEFINITION_RULES,
  };
  const OPEN: JSONSchemaProps = { type: 'object' };
  const errors = (version: object, spec: object = {}): string => {
    const crd = definition(OPEN, version, spec);
    crd.spec.names = { ...crd.spec.names, singular: 'widget', listKind: 'WidgetList' };
    crd.status = { storedVersions: ['v1'] };
    return validateCreate(def, crd).map(String).join('; ');
  };

  it('is fine', () => assert.equal(errors({}), ''));

  const rows: [object, string][] = [
    [
      { additionalPrinterColumns: [{ name: 'x', type: 'nope', jsonPath: '.a' }] },
      'spec.additionalPrinterColumns[0].type: Invalid value: "nope": must be one of boolean,date,integer,number,string',
    ],
    [
      { additionalPrinterColumns: [{ name: 'x', type: 'string', jsonPath: 'a' }] },
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "a": must be a simple json path starting with .',
    ],
    [
      { subresources: { scale: { specReplicasPath: '.x', statusReplicasPath: '.status.n' } } },
      'spec.subresources.scale.specReplicasPath: Invalid value: ".x": should be a json path under .spec',
    ],
    [
      { schema: { openAPIV3Schema: {} } },
      'spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root',
    ],
  ];
  for (const [version, wanted] of rows) {
    it(wanted, () => assert.equal(errors(version), wanted));
  }

  it('has fields that can be chosen by', () => {
    const properties: Record<string, JSONSchemaProps> = {
      s: { type: 'string' },
      o: { type: 'object', properties: { n: { type: 'number' } } },
      m: { type: 'object', additionalProperties: { type: 'string' } },
    };
    const schema = {
      openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } },
    };
    const chosen = (...paths: string[]): string =>
      errors({ schema, selectableFields: paths.map((jsonPath) => ({ jsonPath })) });
    const at = 'spec.selectableFields';
    assert.equal(chosen('.spec.s', '.spec.m.k'), '');
    assert.equal(
      chosen('', '.spec.z', '.spec.o.n', '.spec.s', '.spec.s', "['spec']", 'spec'),
      [
        `${at}[0].jsonPath: Required value`,
        `${at}[1].jsonPath: Invalid value: ".spec.z": is an invalid path: does not refer to a valid field`,
        `${at}[2].jsonPath: Invalid value: ".spec.o.n": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.`,
        `${at}[4].jsonPath: Duplicate value: ".spec.s"`,
        `${at}[5].jsonPath: Invalid value: "['spec']": is an invalid path: array notation is not allowed`,
        `${at}[6].jsonPath: Invalid value: "spec": is an invalid path: expected [ or . but got: spec`,
      ].join('; '),
    );
    const many = Array.from({ length: 9 }, (_none, i) => `.spec.m.k${i}`);
    assert.equal(chosen(...many), `${at}: Too many: 9: must have at most 8 items`);
  });

  it('says little at the root when the status is written apart', () => {
    const subresources = { status: {} };
    const said = (more: JSONSchemaProps): string =>
      errors({ subresources, schema: { openAPIV3Schema: { ...OPEN, ...more } } });
    assert.equal(said({ description: 'd', required: ['spec'] }), '');
    assert.match(said({ minProperties: 1 }), /openAPIV3Schema: .*: only \[Description Type /);
  });

  it('tells what is wrong in the order of its parts', () => {
    const fields = errors(
      { name: 'V_1', additionalPrinterColumns: [{ name: '', type: 'string', jsonPath: '.a' }] },
      { scope: 'Nope', group: 'nodot' },
    )
      .split('; ')
      .map((text) => text.split(':')[0]);
    assert.deepEqual(fields, [
      ...['metadata.name', 'spec.group', 'spec.scope', 'spec.versions[0].name'],
      ...['spec.additionalPrinterColumns[0].name', 'status.storedVersions[0]'],
    ]);
  });

  it('with versions that differ names the version', () => {
    const version = (name: string, storage: boolean, schema: JSONSchemaProps) => ({
      ...{ name, served: true, storage, schema: { openAPIV3Schema: schema } },
    });
    const versions = [version('v1', true, OPEN), version('v2', false, {})];
    const wanted =
      'spec.versions[1].schema.openAPIV3Schema.type: Required value: must not be empty at the root';
    assert.equal(errors({}, { versions }), wanted);
  });

  it('has a conversion that exists', () => {
    assert.match(
      errors({}, { conversion: { strategy: 'Magic' } }),
      /spec\.conversion\.strategy: Unsupported value: "Magic": supported values: "None", "Webhook"/,
    );
  });

  it('says how its webhook is reached', () => {
    const hooked = (clientConfig: object, ...conversionReviewVersions: string[]): string =>
      errors(
        {},
        {
          conversion: { strategy: 'Webhook', webhook: { clientConfig, conversionReviewVersions } },
        },
      );
    const at = 'spec.conversion.webhookClientConfig';
    assert.equal(
      hooked({ url: 'http://a@b/c?d' }, 'v1'),
      [
        `${at}.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
        `${at}.url: Invalid value: "a": user information is not permitted in the URL`,
        `${at}.url: Invalid value: "d": query parameters are not permitted in the URL`,
      ].join('; '),
    );
    assert.equal(
      hooked({ service: { name: 'a', namespace: 'b', path: 'xy' } }, 'v9', 'v9'),
      [
        `${at}.service.path: Invalid value: "xy": must start with a '/'`,
        'spec.conversion.conversionReviewVersions[1]: Invalid value: "v9": duplicate version',
        'spec.conversion.conversionReviewVersions: Invalid value: []string{"v9", "v9"}: must include at least one of v1, v1beta1',
      ].join('; '),
    );
  });
});
