/** Endpoints and endpoint slices. */
import { duplicate, invalid, notSupported, required, tooMany } from '../field-error.ts';
import type {
  Endpoint,
  EndpointPortDiscovery as EndpointPort,
  EndpointSlice,
  EndpointSubset,
  Endpoints,
} from '../generated/types.ts';
import {
  addMessages,
  type Errors,
  IMMUTABLE,
  isIpv4,
  isIpv6,
  UniqueNames,
  validateIp,
  validateLabels,
} from './common.ts';
import { dns1123Label, dns1123Subdomain, labelValue, portNumber, qualifiedName } from './names.ts';
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
      validateIp(errors, `${at}.ip`, a.ip);
      if (a.hostname) addMessages(errors, `${at}.hostname`, a.hostname, dns1123Label(a.hostname));
      if (a.nodeName !== undefined) {
        addMessages(errors, `${at}.nodeName`, a.nodeName, dns1123Subdomain(a.nodeName));
      }
      validatePlainIp(errors, `${at}.ip`, a.ip);
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
    if (p.appProtocol !== undefined) {
      addMessages(errors, `${at}.appProtocol`, p.appProtocol, qualifiedName(p.appProtocol));
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
  // Addresses of other types are not looked at: the type itself is refused.
  if (!ADDRESS_TYPES.includes(type)) return;
  const fits = type === 'IPv4' ? isIpv4 : isIpv6;
  if (!fits(address)) errors.push(invalid(path, address, `must be a valid ${type} address`));
  validatePlainIp(errors, path, address);
}

const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_TOPOLOGY_LABELS = 16;
const MAX_ZONE_HINTS = 8;
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

function validateHints(errors: Errors, path: string, endpoint: Endpoint): void {
  const zones = endpoint.hints?.forZones ?? [];
  if (zones.length > MAX_ZONE_HINTS) {
    errors.push(tooMany(path, zones.length, MAX_ZONE_HINTS));
    return;
  }
  const seen = new Set<string>();
  for (const [i, { name }] of zones.entries()) {
    const at = `${path}[${i}].name`;
    if (seen.has(name)) errors.push(duplicate(at, name));
    seen.add(name);
    addMessages(errors, at, name, labelValue(name));
  }
}

function validateEndpoint(errors: Errors, path: string, e: Endpoint, type: string): void {
  const at = `${path}.addresses`;
  const addresses = e.addresses ?? [];
  if (addresses.length === 0) errors.push(required(at, 'must contain at least 1 address'));
  if (addresses.length > MAX_ADDRESSES) {
    errors.push(tooMany(at, addresses.length, MAX_ADDRESSES));
  }
  for (const [i, address] of addresses.entries()) {
    validateSliceAddress(errors, `${at}[${i}]`, type, address);
  }
  if (e.nodeName !== undefined) {
    addMessages(errors, `${path}.nodeName`, e.nodeName, dns1123Subdomain(e.nodeName));
  }
  const topology = e.deprecatedTopology ?? {};
  const where = `${path}.deprecatedTopology`;
  const labels = Object.keys(topology).length;
  if (labels > MAX_TOPOLOGY_LABELS) errors.push(tooMany(where, labels, MAX_TOPOLOGY_LABELS));
  validateLabels(errors, where, topology);
  if (e.hostname !== undefined) {
    addMessages(errors, `${path}.hostname`, e.hostname, dns1123Label(e.hostname));
  }
  validateHints(errors, `${path}.hints.forZones`, e);
}

function validateSlicePorts(errors: Errors, ports: readonly EndpointPort[]): void {
  if (ports.length > MAX_PORTS) {
    errors.push(tooMany('ports', ports.length, MAX_PORTS));
    return;
  }
  const names = new UniqueNames();
  for (const [i, p] of ports.entries()) {
    const at = `ports[${i}]`;
    if (p.name) addMessages(errors, `${at}.name`, p.name, dns1123Label(p.name));
    names.add(errors, `${at}.name`, p.name ?? '');
    if (!PROTOCOLS.includes(p.protocol ?? '')) {
      errors.push(notSupported(`${at}.protocol`, p.protocol, PROTOCOLS));
    }
    if (p.appProtocol !== undefined) {
      addMessages(errors, `${at}.appProtocol`, p.appProtocol, qualifiedName(p.appProtocol));
    }
  }
}

export function validateEndpointSlice(errors: Errors, slice: EndpointSlice): void {
  if (!slice.addressType) errors.push(required('addressType'));
  else if (!ADDRESS_TYPES.includes(slice.addressType)) {
    errors.push(notSupported('addressType', slice.addressType, ADDRESS_TYPES));
  }
  const endpoints = slice.endpoints ?? [];
  if (endpoints.length > MAX_ENDPOINTS) {
    errors.push(tooMany('endpoints', endpoints.length, MAX_ENDPOINTS));
  } else {
    for (const [i, one] of endpoints.entries()) {
      validateEndpoint(errors, `endpoints[${i}]`, one, slice.addressType);
    }
  }
  validateSlicePorts(errors, slice.ports ?? []);
}

export function validateEndpointSliceUpdate(
  errors: Errors,
  slice: EndpointSlice,
  old: EndpointSlice,
): void {
  if (slice.addressType === old.addressType) return;
  errors.push(invalid('addressType', slice.addressType, IMMUTABLE));
}
