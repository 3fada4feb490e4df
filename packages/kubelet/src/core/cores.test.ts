import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Probe } from '@kubets/api';
import { aContainer, aPod } from '../testing/pods.ts';
import { admit, podRequests } from './admission.ts';
import { FailureBackoff } from './backoff.ts';
import { containerSpec, DEFAULT_TERMINATION_PATH, SecurityError } from './container-spec.ts';
import { isImageReference, pullPolicyOf, registryOf, withTag } from './image-name.ts';
import { graceSecondsOf, podText } from './pod.ts';
import { ProbeState, probeTiming } from './probe-state.ts';
import { registryAuth } from './registry-auth.ts';
import { cgroupLimits, qosClassOf, sharesOf } from './resources.ts';
import { sandboxSpec } from './sandbox-spec.ts';

const GIB = 1024 ** 3;

describe('FailureBackoff', () => {
  it('lets the first failure pass, then doubles up to the limit', () => {
    const backoff = new FailureBackoff(10, 35);
    let nowMs = 1_000;
    assert.equal(backoff.remainingMs('k', nowMs, nowMs), 0);
    const waits = [];
    for (let i = 0; i < 4; i++) {
      backoff.next('k', nowMs, nowMs);
      waits.push(backoff.remainingMs('k', nowMs, nowMs));
      nowMs += 40;
    }
    assert.deepEqual(waits, [10, 20, 35, 35]);
  });

  it('counts from the failure, and ends', () => {
    const backoff = new FailureBackoff(10, 300);
    backoff.next('k', 100, 100);
    assert.equal(backoff.remainingMs('k', 200, 204), 6);
    assert.equal(backoff.remainingMs('k', 200, 211), 0);
  });

  it('starts afresh after a long quiet time', () => {
    const backoff = new FailureBackoff(10, 20);
    backoff.next('k', 0, 0);
    backoff.next('k', 10, 10);
    assert.equal(backoff.remainingMs('k', 1_000, 1_000), 0);
    backoff.next('k', 1_000, 1_000);
    assert.equal(backoff.waitMs('k'), 10);
  });

  it('forgets a pod', () => {
    const backoff = new FailureBackoff();
    backoff.next('pod/a', 0, 0);
    backoff.next('pod2/a', 0, 0);
    backoff.forgetPrefix('pod/');
    assert.deepEqual([backoff.waitMs('pod/a'), backoff.waitMs('pod2/a')], [0, 10_000]);
  });
});

describe('ProbeState', () => {
  const timing = (probe: Probe) => probeTiming(probe);

  it('has the documented defaults', () => {
    assert.deepEqual(timing({}), {
      initialDelayMs: 0,
      periodMs: 10_000,
      timeoutMs: 1_000,
      successThreshold: 1,
      failureThreshold: 3,
    });
  });

  it('needs enough answers in a row', () => {
    const state = new ProbeState('readiness', timing({ failureThreshold: 2, successThreshold: 2 }));
    const verdicts = [true, true, false, true, false, false, true, true].map((ok) => {
      state.record(ok);
      return state.verdict;
    });
    assert.deepEqual(verdicts, [
      'failure',
      'success',
      'success',
      'success',
      'success',
      'failure',
      'failure',
      'success',
    ]);
  });

  it('says when the verdict changes, and only then', () => {
    const state = new ProbeState('liveness', timing({ failureThreshold: 1 }));
    assert.deepEqual(
      [state.record(true), state.record(false), state.record(false)],
      [false, true, false],
    );
  });
});

describe('resources', () => {
  const pod = (requests: object, limits: object) =>
    aPod({ containers: [aContainer({ resources: { requests, limits } as never })] });

  const classes: [string, object, object, string][] = [
    ['nothing asked for', {}, {}, 'BestEffort'],
    ['limits alone', {}, { cpu: '1', memory: '1Gi' }, 'Guaranteed'],
    ['equal', { cpu: '1', memory: '1Gi' }, { cpu: '1000m', memory: '1024Mi' }, 'Guaranteed'],
    [
      'less asked than allowed',
      { cpu: '1', memory: '1Gi' },
      { cpu: '2', memory: '1Gi' },
      'Burstable',
    ],
    ['one kind only', { cpu: '1' }, { cpu: '1' }, 'Burstable'],
    ['requests alone', { memory: '1Mi' }, {}, 'Burstable'],
  ];
  for (const [what, requests, limits, qos] of classes) {
    it(`${what}: ${qos}`, () => assert.equal(qosClassOf(pod(requests, limits)), qos));
  }

  it('turns cpu into shares within the kernel range', () => {
    assert.deepEqual([0, 1, 100, 1_000, 999_999_999].map(sharesOf), [2, 2, 102, 1_024, 262_144]);
  });

  it('makes limits for the cgroup', () => {
    const made = pod({ cpu: '100m', memory: '1Gi' }, { cpu: '250m', memory: '2Gi' });
    const limits = cgroupLimits(made, made.spec?.containers[0] ?? aContainer(), 8 * GIB);
    assert.deepEqual(limits, {
      cpuShares: 102,
      cpuQuotaUs: 25_000,
      cpuPeriodUs: 100_000,
      memoryLimitBytes: 2 * GIB,
      oomScoreAdj: 875,
    });
  });

  it('takes a limit for the missing request', () => {
    const made = pod({}, { cpu: '2' });
    const limits = cgroupLimits(made, made.spec?.containers[0] ?? aContainer(), GIB);
    assert.equal(limits.cpuShares, 2_048);
  });
});

