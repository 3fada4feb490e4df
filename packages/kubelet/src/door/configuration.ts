import {
  DEFAULT_DOOR_PORT,
  LOG_MAX_BYTES,
  LOG_MAX_FILES,
  NODE_STATUS_CHECK_MS,
} from '../limits.ts';

/** The settings of a kubelet that others may want to know. */
export interface KnownSettings {
  readonly address: string;
  readonly port: number;
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly maxPods: number;
  readonly podCidr: string;
  readonly containerRuntimeEndpoint: string;
}

const MIB = 1024 * 1024;

/** What `/configz` shows: as much of a KubeletConfiguration as there is here. */
export function configuration(o: KnownSettings): object {
  return {
    kubeletconfig: {
      enableServer: true,
      address: o.address,
      port: o.port === 0 ? DEFAULT_DOOR_PORT : o.port,
      authentication: { x509: {}, webhook: { enabled: false }, anonymous: { enabled: false } },
      clusterDomain: o.clusterDomain,
      ...(o.clusterDns !== '' && { clusterDNS: [o.clusterDns] }),
      nodeStatusUpdateFrequency: `${NODE_STATUS_CHECK_MS / 1_000}s`,
      maxPods: o.maxPods,
      ...(o.podCidr !== '' && { podCIDR: o.podCidr }),
      containerLogMaxSize: `${LOG_MAX_BYTES / MIB}Mi`,
      containerLogMaxFiles: LOG_MAX_FILES,
      enableSystemLogHandler: true,
      containerRuntimeEndpoint: o.containerRuntimeEndpoint,
    },
  };
}
