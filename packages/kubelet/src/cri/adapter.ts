import type { Clock, Logger } from '@kubets/platform';
import { LABEL_POD_NAME, LABEL_POD_NAMESPACE, LABEL_POD_UID } from '../core/labels.ts';
import { RuntimeFault } from '../errors.ts';
import type { KubeletFigures } from '../host/kubelet-figures.ts';
import { IMAGE_PULL_MS, RELIST_PERIOD_MS, RUNTIME_CALL_MS } from '../limits.ts';
import type {
  ContainerRuntime,
  ContainerSpec,
  ContainerUsage,
  ExecHandlers,
  ExecResult,
  ExecSession,
  ImageInfo,
  RawTunnel,
  RegistryAuth,
  RuntimeContainer,
  RuntimePod,
  RuntimePodRef,
  RuntimeReadiness,
  RuntimeSandbox,
  SandboxSpec,
  StreamRequest,
} from '../ports.ts';
import { CriClient } from './client.ts';
import { containerOf, imageOf, podUidOf, readinessOf, sandboxOf, usageOf } from './from-cri.ts';
import type {
  CriContainerItem,
  CriContainerStats,
  CriContainerStatus,
  CriImage,
  CriSandboxItem,
  CriSandboxStatus,
  CriStatus,
} from './messages.ts';
import { startRelist } from './relist.ts';
import { openRemoteCommand } from './spdy/remote-command.ts';
import { openSpdyUpgrade } from './spdy/upgrade.ts';
import { containerMessage, sandboxMessage } from './to-cri.ts';

export interface CriRuntimeOptions {
  /** `unix:///run/…/containerd.sock`. */
  readonly endpoint: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly relistPeriodMs?: number;
  readonly figures?: KubeletFigures | undefined;
}

const MS_PER_SECOND = 1_000;

/** Newest first; the attempt decides between objects made in the same millisecond. */
function newestFirst<T extends { createdAtMs: number; attempt: number }>(items: T[]): T[] {
  return items.sort((a, b) => b.createdAtMs - a.createdAtMs || b.attempt - a.attempt);
}

async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof RuntimeFault && error.notFound)) throw error;
  }
}

async function orGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof RuntimeFault && error.notFound) return undefined;
    throw error;
  }
}

/** A container runtime behind CRI v1: containerd, CRI-O. */
export class CriRuntime implements ContainerRuntime {
  readonly #client: CriClient;
  readonly #options: CriRuntimeOptions;

  constructor(options: CriRuntimeOptions) {
    this.#options = options;
    const { endpoint, clock, figures } = options;
    const now = (): number => clock.now();
    this.#client = new CriClient(endpoint, now, (...call) => figures?.runtimeCall(...call));
  }

