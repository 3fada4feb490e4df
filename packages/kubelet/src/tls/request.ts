/** Asks the API for a certificate and waits for it. */
import type { CertificateSigningRequest } from '@kubets/api';
import type { Api } from '@kubets/client';
import { type Clock, delay } from '@kubets/platform';
import type { KeyPairPem } from '@kubets/platform/pki';
import { CertificateRefused } from '../errors.ts';
import { CERTIFICATE_POLL_MAX_MS, CERTIFICATE_POLL_MS, CERTIFICATE_WAIT_MS } from '../limits.ts';
import type { WantedIdentity } from './schedule.ts';

export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet';
export const SERVING_SIGNER = 'kubernetes.io/kubelet-serving';

/** Where requests are put and looked at. */
export interface CertificateRequests {
  create(csr: CertificateSigningRequest): Promise<CertificateSigningRequest>;
  get(name: string): Promise<CertificateSigningRequest>;
}

/** The usual place, for those who have an identity. */
export function apiRequests(api: Api): CertificateRequests {
  const requests = api.resource<CertificateSigningRequest>(
    'certificates.k8s.io/v1',
    'certificatesigningrequests',
  );
  return { create: (csr) => requests.create(csr), get: (name) => requests.get('', name) };
}

export interface CertificateAsk {
  readonly requests: CertificateRequests;
  readonly clock: Clock;
  readonly signer: string;
  readonly usages: readonly string[];
  readonly wanted: WantedIdentity;
  readonly signal?: AbortSignal;
  /** Absent: the signer's own. */
  readonly expirationSeconds?: number | undefined;
}

/** Most terms of a kubelet need no new key. */
const loadPki = () => import('@kubets/platform/pki');

function verdict(csr: CertificateSigningRequest): string | undefined {
  const refusal = csr.status?.conditions?.find((one) => ['Denied', 'Failed'].includes(one.type));
  const name = csr.metadata.name ?? '';
  if (refusal !== undefined) {
    throw new CertificateRefused(
      `certificate request ${name}: ${refusal.type} (${refusal.message ?? refusal.reason ?? ''})`,
    );
  }
  const { certificate = '' } = csr.status ?? {};
  return certificate === '' ? undefined : Buffer.from(certificate, 'base64').toString('latin1');
}

async function submit(ask: CertificateAsk, request: string): Promise<string> {
  const { requests, signer, usages, expirationSeconds } = ask;
  const made = await requests.create({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'csr-' },
    spec: {
      request: Buffer.from(request).toString('base64'),
      signerName: signer,
      usages: [...usages],
      ...(expirationSeconds === undefined ? {} : { expirationSeconds }),
    },
  });
  return made.metadata.name ?? '';
}

/**
 * Makes a key, asks for its certificate, waits.
 * @throws CertificateRefused when it is denied, fails, or nobody answers in time
 */
export async function requestCertificate(ask: CertificateAsk): Promise<KeyPairPem> {
  const { requests, clock, signal } = ask;
  const { createRequest } = await loadPki();
  const { request, key } = await createRequest(ask.wanted);
  const name = await submit(ask, request);
  const endMs = clock.monotonicMs() + CERTIFICATE_WAIT_MS;
  let waitMs: number = CERTIFICATE_POLL_MS;
  while (clock.monotonicMs() < endMs) {
    const cert = verdict(await requests.get(name));
    if (cert !== undefined) return { cert, key };
    await delay(waitMs, { clock, ...(signal === undefined ? {} : { signal }) });
    waitMs = Math.min(CERTIFICATE_POLL_MAX_MS, waitMs * 2);
  }
  throw new CertificateRefused(
    `certificate request ${name} was not answered; "kubectl get csr" shows it, "kubectl certificate approve ${name}" grants it`,
  );
}
