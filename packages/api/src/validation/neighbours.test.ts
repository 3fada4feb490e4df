import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtinKind } from '../registry.ts';
import { complaints, created, SIGNING_REQUEST, TEMPLATE } from '../testing/make.ts';
import { validateUpdate } from './index.ts';

type Case = readonly [version: string, kind: string, body: object, complaints: string[]];

function refuses(cases: readonly Case[]): void {
  for (const [version, kind, body, expected] of cases) {
    test(`${kind}: ${expected[0] ?? 'fine'}`, () => {
      assert.deepEqual(complaints(builtinKind(version, kind), { ...body }), expected);
    });
  }
}

const ZONE = { matchLabelExpressions: [{ key: 'zone', values: ['a'] }] };

describe('autoscalers and the claims of sets', () => {
  const scaled = (metric: object) => ({
    spec: { maxReplicas: 2, scaleTargetRef: { kind: 'Deployment', name: 'd' }, metrics: [metric] },
  });
  const M = 'spec.metrics[0]';
  refuses([
    [
      'autoscaling/v2',
      'HorizontalPodAutoscaler',
      scaled({
        type: 'Object',
        object: {
          describedObject: { kind: 'Pod', name: 'p' },
          metric: { name: 'm' },
          target: { type: 'Value' },
        },
      }),
      [
        `${M}.object.target.averageValue: Required value: must set either a target value or averageValue`,
      ],
    ],
    [
      'autoscaling/v2',
      'HorizontalPodAutoscaler',
      scaled({
        type: 'Pods',
        pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '0' } },
      }),
      [
        `${M}.pods.target.averageValue: Invalid value: resource.Quantity{i:resource.int64Amount{value:0, scale:0}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"0", Format:"DecimalSI"}: must be positive`,
      ],
    ],
    [
      'autoscaling/v2',
      'HorizontalPodAutoscaler',
      scaled({
        type: 'ContainerResource',
        containerResource: {
          name: 'pods',
          container: 'C',
          target: { type: 'Utilization', averageUtilization: 5 },
        },
      }),
      [
        `${M}.containerResource.name: Invalid value: "pods": must be a standard resource for containers`,
        `${M}.containerResource.container: Invalid value: "C": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
      ],
    ],
    [
      'apps/v1',
      'StatefulSet',
      {
        spec: {
          selector: { matchLabels: { app: 'a' } },
          template: TEMPLATE,
          persistentVolumeClaimRetentionPolicy: { whenScaled: 'Keep' },
        },
      },
      [
        'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Keep": supported values: "Retain", "Delete"',
      ],
    ],
  ]);
});

describe('quotas and limits', () => {
  const hard = { 'requests.storage': '1' };
  const limits = (item: object) => ({ spec: { limits: [{ type: 'Container', ...item }] } });
  refuses([
    [
      'v1',
      'ResourceQuota',
      {
        spec: {
          hard,
          scopeSelector: { matchExpressions: [{ scopeName: 'BestEffort', operator: 'In' }] },
        },
      },
      [
        'spec.scopeSelector.matchExpressions: Invalid value: core.ScopeSelector{MatchExpressions:[]core.ScopedResourceSelectorRequirement{core.ScopedResourceSelectorRequirement{ScopeName:"BestEffort", Operator:"In", Values:[]string(nil)}}}: unsupported scope applied to resource',
        'spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be \'Exists\' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity',
        "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
      ],
    ],
    [
      'v1',
      'LimitRange',
      limits({ type: 'Pod', max: { storage: '1' } }),
      [
        'spec.limits[0].max[storage]: Invalid value: storage: must be a standard resource for containers',
      ],
    ],
    [
      'v1',
      'LimitRange',
      limits({ min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '3' } }),
      [
        'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: resource.Quantity{i:resource.int64Amount{value:3, scale:0}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"3", Format:"DecimalSI"}: ratio 3 is greater than max/min = 2.000000',
      ],
    ],
  ]);
});

describe('storage', () => {
  const spec = (more: object) => ({
    spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, ...more },
  });
  const csi = { driver: 'd.example.com', volumeHandle: 'v' };
  refuses([
    ['v1', 'PersistentVolume', spec({ csi }), []],
    [
      'v1',
      'PersistentVolume',
      spec({ csi: { ...csi, nodePublishSecretRef: { name: 's' } }, nfs: { server: 's' } }),
      [
        'spec.nfs.path: Required value',
        'spec.nfs.path: Invalid value: "": must be an absolute path',
        'spec.csi: Forbidden: may not specify more than 1 volume type',
      ],
    ],
    [
      'v1',
      'PersistentVolume',
      spec({ hostPath: { path: '/' }, persistentVolumeReclaimPolicy: 'Recycle' }),
      [
        "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
      ],
    ],
    [
      'storage.k8s.io/v1',
      'StorageClass',
      {
        provisioner: 'p',
        allowedTopologies: [{ matchLabelExpressions: [{ key: 'a', values: ['x', 'x'] }] }],
      },
      ['allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "x"'],
    ],
    [
      'storage.k8s.io/v1',
      'StorageClass',
      { provisioner: 'p', allowedTopologies: [{}, ZONE, ZONE] },
      [
        // An empty term is the double of each of the three, and nothing before it is another.
        ...[0, 0, 0].map(
          (i) => `allowedTopologies[${i}].matchLabelExpressions: Duplicate value: ""`,
        ),
        'allowedTopologies[2].matchLabelExpressions: Duplicate value: ""',
      ],
    ],
  ]);
});

describe('flow control', () => {
  const level = (queuing: object) => ({
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing } } },
  });
  const rule = (r: object) => ({
    spec: {
      priorityLevelConfiguration: { name: 'p' },
      rules: [{ subjects: [{ kind: 'User', user: { name: 'u' } }], ...r }],
    },
  });
  refuses([
    [
      'flowcontrol.apiserver.k8s.io/v1',
      'PriorityLevelConfiguration',
      level({ queues: 64, handSize: 20 }),
      [
        'spec.limited.limitResponse.queuing.handSize: Invalid value: 20: required entropy bits of deckSize 64 and handSize 20 should not be greater than 60',
      ],
    ],
    [
      'flowcontrol.apiserver.k8s.io/v1',
      'FlowSchema',
      rule({ nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['a', '/a*'] }] }),
      [
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "a": must start with slash',
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a*": wildcard can only do suffix matching',
      ],
    ],
    [
      'flowcontrol.apiserver.k8s.io/v1',
      'FlowSchema',
      rule({ resourceRules: [{ verbs: ['*', 'get'], apiGroups: ['*'], resources: ['*'] }] }),
      [
        `spec.rules[0].resourceRules[0].verbs: Invalid value: []string{"*", "get"}: if '*' is present, must not specify other verbs`,
        'spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace',
      ],
    ],
  ]);
});

describe('flow control that must be there', () => {
  const group = 'flowcontrol.apiserver.k8s.io/v1';
  const named = (name: string, spec: object) => ({ metadata: { name }, spec });
  const catchAll = (shares: number) => ({
    ...{ nominalConcurrencyShares: shares, lendablePercent: 0 },
    limitResponse: { type: 'Reject' },
  });
  refuses([
    [
      group,
      'PriorityLevelConfiguration',
      named('catch-all', { type: 'Limited', limited: catchAll(6) }),
      [
        `spec: Invalid value: flowcontrol.PriorityLevelConfigurationSpec{"type":"Limited","limited":{"nominalConcurrencyShares":6,"lendablePercent":0,"limitResponse":{"type":"Reject"}}}: spec of 'catch-all' must equal the fixed value`,
      ],
    ],
    [
      group,
      'PriorityLevelConfiguration',
      named('catch-all', { type: 'Limited', limited: catchAll(5) }),
      [],
    ],
    [
      group,
      'PriorityLevelConfiguration',
      named('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 7 } }),
      [],
    ],
    [
      group,
      'FlowSchema',
      named('catch-all', {
        ...{ matchingPrecedence: 9_000, priorityLevelConfiguration: { name: 'catch-all' } },
        distinguisherMethod: { type: 'ByUser' },
      }),
      [
        `spec: Invalid value: flowcontrol.FlowSchemaSpec{"matchingPrecedence":9000,"priorityLevelConfiguration":{"name":"catch-all"},"distinguisherMethod":{"type":"ByUser"}}: spec of 'catch-all' must equal the fixed value`,
      ],
    ],
  ]);
});

describe('admission', () => {
  const hook = (more: object) => ({
    webhooks: [
      {
        name: 'a.example.com',
        clientConfig: { url: 'https://h/' },
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        ...more,
      },
    ],
  });
  const rule = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'] };
  refuses([
    [
      'admissionregistration.k8s.io/v1',
      'ValidatingWebhookConfiguration',
      hook({ rules: [{ ...rule, resources: ['pods/*', 'pods/status', '*', 'a'] }] }),
      [
        `webhooks[0].rules[0].resources[1]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status`,
        `webhooks[0].rules[0].resources: Invalid value: []string{"pods/*", "pods/status", "*", "a"}: if '*' is present, must not specify other resources without subresources`,
      ],
    ],
    [
      'admissionregistration.k8s.io/v1',
      'ValidatingAdmissionPolicyBinding',
      { spec: { policyName: 'p', paramRef: {}, validationActions: ['Deny', 'Deny'] } },
      [
        'spec.paramRef: Required value: one of name or selector must be specified',
        'spec.paramRef.parameterNotFoundAction: Required value',
        'spec.validationActions[1]: Duplicate value: "Deny"',
      ],
    ],
  ]);
});

describe('certificates', () => {
  const request = SIGNING_REQUEST;
  const csr = (signerName: string, usages: string[]) => ({ spec: { request, signerName, usages } });
  refuses([
    [
      'certificates.k8s.io/v1',
      'CertificateSigningRequest',
      csr('kubernetes.io/legacy-unknown', ['client auth', 'client auth']),
      [
        'spec.usages[1]: Duplicate value: "client auth"',
        'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
      ],
    ],
    [
      'certificates.k8s.io/v1',
      'CertificateSigningRequest',
      csr('example/x', ['client auth']),
      [
        'spec.signerName: Invalid value: "example": should be a domain with at least two segments separated by dots',
      ],
    ],
  ]);
});

test('a namespace ends only when it is being deleted', () => {
  const def = builtinKind('v1', 'Namespace');
  const old = created(def, {});
  const next = structuredClone(old);
  next.status = { phase: 'Terminating' };
  assert.deepEqual(validateUpdate(def, next, old, 'status').map(String), [
    'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
  ]);
});

describe('what had gone unchecked', () => {
  const slice = (more: object) => ({ addressType: 'IPv4', endpoints: [], ports: [], ...more });
  const at = (endpoint: object) => slice({ endpoints: [{ addresses: ['10.0.0.1'], ...endpoint }] });
  const qualified =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  const policy = (more: object) => ({
    spec: {
      matchConstraints: {
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] },
        ],
      },
      validations: [{ expression: 'true' }],
      ...more,
    },
  });
  refuses([
    [
      'discovery.k8s.io/v1',
      'EndpointSlice',
      slice({ ports: [{ name: 'a', protocol: 'TCP', appProtocol: 'a b' }] }),
      [`ports[0].appProtocol: Invalid value: "a b": ${qualified}`],
    ],
    [
      'discovery.k8s.io/v1',
      'EndpointSlice',
      at({ hints: { forZones: [{ name: 'a' }, { name: 'a' }] } }),
      ['endpoints[0].hints.forZones[1].name: Duplicate value: "a"'],
    ],
    [
      'discovery.k8s.io/v1',
      'EndpointSlice',
      at({ addresses: ['::1'] }),
      [
        'endpoints[0].addresses[0]: Invalid value: "::1": must be a valid IPv4 address',
        'endpoints[0].addresses[0]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
    [
      'apiregistration.k8s.io/v1',
      'APIService',
      { spec: { group: 'b.example', version: 'v1', groupPriorityMinimum: 30_000 } },
      [
        'metadata.name: Invalid value: "x": must be `spec.version+"."+spec.group`: "v1.b.example"',
        'spec.groupPriorityMinimum: Invalid value: 30000: must be positive and less than 20000',
        'spec.versionPriority: Invalid value: 0: must be positive and less than 1000',
      ],
    ],
    [
      'networking.k8s.io/v1',
      'NetworkPolicy',
      {
        spec: {
          podSelector: {},
          ingress: [
            {
              from: [
                {
                  ipBlock: {
                    cidr: '2001:db8::/32',
                    except: ['2001:db8:1::/48', '2001:db9::/48', '2001:db8::/32', '10.0.0.0/8'],
                  },
                },
              ],
            },
          ],
        },
      },
      ['2001:db9::/48', '2001:db8::/32', '10.0.0.0/8'].map(
        (cidr, i) =>
          `spec.ingress[0].from[0].ipBlock.except[${i + 1}]: Invalid value: "${cidr}": must be a strict subset of \`cidr\``,
      ),
    ],
    [
      'v1',
      'LimitRange',
      { spec: { limits: [{ type: 'Pod', max: { cpu: '1' }, default: { cpu: '2' } }] } },
      ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"],
    ],
    [
      'node.k8s.io/v1',
      'RuntimeClass',
      { handler: 'h', overhead: { podFixed: { cpu: '-1' } } },
      ['overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
    ],
    [
      'storage.k8s.io/v1',
      'CSIStorageCapacity',
      { storageClassName: 'c', capacity: '-1' },
      ['capacity: Invalid value: "-1": must be greater than or equal to 0'],
    ],
    [
      'storage.k8s.io/v1',
      'CSIDriver',
      { spec: { tokenRequests: [{ audience: 'a', expirationSeconds: 1 }] } },
      [
        'spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
      ],
    ],
    [
      'admissionregistration.k8s.io/v1',
      'ValidatingAdmissionPolicy',
      policy({
        matchConditions: [
          { name: 'a', expression: 'true' },
          { name: 'a', expression: ' ' },
        ],
        variables: [{ name: '1a', expression: '1' }],
        auditAnnotations: [{ key: 'k', valueExpression: '' }],
      }),
      [
        'spec.matchConditions[1].expression: Required value',
        'spec.matchConditions[1].name: Duplicate value: "a"',
        'spec.variables[0].name: Invalid value: "1a": name is not a valid CEL identifier',
        'spec.auditAnnotations[0].valueExpression: Required value: valueExpression is not specified',
      ],
    ],
  ]);
});