  async version(): Promise<{ name: string; version: string }> {
    const answer = await this.#client.runtime<{ runtime_name: string; runtime_version: string }>(
      'Version',
      { version: 'v1' },
    );
    return { name: answer.runtime_name, version: answer.runtime_version };
  }

  async readiness(): Promise<RuntimeReadiness> {
    return readinessOf(await this.#client.runtime<CriStatus>('Status', { verbose: false }));
  }

  async listPods(): Promise<RuntimePodRef[]> {
    const { sandboxes, containers } = await this.#list({});
    const refs = new Map<string, RuntimePodRef>();
    for (const { labels } of [...sandboxes, ...containers]) {
      const uid = podUidOf(labels);
      const name = labels[LABEL_POD_NAME] ?? '';
      const namespace = labels[LABEL_POD_NAMESPACE] ?? '';
      if (uid !== '') refs.set(uid, { uid, name, namespace });
    }
    return [...refs.values()];
  }

  async inspectPod(uid: string): Promise<RuntimePod> {
    const { sandboxes, containers } = await this.#list({ [LABEL_POD_UID]: uid });
    const [inspectedSandboxes, inspectedContainers] = await Promise.all([
      Promise.all(sandboxes.map((item) => this.#sandbox(item.id))),
      Promise.all(containers.map((item) => this.#container(item))),
    ]);
    const labels = sandboxes[0]?.labels ?? containers[0]?.labels ?? {};
    return {
      uid,
      name: labels[LABEL_POD_NAME] ?? '',
      namespace: labels[LABEL_POD_NAMESPACE] ?? '',
      sandboxes: newestFirst(inspectedSandboxes.filter((one) => one !== undefined)),
      containers: newestFirst(inspectedContainers.filter((one) => one !== undefined)),
    };
  }

  watchPods(onChange: (uid: string) => void): { stop(): void } {
    const { clock, log, figures, relistPeriodMs: periodMs = RELIST_PERIOD_MS } = this.#options;
    const list = () => this.#list({});
    const onListed = (monotonicMs: number): void =>
      figures?.relisted({
        ...{ monotonicMs, atMs: clock.now() },
        tookMs: clock.monotonicMs() - monotonicMs,
      });
    return startRelist({ list, uidOf: podUidOf, onChange, onListed, clock, log, periodMs });
  }

  async runSandbox(spec: SandboxSpec, handler: string): Promise<string> {
    const answer = await this.#client.runtime<{ pod_sandbox_id: string }>('RunPodSandbox', {
      config: sandboxMessage(spec),
      runtime_handler: handler,
    });
    return answer.pod_sandbox_id;
  }

  async stopSandbox(id: string): Promise<void> {
    await unlessGone(this.#client.runtime('StopPodSandbox', { pod_sandbox_id: id }));
  }

  async removeSandbox(id: string): Promise<void> {
    await unlessGone(this.#client.runtime('RemovePodSandbox', { pod_sandbox_id: id }));
  }

  async createContainer(
    sandboxId: string,
    spec: ContainerSpec,
    sandbox: SandboxSpec,
  ): Promise<string> {
    const answer = await this.#client.runtime<{ container_id: string }>('CreateContainer', {
      pod_sandbox_id: sandboxId,
      config: containerMessage(spec),
      sandbox_config: sandboxMessage(sandbox),
    });
    return answer.container_id;
  }

  async startContainer(id: string): Promise<void> {
    await this.#client.runtime('StartContainer', { container_id: id });
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    const timeoutMs = RUNTIME_CALL_MS + graceSeconds * MS_PER_SECOND;
    const request = { container_id: id, timeout: graceSeconds };
    await unlessGone(this.#client.runtime('StopContainer', request, { timeoutMs }));
  }

  async removeContainer(id: string): Promise<void> {
    await unlessGone(this.#client.runtime('RemoveContainer', { container_id: id }));
  }

  async reopenLog(id: string): Promise<void> {
    await this.#client.runtime('ReopenContainerLog', { container_id: id });
  }

  async execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const seconds = Math.ceil(timeoutMs / MS_PER_SECOND);
    const answer = await this.#client.runtime<{
      stdout: Buffer;
      stderr: Buffer;
      exit_code: number;
    }>(
      'ExecSync',
      { container_id: id, cmd: command, timeout: seconds },
      { timeoutMs: RUNTIME_CALL_MS + timeoutMs },
    );
    return { exitCode: answer.exit_code, stdout: answer.stdout, stderr: answer.stderr };
  }

  async openStream(request: StreamRequest, handlers: ExecHandlers): Promise<ExecSession> {
    return openRemoteCommand(await this.#streamUrl(request), request, handlers);
  }

  async openStreamTunnel(request: StreamRequest, protocols: string): Promise<RawTunnel> {
    return openSpdyUpgrade(await this.#streamUrl(request), protocols);
  }

  async openPortForward(sandboxId: string, protocols: string): Promise<RawTunnel> {
    const request = { pod_sandbox_id: sandboxId };
    const { url } = await this.#client.runtime<{ url: string }>('PortForward', request);
    return openSpdyUpgrade(url, protocols);
  }

  async imageStatus(image: string): Promise<ImageInfo | undefined> {
    const request = { image: { image }, verbose: false };
    const answer = await orGone(
      this.#client.images<{ image: CriImage | null }>('ImageStatus', request),
    );
    return answer?.image ? imageOf(answer.image) : undefined;
  }

  async pullImage(
    image: string,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const credentials = auth && {
      username: auth.username,
      password: auth.password,
      server_address: auth.serverAddress,
    };
    const request = { image: { image }, auth: credentials };
    const options = { timeoutMs: IMAGE_PULL_MS, signal };
    const answer = await this.#client.images<{ image_ref: string }>('PullImage', request, options);
    return answer.image_ref;
  }

  async listImages(): Promise<ImageInfo[]> {
    const answer = await this.#client.images<{ images: CriImage[] }>('ListImages', {});
    return answer.images.map(imageOf);
  }

  async removeImage(id: string): Promise<void> {
    await unlessGone(this.#client.images('RemoveImage', { image: { image: id } }));
  }

  async usage(): Promise<ContainerUsage[]> {
    const answer = await this.#client.runtime<{ stats: CriContainerStats[] }>(
      'ListContainerStats',
      {},
    );
    return answer.stats.map(usageOf).filter((one) => one.podUid !== '');
  }

  async setPodCidr(cidr: string): Promise<void> {
    const config = { network_config: { pod_cidr: cidr } };
    await this.#client.runtime('UpdateRuntimeConfig', { runtime_config: config });
  }

  close(): void {
    this.#client.close();
  }

  async #streamUrl(request: StreamRequest): Promise<string> {
    const { containerId, command, stdin, stdout, stderr, tty } = request;
    const common = { container_id: containerId, stdin, stdout, stderr: stderr && !tty, tty };
    const { url } = await (command === undefined
      ? this.#client.runtime<{ url: string }>('Attach', common)
      : this.#client.runtime<{ url: string }>('Exec', { ...common, cmd: command }));
    return url;
  }

  async #list(
    labels: Readonly<Record<string, string>>,
  ): Promise<{ sandboxes: CriSandboxItem[]; containers: CriContainerItem[] }> {
    const request = { filter: { label_selector: labels } };
    const [sandboxes, containers] = await Promise.all([
      this.#client.runtime<{ items: CriSandboxItem[] }>('ListPodSandbox', request),
      this.#client.runtime<{ containers: CriContainerItem[] }>('ListContainers', request),
    ]);
    return { sandboxes: sandboxes.items, containers: containers.containers };
  }

  async #sandbox(id: string): Promise<RuntimeSandbox | undefined> {
    const request = { pod_sandbox_id: id };
    const answer = await orGone(
      this.#client.runtime<{ status: CriSandboxStatus | null }>('PodSandboxStatus', request),
    );
    return answer?.status ? sandboxOf(answer.status) : undefined;
  }

  async #container(item: CriContainerItem): Promise<RuntimeContainer | undefined> {
    const request = { container_id: item.id };
    const answer = await orGone(
      this.#client.runtime<{ status: CriContainerStatus | null }>('ContainerStatus', request),
    );
    return answer?.status ? containerOf(answer.status, item) : undefined;
  }
}
