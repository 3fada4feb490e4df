/** What is counted of the Pod Security Standards, under the stock names. */
import { CounterTable, type FamilyRegistry } from '@kubets/platform';
import type { AdmissionAttributes } from '../ports.ts';
import type { Policy } from './pod-security-checks.ts';

const OF_REQUEST = ['request_operation', 'resource', 'subresource'] as const;
/** The last release whose rules are known here. */
const NEWEST_MINOR = 32;

export class PodSecurityFigures {
  readonly #evaluated;
  readonly #exempt;
  readonly #failed;

  constructor(registry: FamilyRegistry) {
    this.#evaluated = new CounterTable({
      ...{ registry, name: 'pod_security_evaluations_total', help: 'Policies evaluated' },
      labels: ['decision', 'policy_level', 'policy_version', 'mode', ...OF_REQUEST] as const,
    });
    this.#exempt = new CounterTable({
      ...{ registry, name: 'pod_security_exemptions_total', help: 'Requests left out' },
      labels: OF_REQUEST,
    });
    this.#failed = new CounterTable({
      ...{ registry, name: 'pod_security_errors_total', help: 'Policies that cannot be read' },
      labels: ['fatal', ...OF_REQUEST] as const,
    });
    // The stock server shows these before anything has happened.
    for (const operation of ['create', 'update'] as const) {
      this.#evaluated.at('allow', 'privileged', 'latest', 'enforce', operation, 'pod', '');
      for (const resource of ['pod', 'controller']) this.#exempt.at(operation, resource, '');
    }
  }

  evaluated(
    a: AdmissionAttributes,
    mode: 'enforce' | 'audit' | 'warn',
    { level, version }: Policy,
    decision: 'allow' | 'deny',
  ): void {
    const shown = level === 'privileged' ? 'latest' : versionLabel(version);
    this.#evaluated.at(decision, level, shown, mode, ...labelsOf(a)).inc();
  }

  exempt(a: AdmissionAttributes): void {
    this.#exempt.at(...labelsOf(a)).inc();
  }

  /** The labels of a namespace could not be read; another policy took their place. */
  failed(a: AdmissionAttributes): void {
    this.#failed.at('false', ...labelsOf(a)).inc();
  }
}

/** Releases to come are one, so that labels of namespaces cannot make any number of series. */
const versionLabel = (version: string): string =>
  version === 'latest' || Number(version.slice('v1.'.length)) <= NEWEST_MINOR ? version : 'future';

function labelsOf({ operation, resource, subresource }: AdmissionAttributes) {
  const isCore = resource.group === '';
  const named = isCore && resource.resource === 'namespaces' ? 'namespace' : 'controller';
  const what = isCore && resource.resource === 'pods' ? 'pod' : named;
  return [operation.toLowerCase(), what, subresource] as const;
}