describe('admission', () => {
  const room = { cpuMilli: 1_000, memoryBytes: GIB, maxPods: 3 };
  const asking = (cpu: string, port = 0) =>
    aPod({
      containers: [
        aContainer({
          resources: { requests: { cpu } },
          ports: port === 0 ? [] : [{ containerPort: 80, hostPort: port }],
        }),
      ],
    });

  it('lets in what fits', () => {
    assert.equal(admit(asking('500m', 80), [asking('500m', 81)], room), undefined);
  });

  const refusals: [string, ReturnType<typeof admit>][] = [
    ['OutOfcpu', admit(asking('501m'), [asking('500m')], room)],
    ['NodePorts', admit(asking('1m', 80), [asking('1m', 80)], room)],
    ['OutOfpods', admit(asking('0'), [asking('0'), asking('0'), asking('0')], room)],
  ];
  for (const [reason, refusal] of refusals) {
    it(`refuses with ${reason}`, () => assert.equal(refusal?.reason, reason));
  }

  const onPort = (hostIP: string, protocol = 'TCP') =>
    aPod({
      containers: [aContainer({ ports: [{ containerPort: 80, hostPort: 80, hostIP, protocol }] })],
    });
  const ports: [string, ReturnType<typeof aPod>, boolean][] = [
    ['the same address', onPort('127.0.0.1'), false],
    ['another address', onPort('10.0.0.1'), true],
    ['another protocol', onPort('127.0.0.1', 'UDP'), true],
    ['every address', onPort('0.0.0.0'), false],
    ['no address said', onPort(''), false],
  ];
  for (const [what, pod, fits] of ports) {
    it(`${fits ? 'lets in' : 'refuses'} a second host port on ${what}`, () => {
      assert.equal(admit(pod, [onPort('127.0.0.1')], room) === undefined, fits);
    });
  }

  const sysctls: [string, object, string | undefined][] = [
    ['kernel.shm_rmid_forced', {}, undefined],
    ['kernel/shm_rmid_forced', {}, undefined],
    ['kernel.msgmax', {}, '"kernel.msgmax" not allowlisted'],
    [
      'net.ipv4.tcp_syncookies',
      { hostNetwork: true },
      '"net.ipv4.tcp_syncookies" not allowed with host net enabled',
    ],
    [
      'kernel.shm_rmid_forced',
      { hostIPC: true },
      '"kernel.shm_rmid_forced" not allowed with host ipc enabled',
    ],
  ];
  for (const [name, more, why] of sysctls) {
    it(`says of ${name}: ${why ?? 'allowed'}`, () => {
      const pod = aPod({ securityContext: { sysctls: [{ name, value: '1' }] }, ...more });
      const refusal = admit(pod, [], room);
      const wanted = why && { reason: 'SysctlForbidden', message: `forbidden sysctl: ${why}` };
      assert.deepEqual(refusal, wanted);
    });
  }

  it('counts the greediest init container', () => {
    const init = aContainer({ name: 'i', resources: { requests: { cpu: '2' } } });
    const pod = aPod({
      initContainers: [init],
      containers: [aContainer({ resources: { requests: { cpu: '1' } } })],
    });
    assert.equal(podRequests(pod).cpu, 2_000);
  });
});

