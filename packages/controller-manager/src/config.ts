import { readFileSync } from 'node:fs';
import { ConfigError, errorMessage, flag } from '@kubets/platform';
import type { AutoscalerOptions } from './autoscaler/reconciler.ts';
import { concurrencyFlags, concurrencyOf } from './concurrency.ts';
import type { ControllerOptions } from './controllers.ts';
import { TERMINATED_POD_THRESHOLD } from './limits.ts';
import { chosenControllers } from './names.ts';
import { parseCidr } from './node-ipam/allocator.ts';
import { removeTree } from './runtime/files.ts';
import { processFlags } from './runtime/lead.ts';
import { tokenSigner } from './tokens/jwt.ts';

/** The process's own flags. */
export const flags = {
  ...processFlags,
  ...concurrencyFlags,
  controllers: flag.list({
    default: ['*'],
    help: 'controllers to run: * for all, NAME for one, -NAME for all but one; names as the stock process has them',
  }),
  'legacy-service-account-token-clean-up-period': flag.durationMs({
    default: '8760h',
    help: 'tokens in Secrets that were made unasked are refused when unused for so long, and deleted after as long again',
  }),
  'horizontal-pod-autoscaler-sync-period': flag.durationMs({
    default: '15s',
    help: 'time between looks of an autoscaler at its target',
  }),
  'horizontal-pod-autoscaler-downscale-stabilization': flag.durationMs({
    default: '5m',
    help: 'autoscalers without a window of their own go down to the highest count that was wanted for so long',
  }),
  'horizontal-pod-autoscaler-tolerance': flag.string({
    default: '0.1',
    help: 'deviations from what is wanted of autoscaled pods up to this share change nothing',
  }),
  'horizontal-pod-autoscaler-cpu-initialization-period': flag.durationMs({
    default: '5m',
    help: 'for so long after its start the processor time of a pod may be that of its start',
  }),
  'horizontal-pod-autoscaler-initial-readiness-delay': flag.durationMs({
    default: '30s',
    help: 'a pod that was never ready has turned not ready within this time of its start',
  }),
  'terminated-pod-gc-threshold': flag.int({
    default: TERMINATED_POD_THRESHOLD,
    min: 0,
    help: 'finished pods kept in the whole cluster before the oldest are deleted; 0: all of them',
  }),
  'cluster-cidr': flag.string({
    default: '',
    help: 'pod network that is divided among the nodes, such as 10.244.0.0/16; empty: none',
  }),
  'node-cidr-mask-size': flag.int({
    default: 24,
    min: 8,
    max: 30,
    help: 'prefix length of a node’s part of the pod network',
  }),
  'root-ca-file': flag.string({
    default: '',
    help: 'PEM file published in every namespace as ConfigMap kube-root-ca.crt; empty: none',
  }),
  'service-account-private-key-file': flag.string({
    default: '',
    help: 'PEM key that signs tokens kept in Secrets; empty: such Secrets are left unfilled',
  }),
  'cluster-signing-cert-file': flag.string({
    default: '',
    help: 'PEM certificate of the authority that signs certificate requests; empty: none are signed',
  }),
  'cluster-signing-key-file': flag.string({ default: '', help: 'its private key' }),
  'cluster-signing-duration': flag.durationMs({
    default: '8760h',
    help: 'longest life of a certificate that is signed',
  }),
  'node-monitor-period': flag.durationMs({ default: '5s', help: 'time between looks at nodes' }),
  'node-monitor-grace-period': flag.durationMs({
    default: '40s',
    help: 'a node that was silent for this long counts as unreachable',
  }),
} as const;

const KEY_FLAG = 'service-account-private-key-file';

/** The text of a PEM file. @throws ConfigError naming the flag */
function readPem(name: string, file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.includes('-----BEGIN ')) return text;
  } catch (error) {
    throw new ConfigError(`--${name}: cannot read ${file}: ${errorMessage(error)}`);
  }
  throw new ConfigError(`--${name}: ${file} is not a PEM file`);
}

