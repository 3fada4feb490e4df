/** Plugins that are off by default and look at nothing but the object itself. */
import { forbiddenBecause, type Pod, type Service } from '@kubets/api';
import type { AdmissionPlugin } from '../../ports.ts';
import { concerns, objectAs, oldAs, refuse } from '../support.ts';

/** Has no meaning, and had none for long: upstream takes the name, so do we. */
export const alwaysAdmit = (): AdmissionPlugin => ({ name: 'AlwaysAdmit' });

/** Refuses whatever asks for admission: for tests of what clients make of that. */
export function alwaysDeny(): AdmissionPlugin {
  return {
    name: 'AlwaysDeny',
    connects: true,
    admit(a) {
      throw refuse(a, 'admission control is denying all modifications');
    },
  };
}

/** Services take no external addresses beyond those they have: whoever sets one draws that address's traffic to the pods. */
export function denyServiceExternalIps(): AdmissionPlugin {
  return {
    name: 'DenyServiceExternalIPs',
    only: ['services'],
    validate(a) {
      if (!concerns(a, '', 'services', 'CREATE', 'UPDATE')) return;
      const had = a.oldObject ? oldAs<Service>(a).spec?.externalIPs : undefined;
      const wanted = objectAs<Service>(a).spec?.externalIPs ?? [];
      if (wanted.every((ip) => had?.includes(ip))) return;
      throw refuse(a, 'Use of external IPs is denied by admission control');
    },
  };
}

const HOST_NAME = 'kubernetes.io/hostname';

/** Pods that must not be near others keep them off nodes alone, not off whole zones. */
export function limitPodHardAntiAffinityTopology(): AdmissionPlugin {
  return {
    name: 'LimitPodHardAntiAffinityTopology',
    only: ['pods'],
    validate(a) {
      if (!concerns(a, '', 'pods', 'CREATE', 'UPDATE')) return;
      const { spec, metadata } = objectAs<Pod>(a);
      const terms =
        spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
      const wide = terms.find(({ topologyKey }) => topologyKey !== HOST_NAME);
      if (wide === undefined) return;
      const why = `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${wide.topologyKey}`;
      throw forbiddenBecause(a.resource, {
        name: metadata.name ?? '',
        why: `${why} but only key ${HOST_NAME} is allowed`,
      });
    },
  };
}
