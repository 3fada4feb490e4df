import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec, SecurityContext } from '@kubets/api';
import { complaints, type Level } from './pod-security-checks.ts';
import type { CheckedPod } from './pod-security-pod.ts';

const pod = (spec: Partial<PodSpec> = {}, annotations = {}): CheckedPod => ({
  metadata: { annotations },
  spec: { containers: [{ name: 'c' }], ...spec } as PodSpec,
});

const withContext = (securityContext: SecurityContext): CheckedPod =>
  pod({ containers: [{ name: 'c', securityContext }] });

const reasons = (level: Level, version: string, checked: CheckedPod): string[] =>
  complaints({ level, version }, checked).map(({ reason }) => reason);

const details = (level: Level, version: string, checked: CheckedPod): string =>
  complaints({ level, version }, checked)
    .map(({ reason, detail }) => `${reason} (${detail})`)
    .join(', ');

describe('releases of the Pod Security Standards', () => {
  it('restricted grew from release to release', () => {
    const table: [string, string[]][] = [
      ['v1.7', ['runAsNonRoot != true']],
      ['v1.8', ['allowPrivilegeEscalation != false', 'runAsNonRoot != true']],
      ['v1.18', ['allowPrivilegeEscalation != false', 'runAsNonRoot != true']],
      ['v1.19', ['allowPrivilegeEscalation != false', 'runAsNonRoot != true', 'seccompProfile']],
      [
        'v1.22',
        [
          ...['allowPrivilegeEscalation != false', 'unrestricted capabilities'],
          ...['runAsNonRoot != true', 'seccompProfile'],
        ],
      ],
    ];
    for (const [version, expected] of table) {
      assert.deepEqual(reasons('restricted', version, pod()), expected, version);
    }
  });

  it('a release to come counts as the newest known', () => {
    assert.deepEqual(
      complaints({ level: 'restricted', version: 'v1.99' }, pod()),
      complaints({ level: 'restricted', version: 'latest' }, pod()),
    );
  });

  it('runAsUser=0 is forbidden since 1.23', () => {
    const root = pod({ securityContext: { runAsUser: 0 } });
    assert.ok(!reasons('restricted', 'v1.22', root).includes('runAsUser=0'));
    assert.match(
      details('restricted', 'v1.23', root),
      /runAsUser=0 \(pod must not set runAsUser=0\)/,
    );
  });

  it('capabilities are looked at by the rule of baseline before 1.22', () => {
    const added = withContext({ capabilities: { add: ['SYS_ADMIN'] } });
    assert.equal(reasons('restricted', 'v1.21', added)[0], 'non-default capabilities');
    const now = reasons('restricted', 'latest', added);
    assert.ok(!now.includes('non-default capabilities'));
    assert.ok(now.includes('unrestricted capabilities'));
  });

  it('pods for Windows are left alone by what means nothing there, since 1.25', () => {
    const windows = pod({ os: { name: 'windows' }, securityContext: { runAsNonRoot: true } });
    assert.deepEqual(reasons('restricted', 'v1.24', windows), [
      ...['allowPrivilegeEscalation != false', 'unrestricted capabilities', 'seccompProfile'],
    ]);
    assert.deepEqual(reasons('restricted', 'v1.25', windows), []);
  });

  it('sysctls became safe in 1.27, 1.29 and 1.32', () => {
    const since: [string, number][] = [
      ['kernel.shm_rmid_forced', 0],
      ['net.ipv4.ip_local_reserved_ports', 27],
      ['net.ipv4.tcp_keepalive_time', 29],
      ['net.ipv4.tcp_fin_timeout', 29],
      ['net.ipv4.tcp_rmem', 32],
      ['net.ipv4.tcp_wmem', 32],
    ];
    for (const [name, minor] of since) {
      const checked = pod({ securityContext: { sysctls: [{ name, value: '1' }] } });
      assert.deepEqual(reasons('baseline', `v1.${minor}`, checked), [], name);
      if (minor === 0) continue;
      const before = reasons('baseline', `v1.${minor - 1}`, checked);
      assert.deepEqual(before, ['forbidden sysctls'], name);
    }
  });

  it('an SELinux type became safe in 1.31', () => {
    const engine = withContext({ seLinuxOptions: { type: 'container_engine_t' } });
    assert.deepEqual(reasons('baseline', 'v1.31', engine), []);
    assert.equal(
      details('baseline', 'v1.30', engine),
      'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "container_engine_t")',
    );
  });

  it('annotations said the seccomp profile before 1.19', () => {
    const annotated = pod(
      {},
      {
        'seccomp.security.alpha.kubernetes.io/pod': 'unconfined',
        'container.seccomp.security.alpha.kubernetes.io/c': 'docker/default',
        'container.seccomp.security.alpha.kubernetes.io/other': 'unconfined',
      },
    );
    const text =
      'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")';
    assert.equal(details('baseline', 'v1.18', annotated), text);
    assert.deepEqual(reasons('baseline', 'v1.19', annotated), []);
    const field = withContext({ seccompProfile: { type: 'Unconfined' } });
    assert.deepEqual(reasons('baseline', 'v1.18', field), []);
  });
});