type Raw = Parameters<typeof concurrencyOf>[0] & {
  controllers: readonly string[];
  legacyServiceAccountTokenCleanUpPeriod: number;
  terminatedPodGcThreshold: number;
  horizontalPodAutoscalerSyncPeriod: number;
  horizontalPodAutoscalerDownscaleStabilization: number;
  horizontalPodAutoscalerTolerance: string;
  horizontalPodAutoscalerCpuInitializationPeriod: number;
  horizontalPodAutoscalerInitialReadinessDelay: number;
  clusterCidr: string;
  nodeCidrMaskSize: number;
  rootCaFile: string;
  serviceAccountPrivateKeyFile: string;
  clusterSigningCertFile: string;
  clusterSigningKeyFile: string;
  clusterSigningDuration: number;
  nodeMonitorPeriod: number;
  nodeMonitorGracePeriod: number;
};

/** Checks the flags against each other and reads the files they name. @throws ConfigError */
export function controllerOptions(config: Raw): ControllerOptions {
  const { nodeMonitorPeriod, nodeMonitorGracePeriod } = config;
  if (nodeMonitorGracePeriod <= nodeMonitorPeriod) {
    throw new ConfigError('--node-monitor-grace-period must be longer than --node-monitor-period');
  }
  const podNetwork = podNetworkOf(config);
  const keyFile = config.serviceAccountPrivateKeyFile;
  const signing = signingOf(config);
  return {
    controllers: chosenControllers(config.controllers),
    concurrency: concurrencyOf(config),
    autoscaling: autoscalingOf(config),
    removeTree,
    terminatedPodThreshold: config.terminatedPodGcThreshold,
    legacyTokensKeptMs: config.legacyServiceAccountTokenCleanUpPeriod,
    nodeMonitorPeriodMs: nodeMonitorPeriod,
    nodeMonitorGraceMs: nodeMonitorGracePeriod,
    ...(podNetwork ? { podNetwork } : {}),
    ...(signing ? { signing } : {}),
    ...(config.rootCaFile === '' ? {} : { rootCa: readPem('root-ca-file', config.rootCaFile) }),
    ...(keyFile === '' ? {} : { tokenSigner: tokenSigner(readPem(KEY_FLAG, keyFile)) }),
  };
}

function autoscalingOf(config: Raw): AutoscalerOptions {
  const text = config.horizontalPodAutoscalerTolerance;
  const tolerance = Number(text);
  if (text.trim() === '' || !(tolerance >= 0)) {
    throw new ConfigError(
      `--horizontal-pod-autoscaler-tolerance: "${text}" is no number from 0 on`,
    );
  }
  const periodMs = config.horizontalPodAutoscalerSyncPeriod;
  if (periodMs <= 0) {
    throw new ConfigError('--horizontal-pod-autoscaler-sync-period must be longer than 0');
  }
  return {
    periodMs,
    downscaleWindowMs: config.horizontalPodAutoscalerDownscaleStabilization,
    rules: {
      tolerance,
      cpuInitializationMs: config.horizontalPodAutoscalerCpuInitializationPeriod,
      initialReadinessMs: config.horizontalPodAutoscalerInitialReadinessDelay,
    },
  };
}

function signingOf(config: Raw): ControllerOptions['signing'] {
  const { clusterSigningCertFile: certFile, clusterSigningKeyFile: keyFile } = config;
  if (certFile === '' && keyFile === '') return undefined;
  if (certFile === '' || keyFile === '') {
    throw new ConfigError('--cluster-signing-cert-file and --cluster-signing-key-file go together');
  }
  const cert = readPem('cluster-signing-cert-file', certFile);
  const key = readPem('cluster-signing-key-file', keyFile);
  return { authority: { cert, key }, durationMs: config.clusterSigningDuration };
}

function podNetworkOf(config: Raw): ControllerOptions['podNetwork'] {
  if (config.clusterCidr === '') return undefined;
  const clusterCidr = parseCidr(config.clusterCidr);
  if (!clusterCidr) {
    throw new ConfigError(`--cluster-cidr: "${config.clusterCidr}" is not an IPv4 network`);
  }
  const nodePrefix = config.nodeCidrMaskSize;
  if (nodePrefix <= clusterCidr.prefix) {
    throw new ConfigError(`--node-cidr-mask-size ${nodePrefix} leaves no part of --cluster-cidr`);
  }
  return { clusterCidr, nodePrefix };
}
