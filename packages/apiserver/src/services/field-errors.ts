import { type ApiError, FieldError, goQuote, invalid, type Service } from '@kubets/api';

/** A complaint whose value shows as Go prints it, not as JSON. */
class GoValueError extends FieldError {
  override body(): string {
    return `Invalid value: ${String(this.badValue)}: ${this.detail}`;
  }
}

/** The complaint about a list of addresses. */
export function invalidClusterIps(ips: readonly string[], detail: string): FieldError {
  const shown = `[]string{${ips.map(goQuote).join(', ')}}`;
  return new GoValueError('Invalid', 'spec.clusterIPs', shown, detail);
}

/** The complaint about any other field of a service. */
export function invalidField(field: string, value: unknown, detail: string): FieldError {
  return new FieldError('Invalid', field, value, detail);
}

/** The 422 of a service. */
export function invalidService(service: Service, ...errors: FieldError[]): ApiError {
  return invalid({ group: '', kind: 'Service' }, service.metadata.name ?? '', errors);
}
