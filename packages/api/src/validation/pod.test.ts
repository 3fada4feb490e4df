import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtinKind } from '../registry.ts';
import { created, pod, podComplaints, specOf } from '../testing/make.ts';
import { validateCreate, validateUpdate } from './index.ts';

const podDef = builtinKind('v1', 'Pod');

type Case = readonly [title: string, spec: object, container: object, complaints: string[]];

/** Asserts the exact messages of pods that differ from a fine one as given. */
function refuses(cases: readonly Case[]): void {
  for (const [title, spec, container, complaints] of cases) {
    test(title, () => {
      assert.deepEqual(podComplaints({ ...spec }, { ...container }), complaints);
    });
  }
}

test('a plain pod is fine', () => {
  assert.deepEqual(podComplaints(), []);
});

test('a pod without containers', () => {
  assert.deepEqual(podComplaints({ containers: [] }), ['spec.containers: Required value']);
});

const C = 'spec.containers[0]';

describe('containers', () => {
  refuses([
    ['no name', {}, { name: '' }, [`${C}.name: Required value`]],
    ['no image', {}, { image: '' }, [`${C}.image: Required value`]],
    [
      'padded image',
      {},
      { image: ' i ' },
      [`${C}.image: Invalid value: " i ": must not have leading or trailing whitespace`],
    ],
    [
      'pull policy',
      {},
      { imagePullPolicy: 'Maybe' },
      [
        `${C}.imagePullPolicy: Unsupported value: "Maybe": supported values: "Always", "IfNotPresent", "Never"`,
      ],
    ],
    [
      'port out of range, unknown protocol',
      {},
      { ports: [{ containerPort: 70000, protocol: 'ICMP' }] },
      [
        `${C}.ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive`,
        `${C}.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"`,
      ],
    ],
    [
      'repeated port names',
      {},
      {
        ports: [
          { containerPort: 1, name: 'a' },
          { containerPort: 2, name: 'a' },
        ],
      },
      [`${C}.ports[1].name: Duplicate value: "a"`],
    ],
    [
      'repeated host ports',
      {},
      {
        ports: [
          { containerPort: 1, hostPort: 5 },
          { containerPort: 2, hostPort: 5 },
        ],
      },
      [`${C}.ports[1].hostPort: Duplicate value: "TCP//5"`],
    ],
    [
      'host port on the host’s network',
      { hostNetwork: true },
      { ports: [{ containerPort: 80, hostPort: 81 }] },
      [
        `${C}.ports[0].hostPort: Invalid value: 81: must match \`containerPort\` when \`hostNetwork\` is true`,
      ],
    ],
    [
      'a restart policy of its own',
      {},
      { restartPolicy: 'Always' },
      [`${C}.restartPolicy: Forbidden: may not be set for non-init containers`],
    ],
  ]);

  test('names are unique over init containers too', () => {
    const initContainers = [{ name: 'c', image: 'i' }];
    assert.deepEqual(podComplaints({ initContainers }), [
      'spec.initContainers[0].name: Duplicate value: "c"',
    ]);
  });

  test('init containers have no probes unless they are sidecars', () => {
    const livenessProbe = { exec: { command: ['a'] } };
    const plain = [{ name: 'i', image: 'i', livenessProbe }];
    assert.deepEqual(podComplaints({ initContainers: plain }), [
      'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ]);
    const sidecar = [{ name: 'i', image: 'i', livenessProbe, restartPolicy: 'Always' }];
    assert.deepEqual(podComplaints({ initContainers: sidecar }), []);
  });

  test('privileged ones need a server that lets them through', () => {
    const object = pod({}, { securityContext: { privileged: true } });
    assert.deepEqual(validateCreate(podDef, object), []);
    assert.deepEqual(validateCreate(podDef, object, { allowPrivileged: false }).map(String), [
      `${C}.securityContext.privileged: Forbidden: disallowed by cluster policy`,
    ]);
  });
});

describe('environment', () => {
  const E = `${C}.env[0]`;
  const from = (valueFrom: object, extra: object = {}) => ({
    env: [{ name: 'A', valueFrom, ...extra }],
  });
  refuses([
    ['no name', {}, { env: [{ name: '' }] }, [`${E}.name: Required value`]],
    [
      'value and source',
      {},
      from({ fieldRef: { fieldPath: 'metadata.name' } }, { value: 'x' }),
      [`${E}.valueFrom: Invalid value: "": may not be specified when \`value\` is not empty`],
    ],
    [
      'no source',
      {},
      from({}),
      [
        `${E}.valueFrom: Invalid value: "": must specify one of: \`fieldRef\`, \`resourceFieldRef\`, \`configMapKeyRef\` or \`secretKeyRef\``,
      ],
    ],
    [
      'unknown field',
      {},
      from({ fieldRef: { fieldPath: 'spec.nope' } }),
      [
        `${E}.valueFrom.fieldRef.fieldPath: Invalid value: "spec.nope": error converting fieldPath: field label not supported: spec.nope`,
      ],
    ],
    [
      'no key',
      {},
      from({ configMapKeyRef: { name: 'c' } }),
      [`${E}.valueFrom.configMapKeyRef.key: Required value`],
    ],
  ]);

  test('fields, labels, resources and keys are fine', () => {
    for (const source of [
      { fieldRef: { fieldPath: 'status.podIP' } },
      { fieldRef: { fieldPath: "metadata.labels['a/b']" } },
      { resourceFieldRef: { resource: 'limits.cpu' } },
      { secretKeyRef: { name: 's', key: 'k' } },
    ]) {
      assert.deepEqual(podComplaints({}, from(source)), []);
    }
  });
});

describe('probes', () => {
  refuses([
    [
      'no handler',
      {},
      { livenessProbe: {} },
      [`${C}.livenessProbe: Required value: must specify a handler type`],
    ],
    [
      'two handlers',
      {},
      { livenessProbe: { httpGet: { port: 80 }, tcpSocket: { port: 80 } } },
      [`${C}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type`],
    ],
    [
      'thresholds',
      {},
      { startupProbe: { exec: { command: ['a'] }, successThreshold: 2, periodSeconds: -1 } },
      [
        `${C}.startupProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0`,
        `${C}.startupProbe.successThreshold: Invalid value: 2: must be 1`,
      ],
    ],
    [
      'hooks need a handler',
      {},
      { lifecycle: { preStop: {} } },
      [`${C}.lifecycle.preStop: Required value: must specify a handler type`],
    ],
  ]);
});

describe('resources', () => {
  const R = `${C}.resources`;
  refuses([
    [
      'more requested than allowed',
      {},
      { resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } },
      [`${R}.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`],
    ],
    [
      'negative',
      {},
      { resources: { requests: { cpu: '-1' } } },
      [`${R}.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0`],
    ],
    [
      'unknown',
      {},
      { resources: { requests: { nope: '1' } } },
      [
        `${R}.requests[nope]: Invalid value: nope: must be a standard resource type or fully qualified`,
        `${R}.requests[nope]: Invalid value: nope: must be a standard resource for containers`,
      ],
    ],
    [
      'devices need limits',
      {},
      { resources: { requests: { 'example.com/gpu': '1' } } },
      [`${R}.limits: Required value: Limit must be set for non overcommitable resources`],
    ],
    [
      'huge pages alone',
      {},
      { resources: { limits: { 'hugepages-2Mi': '4Mi' } } },
      [`${R}: Forbidden: HugePages require cpu or memory`],
    ],
  ]);
});

describe('volumes', () => {
  const V = 'spec.volumes[0]';
  refuses([
    [
      'repeated names',
      {
        volumes: [
          { name: 'a', emptyDir: {} },
          { name: 'a', emptyDir: {} },
        ],
      },
      {},
      ['spec.volumes[1].name: Duplicate value: "a"'],
    ],
    [
      'two sources',
      { volumes: [{ name: 'a', emptyDir: {}, hostPath: { path: '/' } }] },
      {},
      [`${V}.hostPath: Forbidden: may not specify more than 1 volume type`],
    ],
    [
      'a mount of nothing',
      {},
      { volumeMounts: [{ name: 'nope', mountPath: '/m' }] },
      [`${C}.volumeMounts[0].name: Not found: "nope"`],
    ],
    [
      'a mount that climbs out',
      { volumes: [{ name: 'a' }] },
      { volumeMounts: [{ name: 'a', mountPath: '/m', subPath: '../x' }] },
      [`${C}.volumeMounts.subPath: Invalid value: "../x": must not contain '..'`],
    ],
    [
      'a mode that is none',
      { volumes: [{ name: 'a', configMap: { name: 'c', defaultMode: 1000 } }] },
      {},
      [
        `${V}.configMap.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive`,
      ],
    ],
    [
      'an absolute path of a key',
      { volumes: [{ name: 'a', secret: { secretName: 's', items: [{ key: 'k', path: '/p' }] } }] },
      {},
      [`${V}.secret.items[0].path: Invalid value: "/p": must be a relative path`],
    ],
    [
      'a token without an account',
      {
        volumes: [{ name: 'a', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }],
      },
      {},
      [
        `${V}.projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set`,
      ],
    ],
  ]);
});

describe('placement', () => {
  const node = 'requiredDuringSchedulingIgnoredDuringExecution';
  const expression = (e: object) => ({
    affinity: { nodeAffinity: { [node]: { nodeSelectorTerms: [{ matchExpressions: [e] }] } } },
  });
  const at = `spec.affinity.nodeAffinity.${node}.nodeSelectorTerms[0].matchExpressions[0]`;
  refuses([
    [
      'an operator that needs values',
      expression({ key: 'a', operator: 'In' }),
      {},
      [`${at}.values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`],
    ],
    [
      'an unknown operator',
      expression({ key: 'a', operator: 'Like' }),
      {},
      [`${at}.operator: Invalid value: "Like": not a valid selector operator`],
    ],
    [
      'no terms',
      { affinity: { nodeAffinity: { [node]: { nodeSelectorTerms: [] } } } },
      {},
      [
        `spec.affinity.nodeAffinity.${node}.nodeSelectorTerms: Required value: must have at least one node selector term`,
      ],
    ],
    [
      'tolerations',
      {
        tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 1 }],
      },
      {},
      [
        `spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be 'NoExecute' when \`tolerationSeconds\` is set`,
      ],
    ],
    [
      'a toleration of everything must say so',
      { tolerations: [{ operator: 'Equal', value: 'v' }] },
      {},
      [
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      'spreading',
      {
        topologySpreadConstraints: [
          { maxSkew: 0, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule' },
        ],
      },
      {},
      ['spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero'],
    ],
  ]);
});

describe('the pod itself', () => {
  refuses([
    [
      'restart policy',
      { restartPolicy: 'Sometimes' },
      {},
      [
        'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
      ],
    ],
    [
      'deadline',
      { activeDeadlineSeconds: 0 },
      {},
      ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
    ],
    [
      'DNS of its own',
      { dnsPolicy: 'None' },
      {},
      ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
    ],
    [
      'DNS without servers',
      { dnsPolicy: 'None', dnsConfig: {} },
      {},
      [
        'spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None',
      ],
    ],
    [
      'too many name servers',
      { dnsConfig: { nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'], options: [{}] } },
      {},
      [
        'spec.dnsConfig.nameservers: Invalid value: []string{"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"}: must not have more than 3 nameservers',
        'spec.dnsConfig.options[0]: Required value: must not be empty',
      ],
    ],
    [
      'security',
      {
        securityContext: {
          runAsUser: -1,
          fsGroupChangePolicy: 'Often',
          sysctls: [
            { name: 'a', value: '1' },
            { name: 'a', value: '2' },
          ],
          seccompProfile: { type: 'Localhost' },
        },
      },
      {},
      [
        'spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
        'spec.securityContext.sysctls[1].name: Duplicate value: "a"',
        'spec.securityContext.fsGroupChangePolicy: Unsupported value: "Often": supported values: "Always", "OnRootMismatch"',
        'spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
      ],
    ],
    [
      'a toleration with a value it ignores',
      { tolerations: [{ key: 'a', operator: 'Exists', value: 'v' }] },
      {},
      [
        'spec.tolerations[0].operator: Invalid value: core.Toleration{Key:"a", Operator:"Exists", Value:"v", Effect:"", TolerationSeconds:(*int64)(nil)}: value must be empty when `operator` is \'Exists\'',
      ],
    ],
    [
      'ephemeral containers',
      { ephemeralContainers: [{ name: 'e', image: 'i' }] },
      {},
      ['spec.ephemeralContainers: Forbidden: cannot be set on create'],
    ],
  ]);
});

describe('updates', () => {
  function complaints(change: (p: ReturnType<typeof pod>) => void, spec: object = {}): string[] {
    const old = pod({ ...spec });
    const next = structuredClone(old);
    change(next);
    return validateUpdate(podDef, next, old).map(String);
  }

  test('images, fewer seconds and more tolerations are fine', () => {
    const allowed = complaints(
      (p) => {
        const s = specOf(p);
        if (s.containers[0]) s.containers[0].image = 'other:2';
        s.activeDeadlineSeconds = 5;
        s.tolerations = [{ key: 'a', operator: 'Exists' }];
        p.metadata.labels = { a: 'b' };
      },
      { activeDeadlineSeconds: 10 },
    );
    assert.deepEqual(allowed, []);
  });

  test('anything else is not', () => {
    const [message = ''] = complaints((p) => {
      specOf(p).hostname = 'h';
    });
    assert.match(message, /^spec: Forbidden: pod updates may not change fields other than `spec\./);
    assert.match(message, /hostname/);
  });

  test('containers can not come or go', () => {
    assert.deepEqual(
      complaints((p) => {
        specOf(p).containers.push({ ...(specOf(pod()).containers[0] ?? { name: '' }), name: 'd' });
      }),
      ['spec.containers: Forbidden: pod updates may not add or remove containers'],
    );
  });

  test('a deadline can not grow, a toleration can not go, a gate can not come', () => {
    const more = complaints(
      (p) => {
        specOf(p).activeDeadlineSeconds = 20;
      },
      { activeDeadlineSeconds: 10 },
    );
    assert.match(more[0] ?? '', /must be less than or equal to previous value/);
    const gone = complaints(
      (p) => {
        specOf(p).tolerations = [];
      },
      { tolerations: [{ key: 'a', operator: 'Exists' }] },
    );
    assert.match(gone[0] ?? '', /existing toleration can not be modified/);
    const gated = complaints((p) => {
      specOf(p).schedulingGates = [{ name: 'g' }];
    });
    assert.match(gated[0] ?? '', /only deletion is allowed, but found new scheduling gate 'g'/);
  });

  test('a gated pod may still be aimed at other nodes', () => {
    const aimed = complaints(
      (p) => {
        specOf(p).nodeSelector = { a: 'b' };
      },
      { schedulingGates: [{ name: 'g' }] },
    );
    assert.deepEqual(aimed, []);
  });

  test('status: addresses are addresses', () => {
    const old = pod();
    const next = structuredClone(old);
    next.status = { ...next.status, podIPs: [{ ip: 'bad' }] };
    const [error] = validateUpdate(podDef, next, old, 'status');
    assert.match(String(error), /^status\.podIPs\[0\]: Invalid value: "bad": must be a valid IP/);
  });
});

test('pods in templates have the same rules', () => {
  const def = builtinKind('v1', 'PodTemplate');
  const template = { spec: { containers: [{ name: 'c', image: '' }] } };
  assert.deepEqual(validateCreate(def, created(def, { template })).map(String), [
    'template.spec.containers[0].image: Required value',
  ]);
});

test('what ephemeral containers may not say, in the order of the fields', () => {
  const given = {
    ports: [{ containerPort: 1, protocol: 'TCP' }],
    resources: { limits: { cpu: '1' } },
    restartPolicy: 'Always',
    lifecycle: {},
  };
  const c = { name: 'e', image: 'i', terminationMessagePolicy: 'File', imagePullPolicy: 'Always' };
  const old = pod();
  const next = structuredClone(old);
  specOf(next).ephemeralContainers = [{ ...c, ...given }];
  const about = { subresource: 'ephemeralcontainers' };
  assert.deepEqual(
    validateUpdate(podDef, next, old, about).map(String),
    ['ports', 'resources', 'restartPolicy', 'lifecycle'].map(
      (field) =>
        `spec.ephemeralContainers[0].${field}: Forbidden: cannot be set for an Ephemeral Container`,
    ),
  );
});
