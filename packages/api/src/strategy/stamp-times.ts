/** Times the server notes in a status when it sees it change. */
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
  PersistentVolume,
} from '../generated/types.ts';
import type { KubeObject } from '../meta.ts';
import type { KindDef } from '../registry.ts';

/** When a volume came into its phase, unless the writer says when. */
function stampPhase(volume: PersistentVolume, old: PersistentVolume, now: string): void {
  const { status } = volume;
  if (!status || status.phase === old.status?.phase) return;
  const isOld = status.lastPhaseTransitionTime === old.status?.lastPhaseTransitionTime;
  if (isOld || !status.lastPhaseTransitionTime) status.lastPhaseTransitionTime = now;
}

/** Conditions of requests carry times; one that says the same as before keeps the time it began. */
function stampConditions(
  csr: CertificateSigningRequest,
  old: CertificateSigningRequest,
  now: string,
): void {
  const since = (c: CertificateSigningRequestCondition): string =>
    old.status?.conditions?.find(
      ({ type, status, lastTransitionTime }) =>
        type === c.type && status === c.status && lastTransitionTime,
    )?.lastTransitionTime ?? now;
  for (const condition of csr.status?.conditions ?? []) {
    condition.lastUpdateTime ||= now;
    condition.lastTransitionTime ||= since(condition);
  }
}

const VOLUME = 'persistentvolumes';
const REQUEST = 'certificatesigningrequests';

/** Fills in what a change through this subresource is dated with, in place. `now` is RFC 3339 with seconds. */
export function stampTimes(
  def: KindDef,
  change: { readonly object: KubeObject; readonly old: KubeObject; readonly subresource: string },
  now: string,
): void {
  const [object, old] = [change.object as never, change.old as never];
  const where = `${def.resource}/${change.subresource}`;
  if (def.group === '' && where === `${VOLUME}/status`) stampPhase(object, old, now);
  if (def.group !== 'certificates.k8s.io') return;
  if ([`${REQUEST}/status`, `${REQUEST}/approval`].includes(where))
    stampConditions(object, old, now);
}
