/** Routes service addresses and node ports to pods: see README.md for the reading order. */
export { CommandError } from './errors.ts';
export { Proxier, type ProxierOptions } from './host/proxier.ts';
export { IptablesBackend, type IptablesOptions } from './iptables/backend.ts';
export { type CompileOptions, compile } from './iptables/compile.ts';
export { servicePorts } from './model/service-ports.ts';
export { NftablesBackend, type NftablesOptions } from './nftables/backend.ts';
export type { Backend, CommandRunner, ProxyEndpoint, ProxyServicePort } from './ports.ts';
export { UserspaceBackend } from './userspace/backend.ts';
