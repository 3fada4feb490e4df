/** A container runtime without containers: it keeps the books a real one would keep, and everything it starts runs well. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '@kubets/platform';
import { ANNOTATION_HASH } from '../core/labels.ts';
import { RuntimeFault } from '../errors.ts';
import type {
  ContainerRuntime,
  ContainerSpec,
  ContainerUsage,
  ExecResult,
  ExecSession,
  ImageInfo,
  RawTunnel,
  RuntimeContainer,
  RuntimePod,
  RuntimePodRef,
  RuntimeReadiness,
  RuntimeSandbox,
  SandboxSpec,
} from '../ports.ts';
import { AddressPool } from './address-pool.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Pod {
  readonly ref: RuntimePodRef;
  readonly sandboxes: Mutable<RuntimeSandbox>[];
  readonly containers: Mutable<RuntimeContainer>[];
}

const OK = { ok: true, reason: '', message: '' };
const WAITING = {
  ok: false,
  reason: 'NetworkPluginNotReady',
  message: 'the node has no pod range yet',
};
const ID_BYTES = 16;
const KILLED_BY_TERM = 143;
const IMAGE_BYTES = 1_000_000;

export const SIMULATED_TEXT =
  'this container is simulated: nothing runs in it; start the cluster with a real container runtime for that';

/** An exit the simulation was told of: a container whose command is `exit N` ends at once with N. */
function scriptedExit(spec: ContainerSpec): number | undefined {
  const words = [...spec.command, ...spec.args];
  const found = /(?:^|;\s*)exit (\d{1,3})$/.exec(words.at(-1) ?? '');
  const plain = words.length === 1 && (words[0] === 'true' || words[0] === 'false');
  if (plain) return words[0] === 'true' ? 0 : 1;
  return words.length > 1 && found?.[1] !== undefined ? Number(found[1]) : undefined;
}

function refuse(): never {
  throw new RuntimeFault(SIMULATED_TEXT);
}

export interface SimulatedOptions {
  readonly clock: Clock;
  /** Undefined: comes later, through `setPodCidr`. */
  readonly podCidr?: string;
}

export class SimulatedRuntime implements ContainerRuntime {
  readonly #clock: Clock;
  readonly #pods = new Map<string, Pod>();
  readonly #owners = new Map<string, Pod>();
  #addresses: AddressPool | undefined;
  #onChange: ((uid: string) => void) | undefined;

  constructor(options: SimulatedOptions) {
    this.#clock = options.clock;
    if (options.podCidr) this.#addresses = new AddressPool(options.podCidr);
  }

  async version(): Promise<{ name: string; version: string }> {
    return { name: 'simulated', version: '1.0.0' };
  }

