import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '../generated/types.ts';
import { builtinKind } from '../registry.ts';
import { complaints, pod, podComplaints, specOf } from '../testing/make.ts';
import { validateUpdate } from './index.ts';

const def = builtinKind('v1', 'Pod');
const C = 'spec.containers[0]';

type Case = readonly [title: string, spec: object, container: object, complaints: string[]];

function refuses(cases: readonly Case[]): void {
  for (const [title, spec, container, expected] of cases) {
    test(title, () => {
      assert.deepEqual(podComplaints({ ...spec }, { ...container }), expected);
    });
  }
}

describe('mounts and devices', () => {
  const volumes = [{ name: 'v' }, { name: 'p', persistentVolumeClaim: { claimName: 'x' } }];
  const mount = { name: 'v', mountPath: '/v' };
  refuses([
    [
      'propagation',
      { volumes },
      { volumeMounts: [{ ...mount, mountPropagation: 'Bidirectional' }] },
      [
        `${C}.volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers`,
      ],
    ],
    [
      'recursively read-only',
      { volumes },
      { volumeMounts: [{ ...mount, recursiveReadOnly: 'Enabled' }] },
      [
        `${C}.volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true`,
      ],
    ],
    ['a device of a claim', { volumes }, { volumeDevices: [{ name: 'p', devicePath: '/d' }] }, []],
    [
      'devices of no claim, of no volume',
      { volumes },
      {
        volumeDevices: [
          { name: 'v', devicePath: '/d' },
          { name: 'n', devicePath: '/../d' },
        ],
      },
      [
        `${C}.volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode`,
        `${C}.volumeDevices[1].name: Not found: "n"`,
        `${C}.volumeDevices[1].devicePath: Invalid value: "/../d": can not contain backsteps ('..')`,
      ],
    ],
  ]);
});

describe('identities and profiles', () => {
  const context = (c: object) => ({ securityContext: c });
  const windows = { windowsOptions: { runAsUserName: 'a/b' } };
  refuses([
    [
      'of AppArmor',
      context({ appArmorProfile: { type: 'Localhost' } }),
      context({ appArmorProfile: { type: 'RuntimeDefault', localhostProfile: 'x' } }),
      [
        `${C}.securityContext.appArmorProfile.localhostProfile: Invalid value: "x": can only be set when AppArmor type is Localhost`,
        'spec.securityContext.appArmorProfile.localhostProfile: Required value: must be set when AppArmor type is Localhost',
      ],
    ],
    [
      'namespaces shared with the host',
      { hostPID: true, shareProcessNamespace: true, ...context({}) },
      {},
      [
        'spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled',
      ],
    ],
    [
      'parameters of the kernel on the host network',
      { hostNetwork: true, ...context({ sysctls: [{ name: 'net.core.somaxconn', value: '1' }] }) },
      {},
      [
        `spec.securityContext.sysctls[0].name: Invalid value: "net.core.somaxconn": may not be specified when 'hostNetwork' is true`,
      ],
    ],
    [
      'users of Windows',
      {},
      context(windows),
      [
        `${C}.securityContext.windowsOptions.runAsUserName: Invalid value: "a/b": runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`,
      ],
    ],
    [
      'an operating system and what it has not',
      { os: { name: 'windows' }, ...context({ runAsUser: 1 }) },
      context({ privileged: true }),
      [
        'spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod',
        `${C}.securityContext.privileged: Forbidden: cannot be set for a windows pod`,
      ],
    ],
  ]);
});

describe('placement', () => {
  const spread = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' };
  refuses([
    [
      'the same spreading twice, keys without a selector',
      { topologySpreadConstraints: [spread, { ...spread, matchLabelKeys: ['a'] }] },
      {},
      [
        'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"',
        'spec.topologySpreadConstraints[1].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
      ],
    ],
    [
      'a preferred node may have any label value',
      {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 1,
                preference: {
                  matchExpressions: [{ key: 'a', operator: 'In', values: ['-bad-'] }],
                },
              },
            ],
          },
        },
      },
      {},
      [],
    ],
  ]);
});

describe('annotations', () => {
  const annotated = (annotations: Record<string, string>) =>
    complaints(def, {
      metadata: { name: 'x', namespace: 'n', annotations },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });

  test('each in its form', () => {
    assert.deepEqual(annotated({ 'controller.kubernetes.io/pod-deletion-cost': '+1' }), [
      'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+1": must be a 32bit integer',
    ]);
    assert.deepEqual(annotated({ 'kubernetes.io/config.mirror': 'm' }), [
      'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "m": must set spec.nodeName if mirror pod annotation is set',
    ]);
  });

  test('a mirror is one from the start', () => {
    const old = pod({ nodeName: 'n' });
    const next = structuredClone(old);
    next.metadata.annotations = { 'kubernetes.io/config.mirror': 'm' };
    assert.deepEqual(validateUpdate(def, next, old).map(String), [
      'metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation',
    ]);
  });
});

test('a toleration that comes later is looked at twice', () => {
  const old = pod();
  const next = structuredClone(old);
  next.spec = { ...specOf(old), tolerations: [{ key: 'a', operator: 'Near' }] };
  const found =
    'spec.tolerations[0].operator: Unsupported value: "Near": supported values: "Equal", "Exists"';
  assert.deepEqual(validateUpdate(def, next, old).map(String), [found, found]);
});

describe('status', () => {
  const changed = (spec: object, was: object, now: object): string[] => {
    const old = pod({ ...spec });
    old.status = { ...old.status, ...was } as Pod['status'];
    const next = structuredClone(old);
    next.status = { ...next.status, ...now } as Pod['status'];
    return validateUpdate(def, next, old, 'status').map(String);
  };

  test('what has ended stays so', () => {
    const list = (state: object) => ({ containerStatuses: [{ name: 'c', state }] });
    const ended = list({ terminated: { exitCode: 0 } });
    const running = list({ running: {} });
    assert.deepEqual(changed({ restartPolicy: 'Never' }, ended, running), [
      'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
    ]);
    assert.deepEqual(changed({}, ended, running), []);
  });

  test('addresses of one family, repeated: those of the node are compared first, those of the pod last', () => {
    const ips = [{ ip: '1.2.3.4' }, { ip: '1.2.3.4' }];
    const dump = (type: string) => `core.${type}{IP:"1.2.3.4"}`;
    const all = (type: string) => `[]core.${type}{${dump(type)}, ${dump(type)}}`;
    const why = 'may specify no more than one IP for each IP family';
    assert.deepEqual(changed({}, {}, { podIPs: ips }), [
      `status.podIPs: Invalid value: ${all('PodIP')}: ${why}`,
      `status.podIPs[1]: Duplicate value: ${dump('PodIP')}`,
    ]);
    assert.deepEqual(changed({}, {}, { hostIP: '1.2.3.4', hostIPs: ips }), [
      `status.hostIPs[1]: Duplicate value: ${dump('HostIP')}`,
      `status.hostIPs: Invalid value: ${all('HostIP')}: ${why}`,
    ]);
  });

  test('addresses of the node', () => {
    assert.deepEqual(changed({}, {}, { hostIP: '1.2.3.4', hostIPs: [{ ip: '1.2.3.5' }] }), [
      'status.hostIPs[0].ip: Invalid value: "1.2.3.5": must be equal to `hostIP`',
    ]);
  });
});
