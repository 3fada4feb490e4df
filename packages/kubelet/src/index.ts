export { nodeBridge } from './containerd/bridge.ts';
export {
  type ContainerdOptions,
  type ContainerdPaths,
  containerdArgs,
  containerdConfig,
  containerdPaths,
} from './containerd/config.ts';
export { detectSnapshotter, hasSysResource } from './containerd/detect.ts';
export {
  containerdReady,
  ensurePauseImage,
  importImage,
  removeAllContainers,
} from './containerd/tools.ts';
