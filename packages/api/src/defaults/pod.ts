/** Defaults of pods and pod templates. */

import type {
  Container,
  EphemeralContainer,
  Lifecycle,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
  Volume,
} from '../generated/types.ts';
import { addOwn } from '../own.ts';
import { roundResources } from './amounts.ts';

const DEFAULT_FILE_MODE = 0o644;
const DEFAULT_TOKEN_SECONDS = 3600;

/** Does the image name a tag other than `latest`, or a digest? Else it is pulled always. */
export function defaultPullPolicy(image: string): 'Always' | 'IfNotPresent' {
  const name = image.slice(image.lastIndexOf('/') + 1);
  if (name.includes('@'))
    return name.split('@')[0]?.endsWith(':latest') ? 'Always' : 'IfNotPresent';
  const tag = name.includes(':') ? name.slice(name.indexOf(':') + 1) : 'latest';
  const valid = image !== '' && /^[^A-Z\s]*$/.test(image.slice(0, image.length - tag.length));
  return tag === 'latest' && valid ? 'Always' : 'IfNotPresent';
}

function defaultProbe(probe: Probe | undefined): void {
  if (!probe) return;
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
}

function defaultHttpGet(get: Probe['httpGet']): void {
  if (!get) return;
  get.path ||= '/';
  get.scheme ||= 'HTTP';
}

function defaultLifecycle(lifecycle: Lifecycle | undefined): void {
  defaultHttpGet(lifecycle?.postStart?.httpGet);
  defaultHttpGet(lifecycle?.preStop?.httpGet);
}

function roundRequirements(resources: ResourceRequirements | undefined): void {
  roundResources(resources?.limits);
  roundResources(resources?.requests);
}

function defaultContainer(c: Container | EphemeralContainer): void {
  c.imagePullPolicy ||= defaultPullPolicy(c.image ?? '');
  c.terminationMessagePath ||= '/dev/termination-log';
  c.terminationMessagePolicy ||= 'File';
  for (const port of c.ports ?? []) port.protocol ||= 'TCP';
  for (const env of c.env ?? []) {
    if (env.valueFrom?.fieldRef) env.valueFrom.fieldRef.apiVersion ||= 'v1';
  }
  roundRequirements(c.resources);
  defaultProbe(c.livenessProbe);
  defaultProbe(c.readinessProbe);
  defaultProbe(c.startupProbe);
  defaultLifecycle(c.lifecycle);
}

function defaultProjected(volume: Volume): void {
  const projected = volume.projected;
  if (!projected) return;
  projected.defaultMode ??= DEFAULT_FILE_MODE;
  for (const source of projected.sources ?? []) {
    for (const item of source.downwardAPI?.items ?? []) {
      if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1';
    }
    if (source.serviceAccountToken) {
      source.serviceAccountToken.expirationSeconds ??= DEFAULT_TOKEN_SECONDS;
    }
  }
}

function defaultDiskVolume(v: Volume): void {
  if (v.iscsi) v.iscsi.iscsiInterface ||= 'default';
  if (v.rbd) {
    v.rbd.pool ||= 'rbd';
    v.rbd.user ||= 'admin';
    v.rbd.keyring ||= '/etc/ceph/keyring';
  }
  if (v.azureDisk) {
    v.azureDisk.cachingMode ??= 'ReadWrite';
    v.azureDisk.kind ??= 'Shared';
    v.azureDisk.fsType ??= 'ext4';
    v.azureDisk.readOnly ??= false;
  }
  if (v.scaleIO) {
    v.scaleIO.storageMode ||= 'ThinProvisioned';
    v.scaleIO.fsType ||= 'xfs';
  }
}

function defaultVolume(v: Volume): void {
  if (Object.keys(v).every((k) => k === 'name')) v.emptyDir = {};
  if (v.secret) v.secret.defaultMode ??= DEFAULT_FILE_MODE;
  if (v.configMap) v.configMap.defaultMode ??= DEFAULT_FILE_MODE;
  if (v.downwardAPI) {
    v.downwardAPI.defaultMode ??= DEFAULT_FILE_MODE;
    for (const item of v.downwardAPI.items ?? []) {
      if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1';
    }
  }
  if (v.hostPath) v.hostPath.type ??= '';
  if (v.image) v.image.pullPolicy ||= defaultPullPolicy(v.image.reference ?? '');
  const claim = v.ephemeral?.volumeClaimTemplate?.spec;
  if (claim) claim.volumeMode ??= 'Filesystem';
  roundResources(claim?.resources?.limits);
  roundResources(claim?.resources?.requests);
  defaultProjected(v);
  defaultDiskVolume(v);
}

/** Defaults of a pod's spec, also inside templates. */
export function defaultPodSpec(spec: PodSpec): void {
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= 'default-scheduler';
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  for (const v of spec.volumes ?? []) defaultVolume(v);
  for (const c of spec.containers ?? []) defaultContainer(c);
  for (const c of spec.initContainers ?? []) defaultContainer(c);
  for (const c of spec.ephemeralContainers ?? []) defaultContainer(c);
  roundResources(spec.overhead);
}

/** Defaults of a template; tolerates a template that is missing. */
export function defaultPodTemplate(template: PodTemplateSpec | undefined | null): void {
  if (template?.spec) defaultPodSpec(template.spec);
}

function requestsFromLimits(container: Container): void {
  const resources = container.resources;
  for (const [name, limit] of Object.entries(resources?.limits ?? {})) {
    if (!resources) return;
    resources.requests ??= {};
    addOwn(resources.requests, name, limit);
  }
}

/** Older clients know the single address only: what it says goes before a list that begins with another. */
function joinAddresses(status: PodStatus): void {
  if (status.podIP && status.podIPs?.[0]?.ip !== status.podIP)
    status.podIPs = [{ ip: status.podIP }];
  const first = status.podIPs?.[0]?.ip;
  if (!status.podIP && first) status.podIP = first;
}

/** Defaults of a Pod, on top of those of its spec. */
export function defaultPod(pod: Pod): void {
  if (pod.status) joinAddresses(pod.status);
  const spec = pod.spec;
  if (!spec) return;
  defaultPodSpec(spec);
  spec.enableServiceLinks ??= true;
  for (const c of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    requestsFromLimits(c);
    if (!spec.hostNetwork) continue;
    for (const port of c.ports ?? []) port.hostPort ||= port.containerPort;
  }
}
