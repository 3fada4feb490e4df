/** What others need of a node: its private containerd, its image tools, where it keeps its things. */
export { nodeBridge } from './containerd/bridge.ts';
export { type CniOptions, cniConf, writeCniConf } from './containerd/cni.ts';
export {
  type ContainerdOptions,
  type ContainerdPaths,
  containerdArgs,
  containerdConfig,
  containerdPaths,
} from './containerd/config.ts';
export { detectSnapshotter, hasSysResource } from './containerd/detect.ts';
export { shareNetnsDir } from './containerd/netns-dir.ts';
export {
  containerMounts,
  type RemoveAllOptions,
  removeAllContainers,
  removeNodeTraces,
} from './containerd/remove-all.ts';
export { containerdReady, ensurePauseImage, importImage } from './containerd/tools.ts';
export { RuntimeFault } from './errors.ts';
export { type NodeLayout, nodeLayout } from './layout.ts';
export { PAUSE_IMAGE } from './pause/image.ts';
export { CertificateKeeper, type KeeperOptions } from './tls/keeper.ts';
export { readPairFile, writePairFile } from './tls/pair-file.ts';
export { apiRequests, type CertificateAsk, requestCertificate } from './tls/request.ts';
