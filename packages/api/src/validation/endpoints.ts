/** Endpoints and endpoint slices. */
import { invalid, notSupported, required, tooMany } from '../field-error.ts';
import type { EndpointSlice, EndpointSubset, Endpoints } from '../generated/types.ts';
import {
  addMessages,
  type Errors,
  IMMUTABLE,
  isIpv4,
  isIpv6,
  UniqueNames,
  validateIp,
} from './common.ts';
import { dns1123Label, dns1123Subdomain, portNumber } from './names.ts';
import { validatePlainIp } from './service.ts';

function validateSubset(errors: Errors, path: string, subset: EndpointSubset): void {
  const addresses = subset.addresses ?? [];
  const notReady = subset.notReadyAddresses ?? [];
  if (addresses.length + notReady.length === 0) {
    errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
  }
  for (const field of ['addresses', 'notReadyAddresses'] as const) {
    (subset[field] ?? []).forEach((a, i) => {
      const at = `${path}.${field}[${i}]`;
      const before = errors.length;
      validateIp(errors, `${at}.ip`, a.ip);
      if (a.hostname) addMessages(errors, `${at}.hostname`, a.hostname, dns1123Label(a.hostname));
      if (a.nodeName !== undefined) {
        addMessages(errors, `${at}.nodeName`, a.nodeName, dns1123Subdomain(a.nodeName));
      }
      if (errors.length === before) validatePlainIp(errors, `${at}.ip`, a.ip);
    });
  }
  const ports = subset.ports ?? [];
  ports.forEach((p, i) => {
    const at = `${path}.ports[${i}]`;
    if (!p.name) {
      if (ports.length > 1) errors.push(required(`${at}.name`));
    } else addMessages(errors, `${at}.name`, p.name, dns1123Label(p.name));
    addMessages(errors, `${at}.port`, p.port, portNumber(p.port));
    const protocols = ['SCTP', 'TCP', 'UDP'];
    if (!p.protocol) errors.push(required(`${at}.protocol`));
    else if (!protocols.includes(p.protocol)) {
      errors.push(notSupported(`${at}.protocol`, p.protocol, protocols));
    }
  });
}

export function validateEndpoints(errors: Errors, endpoints: Endpoints): void {
  (endpoints.subsets ?? []).forEach((s, i) => {
    validateSubset(errors, `subsets[${i}]`, s);
  });
}

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];

function validateSliceAddress(errors: Errors, path: string, type: string, address: string): void {
  if (type === 'FQDN') {
    addMessages(errors, path, address, dns1123Subdomain(address));
    return;
  }
  const fits = type === 'IPv4' ? isIpv4 : isIpv6;
  if (ADDRESS_TYPES.includes(type) && !fits(address)) {
    errors.push(invalid(path, address, `must be a valid ${type} address`));
  } else if (ADDRESS_TYPES.includes(type)) validatePlainIp(errors, path, address);
}

/** Most endpoints of a slice, most addresses of an endpoint. */
const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;

export function validateEndpointSlice(errors: Errors, slice: EndpointSlice): void {
  if (!slice.addressType) errors.push(required('addressType'));
  else if (!ADDRESS_TYPES.includes(slice.addressType)) {
    errors.push(notSupported('addressType', slice.addressType, ADDRESS_TYPES));
  }
  if ((slice.endpoints ?? []).length > MAX_ENDPOINTS) {
    errors.push(tooMany('endpoints', (slice.endpoints ?? []).length, MAX_ENDPOINTS));
  }
  (slice.endpoints ?? []).forEach((e, i) => {
    const at = `endpoints[${i}].addresses`;
    if ((e.addresses ?? []).length === 0)
      errors.push(required(at, 'must contain at least 1 address'));
    if ((e.addresses ?? []).length > MAX_ADDRESSES) {
      errors.push(tooMany(at, (e.addresses ?? []).length, MAX_ADDRESSES));
    }
    (e.addresses ?? []).forEach((a, j) => {
      validateSliceAddress(errors, `${at}[${j}]`, slice.addressType, a);
    });
    if (e.hostname !== undefined) {
      addMessages(errors, `endpoints[${i}].hostname`, e.hostname, dns1123Label(e.hostname));
    }
  });
  const names = new UniqueNames();
  (slice.ports ?? []).forEach((p, i) => {
    const at = `ports[${i}]`;
    if (p.name) addMessages(errors, `${at}.name`, p.name, dns1123Label(p.name));
    names.add(errors, `${at}.name`, p.name ?? '');
    const protocols = ['SCTP', 'TCP', 'UDP'];
    if (!protocols.includes(p.protocol ?? '')) {
      errors.push(notSupported(`${at}.protocol`, p.protocol, protocols));
    }
  });
}

export function validateEndpointSliceUpdate(
  errors: Errors,
  slice: EndpointSlice,
  old: EndpointSlice,
): void {
  if (slice.addressType === old.addressType) return;
  errors.push(invalid('addressType', slice.addressType, IMMUTABLE));
}
