/** For which audiences a pod's volumes need tokens of its service account. */
import type {
  CSIDriver,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  TokenRequest,
  Volume,
} from '@kubets/api';
import { goQuote } from '@kubets/api';
import type { CacheView } from '../ports.ts';

/** What volumes lead to. */
export interface VolumeViews {
  readonly claims: CacheView<PersistentVolumeClaim>;
  readonly volumes: CacheView<PersistentVolume>;
  readonly drivers: CacheView<CSIDriver>;
}

/** What is wrong with the audiences a kubelet asks for on behalf of a pod; undefined: nothing. */
export function audienceFault(
  audiences: TokenRequest['spec']['audiences'] | null,
  pod: Pod,
  views: VolumeViews,
): string | undefined {
  const [audience = '', ...more] = audiences ?? [];
  if (more.length > 0) return 'node may only request 0 or 1 audiences';
  const volumes = pod.spec?.volumes ?? [];
  if (volumes.some((volume) => needs(volume, audience, { pod, views }))) return undefined;
  return `audience ${goQuote(audience)} not found in pod spec volume`;
}

function needs(volume: Volume, audience: string, o: { pod: Pod; views: VolumeViews }): boolean {
  const projected = (volume.projected?.sources ?? []).some(
    ({ serviceAccountToken }) =>
      (serviceAccountToken?.audience ?? '') === audience && serviceAccountToken,
  );
  if (projected) return true;
  const driver = o.views.drivers.get('', driverOf(volume, o) ?? '');
  return (driver?.spec.tokenRequests ?? []).some((request) => request.audience === audience);
}

/** The CSI driver behind a volume, which may be a claim's. */
function driverOf(volume: Volume, { pod, views }: { pod: Pod; views: VolumeViews }) {
  if (volume.csi) return volume.csi.driver;
  const own = volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined;
  const claimName = volume.persistentVolumeClaim?.claimName ?? own;
  if (claimName === undefined) return undefined;
  const claim = views.claims.get(pod.metadata.namespace ?? '', claimName);
  return views.volumes.get('', claim?.spec?.volumeName ?? '')?.spec?.csi?.driver;
}
