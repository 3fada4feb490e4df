/** Where the containers of a pod see its volumes: as file systems and as block devices. */
import { forbidden, invalid, notFoundField, notSupported, required } from '../field-error.ts';
import type { Container, EphemeralContainer, Volume, VolumeMount } from '../generated/types.ts';
import { type Errors, requireText } from './common.ts';
import { localPath } from './pod-volumes.ts';

type AnyContainer = Container | EphemeralContainer;

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None'];
const RECURSIVE = ['Disabled', 'Enabled', 'IfPossible'];

function validateRecursion(errors: Errors, path: string, m: VolumeMount): void {
  const value = m.recursiveReadOnly;
  if (value === undefined || value === 'Disabled') return;
  if (!RECURSIVE.includes(value)) {
    errors.push(notSupported(path, value, RECURSIVE));
    return;
  }
  if (!m.readOnly) errors.push(forbidden(path, 'may only be specified when readOnly is true'));
  if (m.mountPropagation !== undefined && m.mountPropagation !== 'None') {
    const why = 'may only be specified when mountPropagation is None or not specified';
    errors.push(forbidden(path, why));
  }
}

function validateSubPaths(errors: Errors, path: string, at: string, m: VolumeMount): void {
  if (m.subPath) localPath(errors, `${path}.subPath`, m.subPath);
  if (!m.subPathExpr) return;
  if (m.subPath) {
    const why = 'subPathExpr and subPath are mutually exclusive';
    errors.push(invalid(`${at}.subPathExpr`, m.subPathExpr, why));
  }
  localPath(errors, `${path}.subPathExpr`, m.subPathExpr);
}

/** Some of the paths do not say which mount they mean, as the stock server has it. */
function validateMount(
  errors: Errors,
  path: string,
  at: string,
  m: VolumeMount,
  o: { container: AnyContainer; volumes: ReadonlyMap<string, Volume>; mounted: Set<string> },
): void {
  requireText(errors, `${at}.name`, m.name);
  if (!o.volumes.has(m.name)) errors.push(notFoundField(`${at}.name`, m.name));
  requireText(errors, `${at}.mountPath`, m.mountPath);
  if (o.mounted.has(m.mountPath)) {
    errors.push(invalid(`${at}.mountPath`, m.mountPath, 'must be unique'));
  }
  o.mounted.add(m.mountPath);
  const devices = o.container.volumeDevices ?? [];
  if (devices.some((d) => d.name === m.name)) {
    errors.push(invalid(`${at}.name`, m.name, 'must not already exist in volumeDevices'));
  }
  if (devices.some((d) => d.devicePath === m.mountPath)) {
    const why = 'must not already exist as a path in volumeDevices';
    errors.push(invalid(`${at}.mountPath`, m.mountPath, why));
  }
  validateSubPaths(errors, path, at, m);
  const propagation = m.mountPropagation;
  const where = `${path}.mountPropagation`;
  if (propagation !== undefined && !PROPAGATIONS.includes(propagation)) {
    errors.push(notSupported(where, propagation, PROPAGATIONS));
  }
  if (propagation === 'Bidirectional' && !o.container.securityContext?.privileged) {
    const why = 'Bidirectional mount propagation is available only to privileged containers';
    errors.push(forbidden(where, why));
  }
  validateRecursion(errors, `${path}.recursiveReadOnly`, m);
}

function validateDevices(
  errors: Errors,
  path: string,
  c: AnyContainer,
  volumes: ReadonlyMap<string, Volume>,
): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  const mounts = c.volumeMounts ?? [];
  (c.volumeDevices ?? []).forEach(({ name, devicePath }, i) => {
    const [atName, atPath] = [`${path}[${i}].name`, `${path}[${i}].devicePath`];
    const volume = volumes.get(name);
    requireText(errors, atName, name);
    if (names.has(name)) errors.push(invalid(atName, name, 'must be unique'));
    if (!volume) errors.push(notFoundField(atName, name));
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      const why =
        'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      errors.push(invalid(atName, name, why));
    }
    if (!devicePath) errors.push(required(atPath));
    if (paths.has(devicePath)) errors.push(invalid(atPath, devicePath, 'must be unique'));
    if (devicePath.split('/').includes('..')) {
      errors.push(invalid(atPath, devicePath, "can not contain backsteps ('..')"));
    } else paths.add(devicePath);
    if (mounts.some((m) => m.name === name)) {
      errors.push(invalid(atName, name, 'must not already exist in volumeMounts'));
    }
    if (mounts.some((m) => m.mountPath === devicePath)) {
      const why = 'must not already exist as a path in volumeMounts';
      errors.push(invalid(atPath, devicePath, why));
    }
    if (name) names.add(name);
  });
}

/** All mounts and devices of a container at `path`. */
export function validateMounts(
  errors: Errors,
  path: string,
  container: AnyContainer,
  volumes: ReadonlyMap<string, Volume>,
): void {
  const mounted = new Set<string>();
  const at = `${path}.volumeMounts`;
  (container.volumeMounts ?? []).forEach((m, i) => {
    validateMount(errors, at, `${at}[${i}]`, m, { container, volumes, mounted });
  });
  validateDevices(errors, `${path}.volumeDevices`, container, volumes);
}
