/** Fields nobody owns: the server's own, and those a resource or subresource puts back whatever is sent. */
import { type FieldSet, setOfFields, within, without } from './field-set.ts';

/** Never owned by anybody. */
export const SERVER_FIELDS: FieldSet = setOfFields(
  'apiVersion',
  'kind',
  'metadata',
  'metadata.name',
  'metadata.namespace',
  'metadata.creationTimestamp',
  'metadata.selfLink',
  'metadata.uid',
  'metadata.clusterName',
  'metadata.generation',
  'metadata.managedFields',
  'metadata.resourceVersion',
);

/** Keeps of a set what its author may own. */
export type FieldFilter = (set: FieldSet) => FieldSet;

const EVERYTHING: FieldFilter = (set) => set;

const dropping = (...paths: string[]): FieldFilter => {
  const gone = setOfFields(...paths);
  return (set) => without(set, gone);
};

const keeping = (...paths: string[]): FieldFilter => {
  const kept = setOfFields(...paths);
  return (set) => within(set, kept);
};

const DROP_STATUS = dropping('status');
const DROP_SPEC = dropping('spec');
const DROP_SPEC_AND_METADATA = dropping('spec', 'metadata');

/** By `group/Kind` and subresource, where it is not what nearly all kinds do. */
const FILTERS: Readonly<Record<string, FieldFilter>> = {
  'apps/Deployment status': dropping('spec', 'metadata.labels'),
  '/Pod status': dropping('spec', 'metadata.deletionTimestamp', 'metadata.ownerReferences'),
  '/Pod ephemeralcontainers': keeping('spec.ephemeralContainers'),
  '/Namespace finalize': DROP_STATUS,
  'certificates.k8s.io/CertificateSigningRequest status': dropping('spec', 'status.conditions'),
  'certificates.k8s.io/CertificateSigningRequest approval': dropping('spec', 'status.certificate'),
  'apiextensions.k8s.io/CustomResourceDefinition status': DROP_SPEC_AND_METADATA,
  'apiregistration.k8s.io/APIService status': DROP_SPEC_AND_METADATA,
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy status': DROP_SPEC_AND_METADATA,
  'flowcontrol.apiserver.k8s.io/FlowSchema status': DROP_SPEC_AND_METADATA,
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration status': DROP_SPEC_AND_METADATA,
};

/** What writes through a resource (subresource '') or one of its subresources can own. */
export function fieldFilterOf(
  kind: { group: string; kind: string; hasStatus: boolean },
  subresource: string,
): FieldFilter {
  const known = FILTERS[`${kind.group}/${kind.kind} ${subresource}`];
  if (known !== undefined) return known;
  if (subresource === 'status') return DROP_SPEC;
  return kind.hasStatus && subresource === '' ? DROP_STATUS : EVERYTHING;
}
