import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { podComplaints } from '../testing/make.ts';

const C = 'spec.containers[0]';
const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const ENV_FIELDS =
  '"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"';

function envComplaints(valueFrom: object): string[] {
  return podComplaints({}, { env: [{ name: 'A', valueFrom: { ...valueFrom } }] });
}

describe('fields of the pod', () => {
  const AT = `${C}.env[0].valueFrom.fieldRef`;
  const cases: readonly [title: string, ref: object, expected: string[]][] = [
    ['the old name of the node', { fieldPath: 'spec.host' }, []],
    ['one label of many', { fieldPath: "metadata.labels['a']" }, []],
    [
      'known, but not here',
      { fieldPath: 'status.phase' },
      [`${AT}.fieldPath: Unsupported value: "status.phase": supported values: ${ENV_FIELDS}`],
    ],
    [
      'unknown',
      { fieldPath: 'spec.x' },
      [
        `${AT}.fieldPath: Invalid value: "spec.x": error converting fieldPath: field label not supported: spec.x`,
      ],
    ],
    [
      'of a part that has no parts',
      { fieldPath: "metadata.name['x']" },
      [
        `${AT}.fieldPath: Invalid value: "metadata.name['x']": error converting fieldPath: field label does not support subscript: metadata.name['x']`,
      ],
    ],
    [
      'of another version',
      { apiVersion: 'v2', fieldPath: 'metadata.name' },
      [
        `${AT}.fieldPath: Invalid value: "metadata.name": error converting fieldPath: unsupported pod version: v2`,
      ],
    ],
  ];
  for (const [title, fieldRef, expected] of cases) {
    test(title, () => assert.deepEqual(envComplaints({ fieldRef }), expected));
  }

  test('in a volume, the name of the node is shown as it is now', () => {
    const items = [{ path: 'x', fieldRef: { fieldPath: 'spec.host' } }];
    const [found = ''] = podComplaints({ volumes: [{ name: 'v', downwardAPI: { items } }] });
    assert.match(
      found,
      /^spec\.volumes\[0\]\.downwardAPI\.fieldRef\.fieldPath: Unsupported value: "spec\.nodeName"/,
    );
  });
});

describe('resources of a container', () => {
  const AT = `${C}.env[0].valueFrom.resourceFieldRef`;
  test('huge pages are divided as themselves', () => {
    const resource = 'limits.hugepages-2Mi';
    assert.deepEqual(envComplaints({ resourceFieldRef: { resource, divisor: '3' } }), [
      `${AT}.divisor: Invalid value: "${resource}": only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the hugepages resource`,
    ]);
  });
  test('without a container, the divisor is looked at still', () => {
    const resourceFieldRef = { resource: 'limits.cpu', divisor: '3' };
    const items = [{ path: 'x', resourceFieldRef }];
    const at = 'spec.volumes[0].downwardAPI.resourceFieldRef';
    assert.deepEqual(podComplaints({ volumes: [{ name: 'v', downwardAPI: { items } }] }), [
      `${at}.containerName: Required value`,
      `${at}.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`,
    ]);
  });
});

describe('keys and whole maps', () => {
  test('a key of a map without a name', () => {
    const AT = `${C}.env[0].valueFrom`;
    for (const kind of ['configMapKeyRef', 'secretKeyRef']) {
      assert.deepEqual(envComplaints({ [kind]: { key: 'a' } }), [
        `${AT}.${kind}.name: Invalid value: "": ${SUBDOMAIN}`,
      ]);
    }
  });
  test('sources of neither sort, of both, and of a name that may be a prefix', () => {
    const both = { configMapRef: { name: 'a' }, secretRef: { name: 'b-' } };
    assert.deepEqual(podComplaints({}, { envFrom: [{}, both] }), [
      `${C}.envFrom: Invalid value: "": must specify one of: \`configMapRef\` or \`secretRef\``,
      `${C}.envFrom: Invalid value: "": may not have more than one field specified at a time`,
    ]);
  });
});