  async readiness(): Promise<RuntimeReadiness> {
    return { runtime: OK, network: this.#addresses === undefined ? WAITING : OK };
  }

  async listPods(): Promise<RuntimePodRef[]> {
    return [...this.#pods.values()].map((pod) => pod.ref);
  }

  async inspectPod(uid: string): Promise<RuntimePod> {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return { uid, name: '', namespace: '', sandboxes: [], containers: [] };
    const sandboxes = pod.sandboxes.map((one) => ({ ...one }));
    return { ...pod.ref, sandboxes, containers: pod.containers.map((one) => ({ ...one })) };
  }

  watchPods(onChange: (uid: string) => void): { stop(): void } {
    this.#onChange = onChange;
    return {
      stop: () => {
        this.#onChange = undefined;
      },
    };
  }

  async runSandbox(spec: SandboxSpec): Promise<string> {
    const { uid, name, namespace, attempt } = spec;
    const pod = this.#pods.get(uid) ?? {
      ref: { uid, name, namespace },
      sandboxes: [],
      containers: [],
    };
    const { hostNetwork } = spec.namespaces;
    const ips = hostNetwork ? [] : [this.#takeAddress()];
    const id = randomBytes(ID_BYTES).toString('hex');
    const createdAtMs = this.#clock.now();
    pod.sandboxes.unshift({ id, attempt, ready: true, createdAtMs, hostNetwork, ips });
    this.#pods.set(uid, pod);
    this.#owners.set(id, pod);
    return id;
  }

  async stopSandbox(id: string): Promise<void> {
    const pod = this.#owners.get(id);
    const sandbox = pod?.sandboxes.find((one) => one.id === id);
    if (pod === undefined || sandbox === undefined) return;
    for (const container of pod.containers) {
      if (container.sandboxId === id) this.#exit(pod, container, KILLED_BY_TERM);
    }
    if (!sandbox.ready) return;
    sandbox.ready = false;
    for (const ip of sandbox.ips) this.#addresses?.giveBack(ip);
    sandbox.ips = [];
  }

  async removeSandbox(id: string): Promise<void> {
    const pod = this.#owners.get(id);
    if (pod === undefined) return;
    await this.stopSandbox(id);
    for (const container of pod.containers.filter((one) => one.sandboxId === id)) {
      await this.removeContainer(container.id);
    }
    pod.sandboxes.splice(
      pod.sandboxes.findIndex((one) => one.id === id),
      1,
    );
    this.#owners.delete(id);
    this.#forgetIfEmpty(pod);
  }

  async createContainer(sandboxId: string, spec: ContainerSpec): Promise<string> {
    const pod = this.#owners.get(sandboxId);
    if (pod === undefined) throw new RuntimeFault('no such sandbox', { notFound: true });
    const id = randomBytes(ID_BYTES).toString('hex');
    const exit = scriptedExit(spec);
    pod.containers.unshift({
      id,
      name: spec.name,
      sandboxId,
      attempt: spec.attempt,
      phase: 'created',
      createdAtMs: this.#clock.now(),
      startedAtMs: 0,
      finishedAtMs: 0,
      exitCode: exit ?? 0,
      reason: '',
      message: '',
      image: spec.image,
      imageId: spec.imageRef,
      logPath: '',
      specHash: spec.annotations[ANNOTATION_HASH] ?? '',
    });
    this.#owners.set(id, pod);
    if (exit !== undefined) this.#scripted.add(id);
    return id;
  }

  async startContainer(id: string): Promise<void> {
    const { pod, container } = this.#find(id);
    container.phase = 'running';
    container.startedAtMs = this.#clock.now();
    if (this.#scripted.delete(id)) this.#exit(pod, container, container.exitCode);
  }

  async stopContainer(id: string): Promise<void> {
    const pod = this.#owners.get(id);
    const container = pod?.containers.find((one) => one.id === id);
    if (pod !== undefined && container !== undefined) this.#exit(pod, container, KILLED_BY_TERM);
  }

  async removeContainer(id: string): Promise<void> {
    const pod = this.#owners.get(id);
    const index = pod?.containers.findIndex((one) => one.id === id) ?? -1;
    if (pod === undefined || index < 0) return;
    pod.containers.splice(index, 1);
    this.#owners.delete(id);
    this.#forgetIfEmpty(pod);
  }

  async execSync(): Promise<ExecResult> {
    return { exitCode: 0, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  }

  async openStream(): Promise<ExecSession> {
    return refuse();
  }

  async openStreamTunnel(): Promise<RawTunnel> {
    return refuse();
  }

  async openPortForward(): Promise<RawTunnel> {
    return refuse();
  }

  async imageStatus(image: string): Promise<ImageInfo | undefined> {
    return this.#image(image);
  }

  async pullImage(image: string): Promise<string> {
    return this.#image(image).id;
  }

  async listImages(): Promise<ImageInfo[]> {
    return [];
  }

  async usage(): Promise<ContainerUsage[]> {
    return [];
  }

  async setPodCidr(cidr: string): Promise<void> {
    this.#addresses ??= new AddressPool(cidr);
  }

  async reopenLog(): Promise<void> {}
  async removeImage(): Promise<void> {}
  close(): void {}

  readonly #scripted = new Set<string>();

  /** Makes a running container end, as a crash would: for tests and fault injection. */
  crash(containerId: string, exitCode: number): void {
    const { pod, container } = this.#find(containerId);
    this.#exit(pod, container, exitCode);
  }

  #image(image: string): ImageInfo {
    const id = `simulated://${image}`;
    const sizeBytes = IMAGE_BYTES;
    return { id, tags: [image], digests: [], sizeBytes, uid: 65_534, username: '' };
  }

  #takeAddress(): string {
    const address = this.#addresses?.take();
    if (address === undefined) throw new RuntimeFault('no address left in the pod range');
    return address;
  }

  #find(id: string): { pod: Pod; container: Mutable<RuntimeContainer> } {
    const pod = this.#owners.get(id);
    const container = pod?.containers.find((one) => one.id === id);
    if (pod === undefined || container === undefined) {
      throw new RuntimeFault(`no such container ${id}`, { notFound: true });
    }
    return { pod, container };
  }

  #exit(pod: Pod, container: Mutable<RuntimeContainer>, exitCode: number): void {
    if (container.phase === 'exited') return;
    container.phase = 'exited';
    container.finishedAtMs = this.#clock.now();
    container.exitCode = exitCode;
    container.reason = exitCode === 0 ? 'Completed' : 'Error';
    this.#onChange?.(pod.ref.uid);
  }

  #forgetIfEmpty(pod: Pod): void {
    if (pod.sandboxes.length + pod.containers.length === 0) this.#pods.delete(pod.ref.uid);
  }
}
