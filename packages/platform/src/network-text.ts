import { errorMessage } from './errors.ts';

const codeOf = (error: unknown): string => String((error as { code?: unknown } | undefined)?.code);

/**
 * Whether a request came to nothing because a kept connection was ended by the other side just as it was used again. The
 * connection is gone by then, so that trying again comes to a newer one in the end.
 */
export const endedUnderneath = (
  request: { readonly reusedSocket: boolean },
  error: unknown,
): boolean => request.reusedSocket && (codeOf(error) === 'ECONNRESET' || codeOf(error) === 'EPIPE');

const UNVERIFIED = 'tls: failed to verify certificate: x509';

/** Of a certificate that is somebody else's. */
function otherNames(error: unknown): string {
  const { host, cert } = error as { host?: string; cert?: { subjectaltname?: string } };
  const names = (cert?.subjectaltname ?? '').replaceAll(/(DNS|IP Address):/g, '');
  return names === ''
    ? `certificate is not valid for any names, but wanted to match ${host}`
    : `certificate is valid for ${names}, not ${host}`;
}

/** A failed connection in the words clients of the stock server know. */
export function networkText(error: unknown, host: string, port: number): string {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return `dial tcp ${address}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp ${address}: connect: no route to host`;
    case 'ENETUNREACH':
      return `dial tcp ${address}: connect: network is unreachable`;
    case 'ETIMEDOUT':
      return `dial tcp ${address}: i/o timeout`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${host}: no such host`;
    case 'ECONNRESET':
      return 'EOF';
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return `${UNVERIFIED}: certificate signed by unknown authority`;
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return `${UNVERIFIED}: certificate has expired or is not yet valid`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `${UNVERIFIED}: ${otherNames(error)}`;
    default:
      return errorMessage(error);
  }
}
