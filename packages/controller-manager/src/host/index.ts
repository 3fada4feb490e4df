/** The frame of the control loops, for other programs of the same shape. */
export * from '../objects/meta.ts';
export { processFlags, runControllers } from '../runtime/lead.ts';
export {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  periodicController,
  queueController,
} from './controller.ts';
export { SharedInformers } from './informers.ts';
export { ControllerManager, type ManagerOptions } from './manager.ts';
