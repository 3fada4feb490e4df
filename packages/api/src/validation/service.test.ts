import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Service } from '../generated/types.ts';
import { builtinKind } from '../registry.ts';
import { complaints, created } from '../testing/make.ts';
import { validateUpdate } from './index.ts';

const def = builtinKind('v1', 'Service');
const PORTS = [{ port: 80 }];

function found(spec: object): string[] {
  return complaints(def, { spec: { selector: { a: 'b' }, ports: PORTS, ...spec } });
}

describe('services that do not fit together', () => {
  const cases: readonly [object, string[]][] = [
    [
      { type: 'Nope' },
      [
        'spec.type: Unsupported value: "Nope": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [
      { type: 'NodePort', clusterIP: 'None' },
      [`spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`],
    ],
    [
      { type: 'LoadBalancer', ports: [{ port: 10250 }], trafficDistribution: 'Near' },
      [
        'spec.ports[0]: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet',
        'spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose"',
      ],
    ],
    [
      { type: 'Nope', externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Near' },
      [
        'spec.type: Unsupported value: "Nope": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
        'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
        'spec.internalTrafficPolicy: Unsupported value: "Near": supported values: "Cluster", "Local"',
      ],
    ],
    [
      { ipFamilies: ['IPv5', 'IPv5'] },
      [
        'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
        'spec.ipFamilies[1]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
        'spec.ipFamilies[1]: Duplicate value: "IPv5"',
      ],
    ],
    [
      { clusterIP: '10.96.0.1', ipFamilies: ['IPv4', 'IPv4'], loadBalancerClass: 'a' },
      [
        'spec.ipFamilies[1]: Duplicate value: "IPv4"',
        "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
      ],
    ],
    [
      { type: 'ExternalName', externalName: 'Bad_', clusterIP: '10.96.0.1' },
      [
        'spec.clusterIPs: Forbidden: may not be set for ExternalName services',
        `spec.externalName: Invalid value: "Bad_": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      ],
    ],
    [{ type: 'ExternalName', externalName: 'example.com.' }, []],
    [
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
      [
        'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400',
      ],
    ],
    [
      { clusterIP: 'x.y' },
      [
        'spec.clusterIPs[0]: Invalid value: "x.y": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
    ],
    [
      { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.2'] },
      ['spec.clusterIPs: Invalid value: []string{"10.96.0.2"}: first value must match `clusterIP`'],
    ],
    [{ ipFamilies: ['IPv4', 'IPv4'] }, ['spec.ipFamilies[1]: Duplicate value: "IPv4"']],
    [
      { ipFamilies: ['IPv5'], ipFamilyPolicy: 'Some' },
      [
        'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
        'spec.ipFamilyPolicy: Unsupported value: "Some": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
      ],
    ],
    [
      { externalIPs: ['169.254.1.1', '0.0.0.0', '224.0.0.1'] },
      [
        'spec.externalIPs[0]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
        'spec.externalIPs[1]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
        'spec.externalIPs[2]: Invalid value: "224.0.0.1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
      ],
    ],
    [
      { externalTrafficPolicy: 'Local' },
      [
        'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
      ],
    ],
    [
      { type: 'NodePort', externalTrafficPolicy: 'Nope', internalTrafficPolicy: 'Nope' },
      [
        'spec.externalTrafficPolicy: Unsupported value: "Nope": supported values: "Cluster", "Local"',
        'spec.internalTrafficPolicy: Unsupported value: "Nope": supported values: "Cluster", "Local"',
      ],
    ],
    [
      { healthCheckNodePort: 30000 },
      [
        "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ],
    ],
    [
      { loadBalancerClass: 'a/b', loadBalancerSourceRanges: ['10.0.0.0/8'] },
      [
        "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
        "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
      ],
    ],
    [
      {
        type: 'NodePort',
        ports: [
          { name: 'a', port: 80, nodePort: 30001 },
          { name: 'b', port: 81, nodePort: 30001 },
        ],
      },
      ['spec.ports[1].nodePort: Duplicate value: 30001'],
    ],
    [
      {
        ports: [
          { name: 'a', port: 80 },
          { name: 'a', port: 81 },
        ],
      },
      ['spec.ports[1].name: Duplicate value: "a"'],
    ],
    [
      { ports: [{ port: 80, targetPort: 'Bad_' }] },
      [
        'spec.ports[0].targetPort: Invalid value: "Bad_": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      ],
    ],
  ];
  for (const [spec, expected] of cases) {
    test(expected[0]?.slice(0, 90) ?? JSON.stringify(spec), () => {
      assert.deepEqual(found(spec), expected);
    });
  }
});

describe('changes', () => {
  const stored = (spec: object) =>
    created<Service>(def, { spec: { selector: { a: 'b' }, ports: PORTS, ...spec } });

  test('an address stays', () => {
    const old = stored({ clusterIP: '10.96.0.1' });
    const next = stored({ clusterIP: '10.96.0.2' });
    next.metadata = { ...old.metadata };
    assert.deepEqual(validateUpdate(def, next, old).map(String), [
      'spec.clusterIPs[0]: Invalid value: []string{"10.96.0.2"}: may not change once set',
    ]);
  });

  test('a load balancer’s addresses are addresses', () => {
    const old = stored({ clusterIP: '10.96.0.1', type: 'LoadBalancer' });
    const next = structuredClone(old);
    const ingress = [
      { ip: 'x', ipMode: 'VIP' },
      { hostname: '1.2.3.4', ipMode: 'VIP' },
      { ip: '1.2.3.4', ipMode: 'Near' },
    ];
    next.status = { loadBalancer: { ingress } };
    assert.deepEqual(validateUpdate(def, next, old, 'status').map(String), [
      'status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      'status.loadBalancer.ingress[1].ipMode: Forbidden: may not be specified when `ip` is not set',
      'status.loadBalancer.ingress[1].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
      'status.loadBalancer.ingress[2].ipMode: Unsupported value: "Near": supported values: "Proxy", "VIP"',
    ]);
    if (next.spec) next.spec.type = 'ClusterIP';
    assert.deepEqual(validateUpdate(def, next, next, 'status').map(String), [
      "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
    ]);
  });
});
