/** The cluster's name server, for embedding it in another process; see README.md. */
export { type DnsConfig, readConfig } from './config.ts';
export { Forwarder } from './forward/forwarder.ts';
export type { ClusterView, EndpointInfo, ServiceInfo } from './ports.ts';
export { Registration } from './register/registration.ts';
export { Responder } from './server/responder.ts';
export { DnsServer } from './server/server.ts';
export { InformerView } from './zone/informer-view.ts';
export { type Resolution, resolve, type Zone } from './zone/resolve.ts';
