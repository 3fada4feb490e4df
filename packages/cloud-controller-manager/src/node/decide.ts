/** What a provider's knowledge makes of a node. Pure. */
import type { Node, NodeAddress } from '@kubets/api';
import { labelsOf } from '@kubets/controller-manager/host';
import type { InstanceMetadata } from '../ports.ts';

/** On nodes that wait for the provider, put there by a kubelet with `--cloud-provider=external`. */
export const UNINITIALIZED_TAINT = 'node.cloudprovider.kubernetes.io/uninitialized';

type Fact = 'instanceType' | 'zone' | 'region';

/** Each fact goes into the label of today and into the older one that selectors in use still name. */
const LABELS: readonly { fact: Fact; labels: readonly string[] }[] = [
  {
    fact: 'instanceType',
    labels: ['node.kubernetes.io/instance-type', 'beta.kubernetes.io/instance-type'],
  },
  {
    fact: 'zone',
    labels: ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'],
  },
  {
    fact: 'region',
    labels: ['topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region'],
  },
];

export function isUninitialized(node: Node): boolean {
  return node.spec?.taints?.some(({ key }) => key === UNINITIALIZED_TAINT) === true;
}

/** The labels that are missing or say something else. */
function missingLabels(node: Node, metadata: InstanceMetadata): Record<string, string> {
  const present = labelsOf(node);
  const wanted = LABELS.flatMap(({ fact, labels }) => {
    const value = metadata[fact];
    return value === undefined ? [] : labels.map((label): [string, string] => [label, value]);
  });
  return Object.fromEntries(wanted.filter(([label, value]) => present[label] !== value));
}

/**
 * The patch that initialises a node: identity, labels, and the taint away. The version keeps taints that others set meanwhile; an
 * identity that is there is not touched.
 */
export function initialisation(node: Node, metadata: InstanceMetadata): object {
  const { uid, resourceVersion } = node.metadata;
  const taints = (node.spec?.taints ?? []).filter(({ key }) => key !== UNINITIALIZED_TAINT);
  return {
    metadata: { uid, resourceVersion, labels: missingLabels(node, metadata) },
    spec: { taints, ...(node.spec?.providerID ? {} : { providerID: metadata.providerId }) },
  };
}

/**
 * The node's addresses with the provider's word on them; undefined: as they are. Host names of the kubelet stay where the provider
 * names none, since certificates and logs go by them.
 */
export function addressesFor(node: Node, metadata: InstanceMetadata): NodeAddress[] | undefined {
  if (metadata.addresses === undefined) return undefined;
  const present = node.status?.addresses ?? [];
  const named = metadata.addresses.some(({ type }) => type === 'Hostname');
  const kept = named ? [] : present.filter(({ type }) => type === 'Hostname');
  const wanted = [...metadata.addresses, ...kept];
  const text = (list: readonly NodeAddress[]): string =>
    list.map(({ type, address }) => `${type}=${address}`).join();
  return text(wanted) === text(present) ? undefined : wanted;
}
