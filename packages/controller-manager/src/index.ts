/** The control loops, for embedding them in another process; see README.md for the reading order. */
export { allControllers, type ControllerOptions } from './controllers.ts';
export type { Controller, ControllerDeps } from './host/controller.ts';
export { SharedInformers } from './host/informers.ts';
export { ControllerManager, type ManagerOptions } from './host/manager.ts';
export { type Cidr, formatCidr, parseCidr } from './node-ipam/allocator.ts';
