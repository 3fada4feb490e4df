/** The rules of the level `restricted` of the Pod Security Standards, beyond those of `baseline`. */
import type { Volume } from '@kubets/api';
import { addedBeyond, seccompFields } from './pod-security-baseline.ts';
import {
  complaint,
  containersOf,
  containersThat,
  distinct,
  named,
  plural,
  quoted,
  type Rule,
  setters,
} from './pod-security-pod.ts';

const SAFE_VOLUMES = new Set([
  ...['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral'],
  ...['persistentVolumeClaim', 'projected', 'secret'],
]);

/** Lets pods for Windows be, where a rule means nothing. */
export const unlessWindows =
  (rule: Rule): Rule =>
  (pod) =>
    pod.spec.os?.name === 'windows' ? undefined : rule(pod);

export const allowPrivilegeEscalation: Rule = (pod) => {
  const who = containersThat(
    pod,
    ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false,
  );
  if (who === '') return undefined;
  const detail = `${who} must set securityContext.allowPrivilegeEscalation=false`;
  return complaint('allowPrivilegeEscalation != false', detail);
};

export const droppedCapabilities: Rule = (pod) => {
  const keeping = containersThat(
    pod,
    ({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'),
  );
  const details = [
    keeping && `${keeping} must set securityContext.capabilities.drop=["ALL"]`,
    addedBeyond(pod, new Set(['NET_BIND_SERVICE'])),
  ].filter((text) => text !== '');
  if (details.length === 0) return undefined;
  return complaint('unrestricted capabilities', details.join('; '));
};

function volumeType(volume: Volume): string {
  return Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
}

export const restrictedVolumes: Rule = ({ spec }) => {
  const bad = (spec.volumes ?? []).filter((volume) => !SAFE_VOLUMES.has(volumeType(volume)));
  if (bad.length === 0) return undefined;
  const types = distinct(bad.map(volumeType));
  const names = bad.map(({ name }) => name);
  const verb = bad.length === 1 ? 'uses' : 'use';
  const what = `${plural('restricted volume type', types.length)} ${quoted(types)}`;
  return complaint('restricted volume types', `${named('volume', names)} ${verb} ${what}`);
};

export const runAsNonRoot: Rule = (pod) => {
  const reason = 'runAsNonRoot != true';
  const wrong = setters(pod, ({ runAsNonRoot }) => runAsNonRoot === false);
  if (wrong !== '') {
    return complaint(reason, `${wrong} must not set securityContext.runAsNonRoot=false`);
  }
  if (pod.spec.securityContext?.runAsNonRoot === true) return undefined;
  const unset = containersThat(pod, (c) => c.securityContext?.runAsNonRoot === undefined);
  if (unset === '') return undefined;
  return complaint(reason, `pod or ${unset} must set securityContext.runAsNonRoot=true`);
};

export const runAsUser: Rule = (pod) => {
  const who = setters(pod, ({ runAsUser }) => runAsUser === 0);
  return who === '' ? undefined : complaint('runAsUser=0', `${who} must not set runAsUser=0`);
};

export const seccompRequired: Rule = (pod) => {
  const wrong = seccompFields(pod);
  if (wrong || pod.spec.securityContext?.seccompProfile) return wrong;
  const unset = containersOf(pod).filter((c) => c.securityContext?.seccompProfile === undefined);
  if (unset.length === 0) return undefined;
  const names = named(
    'container',
    unset.map(({ name }) => name),
  );
  const rule = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"';
  return complaint('seccompProfile', `pod or ${names} ${rule}`);
};
