import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  builtinKinds,
  type CustomResourceDefinition,
  type KindRegistry,
  type Lease,
  type ValidatingAdmissionPolicy,
} from '@kubets/api';
import { ManualClock, silentLogger } from '@kubets/platform';
import { LIMITS } from '../../edge-limits.ts';
import { FakeStore } from '../../edge-testing.ts';
import { GVR } from '../../resources.ts';
import { typeWarnings } from './type-check.ts';
import { PolicyTypeChecks } from './type-check-task.ts';

interface About {
  readonly apiGroups?: string[];
  readonly apiVersions?: string[];
  readonly resources?: string[];
}

const policy = (
  expression: string,
  o: About & { messageExpression?: string; hasParams?: boolean } = {},
): ValidatingAdmissionPolicy => {
  const { messageExpression, hasParams: _hasParams, ...about } = o;
  const rule = { apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'], ...about };
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'p', generation: 1 },
    spec: {
      ...(o.hasParams && { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } }),
      matchConstraints: { resourceRules: [{ operations: ['CREATE'], ...rule }] },
      variables: [
        { name: 'size', expression: 'object.spec.replicas' },
        { name: 'free', expression: 'object.spec.nothing' },
      ],
      validations: [{ expression, ...(messageExpression && { messageExpression }) }],
    },
  };
};

const warnings = (
  checked: ValidatingAdmissionPolicy,
  definitions: CustomResourceDefinition[] = [],
  kinds: KindRegistry = builtinKinds,
): [string, string][] =>
  typeWarnings(checked, { kinds, definitions }).map(({ fieldRef, warning }) => [fieldRef, warning]);

describe('the types of a policy', () => {
  it('that fit are not spoken of', () => {
    for (const expression of [
      'object.spec.replicas > 1',
      'oldObject == null || object.spec.replicas >= oldObject.spec.replicas',
      "object.metadata.labels['a'] == 'b'",
      "object.spec.template.spec.containers.all(c, c.image.startsWith('registry/'))",
      'object.metadata.creationTimestamp < timestamp("2030-01-01T00:00:00Z")',
      'has(object.spec.paused) && object.spec.paused',
      'object.spec.strategy.rollingUpdate.maxSurge == 1',
      'variables.size > 1 && variables.free.anything == 1',
      'params.anything.goes && request.userInfo.username != namespaceObject.metadata.name',
    ]) {
      assert.deepEqual(warnings(policy(expression, { hasParams: true })), [], expression);
    }
  });

  it('have parameters only where the policy has, and rights only outside of messages', () => {
    const [params] = warnings(policy('params.a == 1'));
    assert.match(params?.[1] ?? '', /undeclared reference to 'params'/);
    const may = "authorizer.requestResource.check('mend')";
    assert.deepEqual(warnings(policy(`${may}.allowed()`)), []);
    const [wrong] = warnings(policy(`${may} == 1`));
    assert.match(wrong?.[1] ?? '', /no matching overload/);
    const [message] = warnings(policy('true', { messageExpression: `${may}.reason()` }));
    assert.match(message?.[1] ?? '', /undeclared reference to 'authorizer'/);
  });

  it('that do not are told of by field and kind, in the words of the checker', () => {
    const message = "'wants replicas > 1, got ' + object.spec.replicas";
    const found = warnings(policy("object.spec.replicas > '1'", { messageExpression: message }));
    assert.deepEqual(found, [
      [
        'spec.validations[0].expression',
        "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n" +
          " | object.spec.replicas > '1'\n | .....................^\n",
      ],
      [
        'spec.validations[0].messageExpression',
        "apps/v1, Kind=Deployment: ERROR: <input>:1:28: found no matching overload for '_+_' applied to '(string, int)'\n" +
          ` | ${message}\n | ...........................^\n`,
      ],
    ]);
    const [[, unknown] = []] = warnings(policy('object.spec.nope == 1'));
    assert.match(unknown ?? '', /undefined field 'nope'/);
    const [[, size] = []] = warnings(policy("variables.size == '1'"));
    assert.match(size ?? '', /no matching overload for '_==_' applied to '\(int, string\)'/);
  });

  it('are those of every kind the rules name', () => {
    const about = { resources: ['deployments', 'daemonsets', 'deployments/scale'] };
    const [[, text] = []] = warnings(policy('object.spec.replicas > 1', about));
    assert.match(text ?? '', /^apps\/v1, Kind=DaemonSet: ERROR: .*undefined field 'replicas'/);
    assert.doesNotMatch(text ?? '', /Deployment/);
  });

  it('are not known where a rule is open', () => {
    for (const about of [{ resources: ['*'] }, { apiGroups: ['*'] }, { resources: ['nopes'] }]) {
      assert.deepEqual(warnings(policy('object.spec.nope == 1', about)), []);
    }
  });

  it('of a custom kind are those of its schema', () => {
    const properties = { spec: { type: 'object', properties: { size: { type: 'integer' } } } };
    const schema = { openAPIV3Schema: { type: 'object', properties } };
    const crd: CustomResourceDefinition = {
      metadata: { name: 'widgets.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'widgets', kind: 'Widget' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    };
    const kind = {
      ...{ group: 'example.com', version: 'v1', apiVersion: 'example.com/v1' },
      ...{ resource: 'widgets', kind: 'Widget', rules: { unstructured: true } },
    };
    const kinds = { forResource: () => kind } as unknown as KindRegistry;
    const about = { apiGroups: ['example.com'], resources: ['widgets'] };
    assert.deepEqual(warnings(policy('object.spec.size > 1', about), [crd], kinds), []);
    const [[, text] = []] = warnings(policy("object.spec.size > '1'", about), [crd], kinds);
    assert.match(text ?? '', /^example\.com\/v1, Kind=Widget: .* applied to '\(int, string\)'/);
  });
});

/** What the controller-manager that leads holds. */
const LEASE: Lease = {
  ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
  metadata: { namespace: 'kube-system', name: 'kube-controller-manager' },
  spec: { holderIdentity: 'm1' },
};

describe('the status of a policy', () => {
  it('says which generation was checked, and what was found, once there are controllers', async () => {
    const store = new FakeStore();
    store.seed(policy("object.spec.replicas > '1'"));
    const clock = new ManualClock(0);
    const task = new PolicyTypeChecks({ store, clock, kinds: builtinKinds, log: silentLogger });
    task.start();
    const ref = { ...GVR.validatingPolicies, namespace: '', name: 'p' };
    const read = () => store.get<ValidatingAdmissionPolicy>(ref);
    const until = async (isMet: () => Promise<boolean>): Promise<void> => {
      for (let turn = 0; turn < 50 && !(await isMet()); turn++) await new Promise(setImmediate);
    };
    await until(async () => clock.pendingTimers > 0);
    assert.equal((await read()).status, undefined);
    store.seed(LEASE);
    clock.advance(LIMITS.policyCheckRetryMs);
    await until(async () => (await read()).status?.typeChecking !== undefined);
    const { status } = await read();
    assert.equal(status?.observedGeneration, 1);
    assert.equal(status?.typeChecking?.expressionWarnings?.length, 1);
    await task.stop();
  });
});
