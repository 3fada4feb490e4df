/** CertificateSigningRequests: approved by policy, signed, forgotten. */
import { type CertificateSigningRequest, isNotFound, type SubjectAccessReview } from '@kubets/api';
import type { KeyPairPem, ReadRequest } from '@kubets/platform/pki';
import {
  type Controller,
  type ControllerDeps,
  periodicController,
  queueController,
} from '../host/controller.ts';
import { CSR_CLEAN_PERIOD_MS, CSR_CONCURRENCY, CSR_RECHECK_MS } from '../limits.ts';
import { formatTime, keyOf, nameOf } from '../objects/meta.ts';
import {
  type ApprovalRule,
  approvalRules,
  awaitsSigning,
  isStale,
  isUndecided,
  servingProblem,
  validity,
} from './decide.ts';
import { isOurSigner, NODE_PREFIX, SIGNER, signerProblem } from './signers.ts';

export const CERTIFICATES = 'certificates.k8s.io/v1';
const RESOURCE = 'certificatesigningrequests';

const apiOf = (deps: ControllerDeps) =>
  deps.api.resource<CertificateSigningRequest>(CERTIFICATES, RESOURCE);

/** Loaded at the first request: most terms of leadership never see one. */
const loadPki = () => import('@kubets/platform/pki');

async function readCsr(csr: CertificateSigningRequest): Promise<ReadRequest | undefined> {
  const pki = await loadPki();
  try {
    return await pki.readRequest(Buffer.from(csr.spec.request, 'base64').toString('latin1'));
  } catch {
    // No program made it; nobody approves or signs what nobody can read.
    return undefined;
  }
}

function withCondition(
  csr: CertificateSigningRequest,
  condition: { type: string; reason: string; message: string },
  nowMs: number,
): CertificateSigningRequest {
  const now = formatTime(nowMs);
  const added = { ...condition, status: 'True', lastUpdateTime: now, lastTransitionTime: now };
  const conditions = [...(csr.status?.conditions ?? []), added];
  return { ...csr, status: { ...csr.status, conditions } };
}

async function maySkipPeople(
  deps: ControllerDeps,
  csr: CertificateSigningRequest,
  rule: ApprovalRule,
): Promise<boolean> {
  const { username, uid, groups, extra } = csr.spec;
  const review = await deps.api
    .resource<SubjectAccessReview>('authorization.k8s.io/v1', 'subjectaccessreviews')
    .create({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec: {
        ...(username === undefined ? {} : { user: username }),
        ...(uid === undefined ? {} : { uid }),
        ...(groups === undefined ? {} : { groups }),
        ...(extra === undefined ? {} : { extra }),
        resourceAttributes: {
          group: 'certificates.k8s.io',
          version: '*',
          resource: RESOURCE,
          subresource: rule.subresource,
          verb: 'create',
        },
      },
    });
  return review.status?.allowed === true;
}

/** Approves what nodes ask for themselves, if the one who asks holds the right to it. */
export function csrApprovingController(deps: ControllerDeps): Controller {
  const { certificateRequests, nodes, services } = deps.informers;
  const log = deps.log.child({ controller: 'certificatesigningrequest-approving-controller' });

  const isTaken = (nodeName: string) => (address: string) =>
    nodes
      .list()
      .some(
        (node) =>
          nameOf(node) !== nodeName &&
          (node.status?.addresses ?? []).some((one) => one.address === address),
      ) || services.list().some((service) => service.spec?.clusterIPs?.includes(address) === true);

  const servingIsWrong = (read: ReadRequest): string | undefined => {
    const name = read.identity.commonName.slice(NODE_PREFIX.length);
    return servingProblem(read.identity, { node: nodes.get(name), isTaken: isTaken(name) });
  };

  return queueController({
    name: 'certificatesigningrequest-approving-controller',
    queueName: 'certificate',
    deps,
    concurrency: CSR_CONCURRENCY,
    needs: [certificateRequests, nodes, services],
    subscribe: (queue) => [
      certificateRequests.on({
        add: (csr) => queue.add(keyOf(csr)),
        update: (_old, csr) => queue.add(keyOf(csr)),
      }),
    ],
    async reconcile(key, queue) {
      const csr = certificateRequests.get(key);
      if (!csr || !isUndecided(csr)) return;
      const read = await readCsr(csr);
      if (read === undefined) return;
      const rules = approvalRules(csr, read.identity);
      if (rules.length > 0 && csr.spec.signerName === SIGNER.kubeletServing) {
        const problem = servingIsWrong(read);
        if (problem !== undefined) {
          // The node may be about to say so of itself: it registers and asks at the same time.
          log.info({ csr: key, problem }, 'not approved');
          queue.addAfter(key, CSR_RECHECK_MS);
          return;
        }
      }
      for (const rule of rules) {
        if (!(await maySkipPeople(deps, csr, rule))) continue;
        const approved = { type: 'Approved', reason: 'AutoApproved', message: rule.message };
        const body = withCondition(csr, approved, deps.clock.now());
        await apiOf(deps).updateSubresource('', key, 'approval', body);
        return;
      }
    },
  });
}

export interface SigningOptions {
  readonly authority: KeyPairPem;
  /** The longest life of a certificate. */
  readonly durationMs: number;
}

/** Signs what was approved, each signer by its own rules. */
export function csrSigningController(deps: ControllerDeps, options: SigningOptions): Controller {
  const { certificateRequests } = deps.informers;
  const api = apiOf(deps);

  const sign = async (csr: CertificateSigningRequest, read: ReadRequest): Promise<string> => {
    const { grantRequest } = await loadPki();
    const terms = validity(csr.spec.expirationSeconds, options.durationMs, deps.clock.now());
    const usages = csr.spec.usages ?? [];
    return grantRequest(options.authority, read, { ...terms, usages });
  };

  return queueController({
    name: 'certificatesigningrequest-signing-controller',
    queueName: 'certificate',
    deps,
    concurrency: CSR_CONCURRENCY,
    needs: [certificateRequests],
    subscribe: (queue) => [
      certificateRequests.on({
        add: (csr) => queue.add(keyOf(csr)),
        update: (_old, csr) => queue.add(keyOf(csr)),
      }),
    ],
    async reconcile(key) {
      const csr = certificateRequests.get(key);
      if (!csr || !awaitsSigning(csr)) return;
      const { signerName, usages = [] } = csr.spec;
      if (!isOurSigner(signerName)) return;
      const read = await readCsr(csr);
      const message =
        read === undefined
          ? 'the request cannot be read'
          : signerProblem(signerName, read.identity, usages);
      if (read === undefined || message !== undefined) {
        const reason = 'SignerValidationFailure';
        const failed = { type: 'Failed', reason, message: message ?? '' };
        await api.updateStatus(withCondition(csr, failed, deps.clock.now()));
        return;
      }
      const certificate = Buffer.from(await sign(csr, read)).toString('base64');
      await api.updateStatus({ ...csr, status: { ...csr.status, certificate } });
    },
  });
}

/** Removes requests that have served their purpose, or never will. */
export function csrCleanerController(deps: ControllerDeps): Controller {
  const { certificateRequests } = deps.informers;
  return periodicController({
    name: 'certificatesigningrequest-cleaner-controller',
    deps,
    periodMs: CSR_CLEAN_PERIOD_MS,
    needs: [certificateRequests],
    async tick() {
      const nowMs = deps.clock.now();
      for (const csr of certificateRequests.list().filter((one) => isStale(one, nowMs))) {
        const { uid = '' } = csr.metadata;
        try {
          await apiOf(deps).delete('', nameOf(csr), { preconditions: { uid } });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }
    },
  });
}
