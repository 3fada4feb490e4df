/** A node with a private containerd on an API in memory. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject, Pod } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { type Logger, parseFlags, seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { checkConfig, flags, type KubeletFlags } from '../config.ts';
import { importImage } from '../containerd/tools.ts';
import type { CriRuntime } from '../cri/adapter.ts';
import { Fleet } from '../host/fleet.ts';
import { ApiObjects } from '../host/objects.ts';
import { nodeLayout } from '../layout.ts';
import { realNode } from '../runtime/assemble.ts';
import { busyboxImageTar } from './busybox-image.ts';
import { type PrivateContainerd, startContainerd } from './private-containerd.ts';
import { eventually } from './simulated-node.ts';

export interface RealNode {
  readonly api: FakeApi;
  readonly containerd: PrivateContainerd;
  readonly config: KubeletFlags;
  fleet(): Fleet;
  runtime(): CriRuntime;
  create<T extends KubeObject>(gv: string, resource: string, object: T): Promise<T>;
  pod(name: string): Pod | undefined;
  ready(name: string): Promise<Pod>;
  /** The kubelet ends and starts again; containers go on. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const isReady = (pod: Pod | undefined): pod is Pod =>
  pod?.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;

/** @param podCidr a range nobody else on this machine uses */
export async function startRealNode(
  podCidr: string,
  log: Logger = silentLogger,
): Promise<RealNode> {
  const containerd = await startContainerd(undefined);
  try {
    return await nodeOn(containerd, podCidr, log);
  } catch (error) {
    // Nobody else can end it: as a child it would keep the whole process.
    await containerd.stop();
    throw error;
  }
}

async function nodeOn(
  containerd: PrivateContainerd,
  podCidr: string,
  log: Logger,
): Promise<RealNode> {
  const clock = systemClock;
  const api = new FakeApi({ clock });
  const config = {
    ...parseFlags(flags, []),
    apiservers: ['127.0.0.1:1'],
    nodeName: 'real-1',
    nodeIp: '127.0.0.1',
    containerRuntimeEndpoint: containerd.endpoint,
    rootDir: join(containerd.dir, 'kubelet'),
    cniConfDir: containerd.options.cniConfDir,
    clusterDns: '10.96.0.10',
    podCidr,
  } as unknown as KubeletFlags;
  checkConfig(config);
  const tar = join(containerd.dir, 'busybox.tar');
  writeFileSync(tar, busyboxImageTar(readFileSync('/bin/busybox')));
  await importImage(containerd.options, tar);
  let fleet: Fleet;
  let runtime: CriRuntime;
  const begin = (): void => {
    const ctx = { clock, random: seededRandom(1), log };
    fleet = new Fleet({ api, ...ctx, nodeNames: ['real-1'] });
    const services = fleet.services;
    const shared = { ctx, config, api, objects: new ApiObjects(api, clock), services, doorPort: 1 };
    const member = realNode(shared, 'real-1');
    runtime = member.runtime;
    fleet.add('real-1', member);
    fleet.start();
  };
  begin();
  const pod = (name: string): Pod | undefined =>
    api.objects<Pod>('v1', 'pods').find((one) => one.metadata.name === name);
  return {
    api,
    containerd,
    config,
    fleet: () => fleet,
    runtime: () => runtime,
    create: (gv, resource, object) => api.resource<typeof object>(gv, resource).create(object),
    pod,
    ready: (name) =>
      eventually(`pod ${name} ready`, () => {
        const found = pod(name);
        return isReady(found) ? found : undefined;
      }),
    async restart() {
      await fleet.stop();
      begin();
    },
    async stop() {
      await fleet.stop();
      await containerd.stop(nodeLayout(config.rootDir));
    },
  };
}