describe('what is said of pods and containers', () => {
  const all = (context: SecurityContext): CheckedPod =>
    pod({
      securityContext: context,
      initContainers: [{ name: 'i', securityContext: context }],
      containers: [{ name: 'c', securityContext: context }],
    });

  it('names the pod beside its containers', () => {
    const both = 'pod and containers "i", "c"';
    const table: [SecurityContext, Level, string][] = [
      [
        { seccompProfile: { type: 'Unconfined' } },
        'restricted',
        `seccompProfile (${both} must not set securityContext.seccompProfile.type to "Unconfined")`,
      ],
      [
        { runAsNonRoot: false },
        'restricted',
        `runAsNonRoot != true (${both} must not set securityContext.runAsNonRoot=false)`,
      ],
      [
        { windowsOptions: { hostProcess: true } },
        'baseline',
        `hostProcess (${both} must not set securityContext.windowsOptions.hostProcess=true)`,
      ],
      [
        { seLinuxOptions: { user: 'u', role: 'r' } },
        'baseline',
        `seLinuxOptions (${both} set forbidden securityContext.seLinuxOptions: user may not be set; role may not be set)`,
      ],
    ];
    for (const [context, level, text] of table) {
      assert.ok(details(level, 'latest', all(context)).includes(text), text);
    }
  });

  it('AppArmor: fields and annotations together', () => {
    const annotations = {
      'container.apparmor.security.beta.kubernetes.io/c': 'unconfined',
      'container.apparmor.security.beta.kubernetes.io/d': 'localhost/x',
    };
    const spec = { securityContext: { appArmorProfile: { type: 'Unconfined' } } };
    assert.equal(
      details('baseline', 'latest', pod(spec, annotations)),
      'forbidden AppArmor profiles (pod and annotation must not set AppArmor profile type to "Unconfined", ' +
        '"container.apparmor.security.beta.kubernetes.io/c=\\"unconfined\\"")',
    );
  });

  it('restricted speaks of a host path as of any other volume', () => {
    const safe = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    };
    const checked = pod({
      containers: [{ name: 'c', securityContext: safe }],
      volumes: [{ name: 'v', hostPath: { path: '/' } }],
    });
    const text = 'restricted volume types (volume "v" uses restricted volume type "hostPath")';
    assert.equal(details('restricted', 'latest', checked), text);
  });

  it('lists ports in the order of their digits, as sets of texts are', () => {
    const port = (hostPort: number) => ({ containerPort: 1, hostPort });
    const ports = [port(90), port(1000)];
    assert.equal(
      details('baseline', 'latest', pod({ containers: [{ name: 'c', ports }] })),
      'hostPort (container "c" uses hostPorts 1000, 90)',
    );
  });
});