describe('image names', () => {
  const names: [string, boolean][] = [
    ['busybox', true],
    ['docker.io/library/busybox:latest', true],
    ['localhost:5000/a/b_c:v1.0-x', true],
    [`busybox@sha256:${'a'.repeat(64)}`, true],
    ['Upper', false],
    ['', false],
    ['a b', false],
    ['busybox:', false],
  ];
  for (const [name, good] of names) {
    it(`"${name}" is ${good ? '' : 'no '}image`, () => assert.equal(isImageReference(name), good));
  }

  it('adds a tag where there is none', () => {
    assert.equal(withTag('localhost:5000/a'), 'localhost:5000/a:latest');
    assert.equal(withTag('a:1'), 'a:1');
  });

  it('pulls latest always, other tags when missing', () => {
    assert.equal(pullPolicyOf(aContainer({ image: 'a' })), 'Always');
    assert.equal(pullPolicyOf(aContainer({ image: 'a:1' })), 'IfNotPresent');
    assert.equal(pullPolicyOf(aContainer({ image: 'a', imagePullPolicy: 'Never' })), 'Never');
  });

  it('knows the registry', () => {
    assert.deepEqual(['a/b', 'quay.io/a', 'localhost/a', 'h:5/a'].map(registryOf), [
      'docker.io',
      'quay.io',
      'localhost',
      'h:5',
    ]);
  });

  it('finds credentials for it', () => {
    const auths = {
      'https://index.docker.io/v1/': { auth: Buffer.from('me:pa:ss').toString('base64') },
      'quay.io': { username: 'you', password: 'x' },
    };
    const text = Buffer.from(JSON.stringify({ auths })).toString('base64');
    const secret = { metadata: {}, data: { '.dockerconfigjson': text } };
    assert.equal(registryAuth([secret], 'docker.io')?.password, 'pa:ss');
    assert.equal(registryAuth([secret], 'quay.io')?.username, 'you');
    assert.equal(registryAuth([secret], 'ghcr.io'), undefined);
    const broken = { metadata: {}, data: { '.dockerconfigjson': 'bm90IGpzb24=' } };
    assert.equal(registryAuth([broken], 'quay.io'), undefined);
  });
});

describe('specs for the runtime', () => {
  const image = {
    id: 'sha256:1',
    tags: [],
    digests: [],
    sizeBytes: 1,
    uid: undefined,
    username: '',
  };
  const facts = {
    attempt: 2,
    image,
    env: new Map([['A', '1']]),
    mounts: [],
    memoryCapacityBytes: GIB,
    seccompDir: '/seccomp',
  };

  it('expands command and arguments, and labels the container', () => {
    const container = aContainer({ command: ['run', '$(A)'], args: ['$$(A)', '$(B)'] });
    const spec = containerSpec(aPod(), container, facts);
    assert.deepEqual(
      [spec.command, spec.args],
      [
        ['run', '1'],
        ['$(A)', '$(B)'],
      ],
    );
    assert.equal(spec.logPath, 'main/2.log');
    assert.equal(spec.labels['io.kubernetes.pod.uid'], 'uid-1');
    assert.equal(
      spec.annotations['io.kubernetes.container.terminationMessagePath'],
      DEFAULT_TERMINATION_PATH,
    );
  });

  it('lets the container overrule the pod', () => {
    const pod = aPod({ securityContext: { runAsUser: 1, fsGroup: 7, supplementalGroups: [5] } });
    const own = containerSpec(pod, aContainer({ securityContext: { runAsUser: 2 } }), facts);
    assert.equal(own.security.runAsUser, 2);
    assert.deepEqual(own.security.supplementalGroups, [5, 7]);
    assert.equal(containerSpec(pod, aContainer(), facts).security.runAsUser, 1);
  });

  const refused: [string, object, object][] = [
    ['root by number', { runAsNonRoot: true, runAsUser: 0 }, {}],
    ['an image that runs as root', { runAsNonRoot: true }, {}],
    ['an image with a named user', { runAsNonRoot: true }, { username: 'app' }],
  ];
  for (const [what, securityContext, imageMore] of refused) {
    it(`refuses ${what} where root is not allowed`, () => {
      const container = aContainer({ securityContext });
      const all = { ...facts, image: { ...image, ...imageMore } };
      assert.throws(() => containerSpec(aPod(), container, all), SecurityError);
    });
  }

  it('describes the sandbox', () => {
    const pod = aPod({
      shareProcessNamespace: true,
      containers: [aContainer({ ports: [{ containerPort: 80, hostPort: 8080, protocol: 'UDP' }] })],
    });
    const spec = sandboxSpec(pod, {
      attempt: 1,
      logDirectory: '/logs',
      cgroupParent: '/kubets/x',
      dns: { servers: [], searches: [], options: [] },
      clusterDomain: 'cluster.local',
      seccompDir: '/seccomp',
    });
    assert.equal(spec.hostname, 'web');
    assert.equal(spec.namespaces.sharePid, true);
    assert.deepEqual(spec.ports, [
      { protocol: 'UDP', containerPort: 80, hostPort: 8080, hostIp: '' },
    ]);
  });
});

describe('pods', () => {
  it('get their grace from the deletion under way, else from the spec, and a second at least', () => {
    assert.equal(graceSecondsOf(aPod()), 30);
    assert.equal(graceSecondsOf(aPod({ terminationGracePeriodSeconds: 5 })), 5);
    assert.equal(graceSecondsOf(aPod({}, { deletionGracePeriodSeconds: 0 })), 1);
  });

  it('are named in messages', () => assert.equal(podText(aPod()), 'web_shop(uid-1)'));
});
