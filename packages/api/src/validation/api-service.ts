/** Versions other servers answer for. The rules are those of kube-aggregator. */
import { invalid, notSupported, required } from '../field-error.ts';
import type { APIService } from '../generated/types.ts';
import { addMessages, type Errors } from './common.ts';
import { dns1035Label, dns1123Subdomain, portNumber } from './names.ts';

const MAX_GROUP_PRIORITY = 20_000;
const MAX_VERSION_PRIORITY = 1_000;

/** The name follows from what the object is about. */
function validateName(errors: Errors, api: APIService): void {
  const wanted = `${api.spec?.version ?? ''}.${api.spec?.group ?? ''}`;
  const name = api.metadata.name ?? '';
  if (name === wanted) return;
  const why = `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`;
  errors.push(invalid('metadata.name', name, why));
}

function between(errors: Errors, path: string, value: number | undefined, max: number): void {
  const number = value ?? 0;
  if (number > 0 && number <= max) return;
  errors.push(invalid(path, number, `must be positive and less than ${max}`));
}

export function validateApiService(errors: Errors, api: APIService): void {
  validateName(errors, api);
  const spec: Partial<NonNullable<APIService['spec']>> = api.spec ?? {};
  const { group = '', version = '', service, caBundle = '' } = spec;
  if (group === '' && version !== 'v1') {
    const why = 'only v1 may have an empty group and it better be legacy kube';
    errors.push(required('spec.group', why));
  }
  if (group !== '') addMessages(errors, 'spec.group', group, dns1123Subdomain(group));
  addMessages(errors, 'spec.version', version, dns1035Label(version));
  between(errors, 'spec.groupPriorityMinimum', spec.groupPriorityMinimum, MAX_GROUP_PRIORITY);
  between(errors, 'spec.versionPriority', spec.versionPriority, MAX_VERSION_PRIORITY);
  const isInsecure = spec.insecureSkipTLSVerify ?? false;
  const insecure = 'spec.insecureSkipTLSVerify';
  if (!service) {
    if (caBundle !== '') {
      const size = `${Buffer.from(caBundle, 'base64').length} bytes`;
      errors.push(invalid('spec.caBundle', size, 'local APIServices may not have a caBundle'));
    }
    if (isInsecure) {
      errors.push(invalid(insecure, true, 'local APIServices may not have insecureSkipTLSVerify'));
    }
    return;
  }
  if (!service.namespace) errors.push(required('spec.service.namespace'));
  if (!service.name) errors.push(required('spec.service.name'));
  const port = service.port ?? 0;
  const bad = portNumber(port);
  if (bad.length > 0) {
    errors.push(invalid('spec.service.port', port, `port is not valid: ${bad.join(', ')}`));
  }
  if (isInsecure && caBundle !== '') {
    errors.push(invalid(insecure, true, 'may not be true if caBundle is present'));
  }
}

const STATUSES = ['False', 'True', 'Unknown'];

export function validateApiServiceStatus(errors: Errors, api: APIService): void {
  for (const [i, { status }] of (api.status?.conditions ?? []).entries()) {
    if (STATUSES.includes(status)) continue;
    errors.push(notSupported(`status.conditions[${i}].status`, status, STATUSES));
  }
}
