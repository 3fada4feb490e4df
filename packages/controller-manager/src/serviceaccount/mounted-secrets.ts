import type { Container, Pod, Volume } from '@kubets/api';

function ofContainer({ env = [], envFrom = [] }: Container): (string | undefined)[] {
  return [
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ...envFrom.map(({ secretRef }) => secretRef?.name),
  ];
}

function ofVolume(volume: Volume): (string | undefined)[] {
  return [
    volume.secret?.secretName,
    ...(volume.projected?.sources ?? []).map(({ secret }) => secret?.name),
    volume.csi?.nodePublishSecretRef?.name,
    volume.azureFile?.secretName,
    volume.cephfs?.secretRef?.name,
    volume.cinder?.secretRef?.name,
    volume.flexVolume?.secretRef?.name,
    volume.iscsi?.secretRef?.name,
    volume.rbd?.secretRef?.name,
    volume.scaleIO?.secretRef?.name,
    volume.storageos?.secretRef?.name,
  ];
}

/** The names of all Secrets a pod reads. Pure. */
export function secretsOf({ spec }: Pod): Set<string> {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec ?? {};
  const all: readonly Container[] = [...containers, ...initContainers, ...ephemeralContainers];
  const names = [
    ...(spec?.imagePullSecrets ?? []).map(({ name }) => name),
    ...all.flatMap(ofContainer),
    ...(spec?.volumes ?? []).flatMap(ofVolume),
  ];
  return new Set(names.flatMap((name) => name || []));
}
