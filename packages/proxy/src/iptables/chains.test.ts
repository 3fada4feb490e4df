import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  endpointChain,
  externalChain,
  firewallChain,
  isOwnChain,
  isServiceChain,
  localChain,
  serviceChain,
} from './chains.ts';

describe('chain names', () => {
  it('are those of the stock proxy', () => {
    const cases = [
      ['default/kubernetes:https', 'tcp', 'KUBE-SVC-NPX46M4PTMTKRN6Y'],
      ['kube-system/kube-dns:dns', 'udp', 'KUBE-SVC-TCOU7JCQXEZGVUNU'],
      ['kube-system/kube-dns:dns-tcp', 'tcp', 'KUBE-SVC-ERIFXISQEP7F7OF4'],
    ] as const;
    for (const [name, protocol, chain] of cases) {
      assert.equal(serviceChain({ name, protocol }), chain);
    }
  });

  it('fit into 28 characters and are known as ours', () => {
    const port = { name: 'default/web:http', protocol: 'tcp' } as const;
    const all = [
      serviceChain(port),
      localChain(port),
      externalChain(port),
      firewallChain(port),
      endpointChain(port, { ip: '10.244.0.1', port: 8080 }),
    ];
    assert.equal(new Set(all).size, all.length);
    for (const chain of all) {
      assert.ok(chain.length <= 28);
      assert.ok(isServiceChain(chain) && isOwnChain(chain), chain);
    }
  });

  it('of others are left alone', () => {
    for (const chain of ['KUBE-FIREWALL', 'KUBE-KUBELET-CANARY', 'DOCKER', 'KUBE-SVC-x', 'INPUT']) {
      assert.equal(isOwnChain(chain), false, chain);
    }
  });
});
