import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { KubeObject, PodSpec, SecurityContext } from '@kubets/api';
import { Metrics } from '@kubets/platform';
import { admission, FakeStore, failure } from '../edge-testing.ts';
import { podSecurity } from './pod-security.ts';
import { PodSecurityFigures } from './pod-security-figures.ts';

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

const label = (labels: Record<string, string>): void => {
  const prefixed = Object.entries(labels).map(([k, v]) => [`pod-security.kubernetes.io/${k}`, v]);
  store.seed({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'ns', labels: Object.fromEntries(prefixed) },
  });
};
const pod = (spec: Partial<PodSpec> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name: 'x' },
  spec: { containers: [{ name: 'c' }], ...spec },
});
const withContext = (securityContext: SecurityContext): KubeObject =>
  pod({ containers: [{ name: 'c', securityContext }] });

async function create(object: KubeObject): Promise<string[]> {
  const warnings: string[] = [];
  await podSecurity(store).validate?.(admission('CREATE', object, { warnings }));
  return warnings;
}

const RESTRICTED_TEXT =
  'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
  'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
  'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
  'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")';

const GOOD: SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

describe('PodSecurity', () => {
  it('says nothing without labels', async () => {
    label({});
    assert.deepEqual(await create(pod({ hostPID: true })), []);
  });

  it('tells the audit log by which policy, and what another would say', async () => {
    label({ enforce: 'privileged', audit: 'restricted' });
    const notes: Record<string, string> = {};
    const addAuditAnnotation = (key: string, value: string): void => {
      notes[key] = value;
    };
    await podSecurity(store).validate?.(admission('CREATE', pod(), { addAuditAnnotation }));
    assert.deepEqual(notes, {
      'pod-security.kubernetes.io/enforce-policy': 'privileged:latest',
      'pod-security.kubernetes.io/audit-violations': `would violate PodSecurity "restricted:latest": ${RESTRICTED_TEXT}`,
    });
  });

  it('warns about pods and about what makes pods', async () => {
    label({ warn: 'restricted', audit: 'baseline' });
    const warning = `would violate PodSecurity "restricted:latest": ${RESTRICTED_TEXT}`;
    assert.deepEqual(await create(pod()), [warning]);
    const template = { metadata: {}, spec: { containers: [{ name: 'c' }] } };
    const metadata = { namespace: 'ns', name: 'd' };
    assert.deepEqual(
      await create({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template } }),
      [warning],
    );
    const jobTemplate = { spec: { template: { spec: { ...template.spec, hostPID: true } } } };
    const [first] = await create({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata,
      spec: { jobTemplate },
    });
    assert.match(
      first ?? '',
      /^would violate PodSecurity "restricted:latest": host namespaces \(hostPID=true\), /,
    );
  });

  it('refuses pods, but not what makes them', async () => {
    label({ enforce: 'restricted', 'enforce-version': 'v1.32' });
    const error = await failure(() => create(pod()));
    assert.equal(
      error.message,
      `pods "x" is forbidden: violates PodSecurity "restricted:v1.32": ${RESTRICTED_TEXT}`,
    );
    const template = { metadata: {}, spec: { containers: [{ name: 'c' }] } };
    const metadata = { namespace: 'ns', name: 'd' };
    await create({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template } });
  });

  it('takes a pod that keeps to the strictest level, settings on pod or container', async () => {
    label({ enforce: 'restricted' });
    await create(withContext(GOOD));
    const { runAsNonRoot, seccompProfile, ...own } = GOOD;
    await create(
      pod({
        securityContext: { runAsNonRoot, seccompProfile },
        containers: [{ name: 'c', securityContext: own }],
      }),
    );
  });

  it('takes a label it does not know for the strictest', async () => {
    label({ enforce: 'sloppy' });
    assert.match((await failure(() => create(pod()))).message, /"restricted:latest"/);
  });

  const baseline: [string, KubeObject, string][] = [
    [
      'host namespaces',
      pod({ hostNetwork: true, hostIPC: true }),
      'host namespaces (hostNetwork=true, hostIPC=true)',
    ],
    [
      'privilege',
      withContext({ privileged: true }),
      'privileged (container "c" must not set securityContext.privileged=true)',
    ],
    [
      'capabilities',
      withContext({ capabilities: { add: ['SYS_ADMIN', 'CHOWN', 'NET_RAW'] } }),
      'non-default capabilities (container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)',
    ],
    [
      'host paths',
      pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }),
      'hostPath volumes (volume "v")',
    ],
    [
      'host ports',
      pod({
        containers: [
          { name: 'a', ports: [{ containerPort: 1, hostPort: 80 }] },
          { name: 'b', ports: [{ containerPort: 1, hostPort: 81 }] },
        ],
      }),
      'hostPort (containers "a", "b" use hostPorts 80, 81)',
    ],
    [
      'sysctls',
      pod({ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }),
      'forbidden sysctls (kernel.msgmax)',
    ],
    [
      'no seccomp',
      pod({ securityContext: { seccompProfile: { type: 'Unconfined' } } }),
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      'SELinux',
      withContext({ seLinuxOptions: { type: 'spc_t', user: 'u' } }),
      'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
    ],
    [
      'proc',
      withContext({ procMount: 'Unmasked' }),
      'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
    ],
  ];
  for (const [what, object, text] of baseline) {
    it(`baseline forbids ${what}`, async () => {
      label({ enforce: 'baseline' });
      const error = await failure(() => create(object));
      assert.equal(
        error.message,
        `pods "x" is forbidden: violates PodSecurity "baseline:latest": ${text}`,
      );
    });
  }

  const restricted: [string, KubeObject, RegExp][] = [
    [
      'root',
      withContext({ ...GOOD, runAsUser: 0 }),
      /: runAsUser=0 \(container "c" must not set runAsUser=0\)$/,
    ],
    [
      'runAsNonRoot=false',
      withContext({ ...GOOD, runAsNonRoot: false }),
      /\(container "c" must not set securityContext\.runAsNonRoot=false\)$/,
    ],
    [
      'volumes of the node',
      pod({ securityContext: {}, volumes: [{ name: 'n', nfs: { path: '/', server: 's' } }] }),
      /restricted volume types \(volume "n" uses restricted volume type "nfs"\)/,
    ],
    [
      'added capabilities',
      withContext({ ...GOOD, capabilities: { drop: ['ALL'], add: ['CHOWN', 'NET_BIND_SERVICE'] } }),
      /: unrestricted capabilities \(container "c" must not include "CHOWN" in securityContext\.capabilities\.add\)$/,
    ],
  ];
  for (const [what, object, text] of restricted) {
    it(`restricted forbids ${what}`, async () => {
      label({ enforce: 'restricted' });
      assert.match((await failure(() => create(object))).message, text);
    });
  }
});

it('judgements are counted, those of releases to come as one', async () => {
  const registry = new Metrics();
  const plugin = podSecurity(store, undefined, new PodSecurityFigures(registry));
  label({ enforce: 'baseline', 'enforce-version': 'v1.99', audit: 'restricted', warn: 'nonsense' });
  await plugin.validate?.(admission('CREATE', pod()));
  await failure(() => plugin.validate?.(admission('CREATE', pod({ hostNetwork: true }))));
  const text = await registry.metrics();
  const shown = (family: string): string[] =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`pod_security_${family}_total{`) && !line.endsWith(' 0'))
      .map((line) => line.slice(line.indexOf('{')));
  const of = 'request_operation="create",resource="pod",subresource=""';
  assert.deepEqual(shown('evaluations').sort(), [
    `{decision="allow",policy_level="baseline",policy_version="future",mode="enforce",${of}} 1`,
    `{decision="deny",policy_level="baseline",policy_version="future",mode="enforce",${of}} 1`,
    `{decision="deny",policy_level="restricted",policy_version="latest",mode="audit",${of}} 2`,
  ]);
  assert.deepEqual(shown('errors'), [`{fatal="false",${of}} 2`]);
});
