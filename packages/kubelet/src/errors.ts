/** Faults the kubelet expects, matched by class. */
import { errorMessage } from '@kubets/platform';

/** The runtime refused or failed; `notFound` means the object is not there (any more). */
export class RuntimeFault extends Error {
  override readonly name = 'RuntimeFault';
  readonly notFound: boolean;
  /** The runtime cannot be reached at all. */
  readonly unavailable: boolean;
  /** The call's status by its usual name, `NotFound`; undefined where it was no call that failed. */
  readonly code: string | undefined;

  constructor(
    message: string,
    facts: { notFound?: boolean; unavailable?: boolean; code?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: facts.cause });
    this.notFound = facts.notFound ?? false;
    this.unavailable = facts.unavailable ?? false;
    this.code = facts.code;
  }
}

/** A failed call of the runtime as stock kubelets tell of it. */
export function rpcText(error: unknown): string {
  const message = errorMessage(error);
  if (!(error instanceof RuntimeFault) || error.code === undefined) return message;
  return `rpc error: code = ${error.code} desc = ${message}`;
}

/** A volume cannot be made yet. */
export class VolumeFault extends Error {
  override readonly name = 'VolumeFault';
}

/** A container cannot be started; `reason` is what its waiting state and the pod's events say. */
export class StartFault extends Error {
  override readonly name = 'StartFault';
  readonly reason: StartFaultReason;

  constructor(reason: StartFaultReason, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}

export type StartFaultReason =
  | 'CrashLoopBackOff'
  | 'ImagePullBackOff'
  | 'ErrImagePull'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'ImageInspectError'
  | 'CreateContainerConfigError'
  | 'CreateContainerError'
  | 'RunContainerError'
  | 'PostStartHookError';

/** A request to the kubelet's door that cannot be served. */
export class DoorError extends Error {
  override readonly name = 'DoorError';
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** The API did not give a certificate. */
export class CertificateRefused extends Error {
  override readonly name = 'CertificateRefused';
}

/** The network between nodes could not be brought into force. */
export class NetworkFault extends Error {
  override readonly name = 'NetworkFault';
}
