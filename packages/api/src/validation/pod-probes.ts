/** Probes and lifecycle hooks. */
import { forbidden, invalid, notSupported, required } from '../field-error.ts';
import type { Container, LifecycleHandler, Probe } from '../generated/types.ts';
import { type Errors, notNegative, requireText, validatePortReference } from './common.ts';

type Handler = Pick<Probe, 'grpc'> & LifecycleHandler;

function httpGet(errors: Errors, path: string, get: NonNullable<Handler['httpGet']>): void {
  requireText(errors, `${path}.path`, get.path);
  validatePortReference(errors, `${path}.port`, get.port);
  if (get.scheme !== 'HTTP' && get.scheme !== 'HTTPS') {
    errors.push(notSupported(`${path}.scheme`, get.scheme, ['HTTP', 'HTTPS']));
  }
  for (const header of get.httpHeaders ?? []) {
    if (/^[-A-Za-z0-9]+$/.test(header.name)) continue;
    const text =
      "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
    errors.push(invalid(`${path}.httpHeaders`, header.name, text));
  }
}

function sleep(errors: Errors, path: string, seconds: number, graceSeconds: number): void {
  if (seconds > 0 && seconds <= graceSeconds) return;
  const gate = 'Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep.';
  const why = `must be greater than 0 and less than terminationGracePeriodSeconds (${graceSeconds}). ${gate}`;
  errors.push(invalid(path, seconds, why));
}

function validateHandler(errors: Errors, path: string, h: Handler, graceSeconds: number): void {
  let count = 0;
  for (const kind of ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const) {
    if (h[kind] === undefined) continue;
    count += 1;
    const at = `${path}.${kind}`;
    if (count > 1) {
      errors.push(forbidden(at, 'may not specify more than 1 handler type'));
      continue;
    }
    if (kind === 'exec' && (h.exec?.command ?? []).length === 0) {
      errors.push(required(`${at}.command`));
    }
    if (h.httpGet && kind === 'httpGet') httpGet(errors, at, h.httpGet);
    if (kind === 'tcpSocket') validatePortReference(errors, `${at}.port`, h.tcpSocket?.port);
    if (kind === 'grpc') validatePortReference(errors, `${at}.port`, h.grpc?.port);
    if (kind === 'sleep') sleep(errors, at, h.sleep?.seconds ?? 0, graceSeconds);
  }
  if (count === 0) errors.push(required(path, 'must specify a handler type'));
}

function validateProbe(errors: Errors, path: string, p: Probe, graceSeconds: number): void {
  validateHandler(errors, path, p, graceSeconds);
  notNegative(errors, `${path}.initialDelaySeconds`, p.initialDelaySeconds);
  notNegative(errors, `${path}.timeoutSeconds`, p.timeoutSeconds);
  notNegative(errors, `${path}.periodSeconds`, p.periodSeconds);
  notNegative(errors, `${path}.successThreshold`, p.successThreshold);
  notNegative(errors, `${path}.failureThreshold`, p.failureThreshold);
  const grace = p.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) {
    errors.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  }
}

function onceOnly(errors: Errors, path: string, p: Probe): void {
  const threshold = p.successThreshold ?? 0;
  if (threshold !== 1) errors.push(invalid(`${path}.successThreshold`, threshold, 'must be 1'));
}

/** Lifecycle hooks and the three probes of a container. */
export function validateHooks(
  errors: Errors,
  path: string,
  c: Container,
  graceSeconds: number,
): void {
  const { postStart, preStop } = c.lifecycle ?? {};
  if (postStart) validateHandler(errors, `${path}.lifecycle.postStart`, postStart, graceSeconds);
  if (preStop) validateHandler(errors, `${path}.lifecycle.preStop`, preStop, graceSeconds);
  if (c.livenessProbe) {
    validateProbe(errors, `${path}.livenessProbe`, c.livenessProbe, graceSeconds);
    onceOnly(errors, `${path}.livenessProbe`, c.livenessProbe);
  }
  if (c.readinessProbe) {
    const at = `${path}.readinessProbe`;
    validateProbe(errors, at, c.readinessProbe, graceSeconds);
    const grace = c.readinessProbe.terminationGracePeriodSeconds;
    if (grace !== undefined) {
      const why = 'must not be set for readinessProbes';
      errors.push(invalid(`${at}.terminationGracePeriodSeconds`, grace, why));
    }
  }
  if (c.startupProbe) {
    validateProbe(errors, `${path}.startupProbe`, c.startupProbe, graceSeconds);
    onceOnly(errors, `${path}.startupProbe`, c.startupProbe);
  }
}
