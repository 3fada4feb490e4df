/**
 * What the kubelet needs from the outside. The pod logic talks to these interfaces only; `cri/` and `simulated/` implement the
 * runtime, `host/` the rest. Times are milliseconds since the epoch, 0 meaning "not yet".
 */
import type { ConfigMap, Container, Pod, Probe, RuntimeClass, Secret } from '@kubets/api';

export type ContainerPhase = 'created' | 'running' | 'exited' | 'unknown';

/** One container as the runtime knows it. */
export interface RuntimeContainer {
  readonly id: string;
  readonly name: string;
  readonly sandboxId: string;
  /** How often the container of this name was started before this one. */
  readonly attempt: number;
  readonly phase: ContainerPhase;
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  /** The image as the pod names it. */
  readonly image: string;
  /** The image's digest or id. */
  readonly imageId: string;
  /** Absolute path of the log file; empty when there is none. */
  readonly logPath: string;
  /** Fingerprint of the container's spec when it was made; see `core/spec-hash.ts`. */
  readonly specHash: string;
}

/** The shared surroundings of a pod's containers. */
export interface RuntimeSandbox {
  readonly id: string;
  readonly attempt: number;
  readonly ready: boolean;
  readonly createdAtMs: number;
  readonly hostNetwork: boolean;
  /** Empty with host networking. */
  readonly ips: readonly string[];
}

/** Everything the runtime holds for one pod; newest first. */
export interface RuntimePod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly sandboxes: readonly RuntimeSandbox[];
  readonly containers: readonly RuntimeContainer[];
}

/** A pod in a listing. */
export interface RuntimePodRef {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface PortMapping {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIp: string;
}

export type SeccompProfile =
  | { readonly type: 'RuntimeDefault' | 'Unconfined' }
  | { readonly type: 'Localhost'; readonly path: string };

/** Which namespaces a pod shares with its host, and with itself. */
export interface NamespaceChoice {
  readonly hostNetwork: boolean;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  readonly sharePid: boolean;
  /** The container whose processes this one sees; empty: none in particular. */
  readonly pidOf?: string;
}

/** What a sandbox is made from. */
export interface SandboxSpec {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly attempt: number;
  readonly hostname: string;
  readonly logDirectory: string;
  readonly dns: DnsConfig | undefined;
  readonly ports: readonly PortMapping[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly cgroupParent: string;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly namespaces: NamespaceChoice;
  readonly privileged: boolean;
  readonly supplementalGroups: readonly number[];
  readonly runAsUser: number | undefined;
  readonly runAsGroup: number | undefined;
  readonly seccomp: SeccompProfile | undefined;
}

export interface ContainerMount {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly propagation: 'private' | 'hostToContainer' | 'bidirectional';
}

/** Limits for the container's cgroup; 0 means none. */
export interface CgroupLimits {
  readonly cpuShares: number;
  readonly cpuQuotaUs: number;
  readonly cpuPeriodUs: number;
  readonly memoryLimitBytes: number;
  readonly oomScoreAdj: number;
}

/** Rights of a container's processes. */
export interface ContainerSecurity {
  readonly privileged: boolean;
  readonly runAsUser: number | undefined;
  readonly runAsGroup: number | undefined;
  readonly supplementalGroups: readonly number[];
  readonly readonlyRootfs: boolean;
  readonly noNewPrivileges: boolean;
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly seccomp: SeccompProfile | undefined;
  readonly unmaskProc: boolean;
}

/** What a container is made from. */
export interface ContainerSpec {
  readonly name: string;
  readonly attempt: number;
  readonly image: string;
  readonly imageRef: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly ContainerMount[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Relative to the sandbox's log directory. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly limits: CgroupLimits;
  readonly namespaces: NamespaceChoice;
  readonly security: ContainerSecurity;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface ImageInfo {
  readonly id: string;
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly sizeBytes: number;
  /** User id the image asks for; undefined when it names a user or none. */
  readonly uid: number | undefined;
  readonly username: string;
}

export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly serverAddress: string;
}

export interface RuntimeCondition {
  readonly ok: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface RuntimeReadiness {
  readonly runtime: RuntimeCondition;
  readonly network: RuntimeCondition;
}

export interface ContainerUsage {
  readonly podUid: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly container: string;
  readonly cpuNanoSeconds: number;
  readonly memoryWorkingSetBytes: number;
  readonly atMs: number;
}

export interface StreamRequest {
  readonly containerId: string;
  /** Absent: attach to the container's main process. */
  readonly command: readonly string[] | undefined;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** A two-way conversation with a process in a container. */
export interface ExecSession {
  /** False: the other side is slow, wait for `onDrain`. */
  writeStdin(data: Buffer): boolean;
  closeStdin(): void;
  resize(columns: number, rows: number): void;
  /** Stops or resumes reading the process's output, for a slow reader on our side. */
  setPaused(paused: boolean): void;
  close(): void;
}

/** What an {@link ExecSession} reports. Exactly one `onEnd` per session. */
export interface ExecHandlers {
  onStdout(data: Buffer): void;
  onStderr(data: Buffer): void;
  onDrain(): void;
  /** The runtime's verdict: a Status as JSON, or undefined when the connection simply ended. */
  onEnd(statusJson: Buffer | undefined): void;
}

/** A byte pipe into a pod, already past its protocol upgrade. */
export interface RawTunnel {
  readonly socket: import('node:net').Socket;
  /** Bytes that arrived together with the upgrade's answer. */
  readonly head: Buffer;
  /** What the runtime chose to speak on it. */
  readonly protocol: string;
}

/**
 * A container runtime. Stop and remove calls may be repeated and succeed when there is nothing left to do; the others reject with
 * a `RuntimeFault`, whose `notFound` tells a missing object from trouble.
 */
export interface ContainerRuntime {
  /** `containerd`, `cri-o`, `simulated`. */
  version(): Promise<{ name: string; version: string }>;
  readiness(): Promise<RuntimeReadiness>;
  listPods(): Promise<RuntimePodRef[]>;
  inspectPod(uid: string): Promise<RuntimePod>;
  /** Calls back with the uid of every pod whose containers or sandboxes changed by themselves. */
  watchPods(onChange: (uid: string) => void): { stop(): void };
  /** @param handler which of the runtime's ways to run containers; '': its usual one */
  runSandbox(spec: SandboxSpec, handler: string): Promise<string>;
  stopSandbox(id: string): Promise<void>;
  removeSandbox(id: string): Promise<void>;
  createContainer(sandboxId: string, spec: ContainerSpec, sandbox: SandboxSpec): Promise<string>;
  startContainer(id: string): Promise<void>;
  stopContainer(id: string, graceSeconds: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  reopenLog(id: string): Promise<void>;
  execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult>;
  openStream(request: StreamRequest, handlers: ExecHandlers): Promise<ExecSession>;
  /** Exec or attach for clients that speak the runtime's own SPDY protocol. @param protocols on offer */
  openStreamTunnel(request: StreamRequest, protocols: string): Promise<RawTunnel>;
  openPortForward(sandboxId: string, protocols: string): Promise<RawTunnel>;
  imageStatus(image: string): Promise<ImageInfo | undefined>;
  pullImage(image: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<string>;
  listImages(): Promise<ImageInfo[]>;
  removeImage(id: string): Promise<void>;
  usage(): Promise<ContainerUsage[]>;
  setPodCidr(cidr: string): Promise<void>;
  close(): void;
}

/** Volumes of a pod made real on the node. */
export interface PodVolumes {
  /**
   * Makes or refreshes every volume of a pod.
   * @returns where each volume is on the host, by volume name
   * @throws VolumeFault when a source is missing or cannot be mounted; the pod is tried again later
   */
  mount(pod: Pod): Promise<ReadonlyMap<string, string>>;
  /** Unmounts and deletes what `mount` made. May be repeated. */
  unmount(podUid: string): Promise<void>;
  /** Uids of pods that still have something on disk. */
  mounted(): Promise<string[]>;
  /** Volumes behind claims that pods of the node have, as far as their space can be measured. */
  claims?(): Iterable<ClaimPlace>;
}

/** Where the volume of a claim is on the host. */
export interface ClaimPlace {
  readonly namespace: string;
  readonly claim: string;
  readonly path: string;
}

/** Reads the objects a pod refers to. */
export interface ObjectSource {
  /** Undefined: there is none. */
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  runtimeClass(name: string): Promise<RuntimeClass | undefined>;
}

/** A pod's own folder on the node, and its logs. */
export interface PodFiles {
  logDirectory(pod: Pod): string;
  /** Makes what a sandbox needs. */
  prepareSandbox(pod: Pod): Promise<void>;
  /** Weighs the pod against its neighbours, once its sandbox is there. */
  weighPod(pod: Pod): Promise<void>;
  /** Makes what one run of a container needs. @returns everything to mount into it, volumes included */
  prepareContainer(request: ContainerFilesRequest): Promise<ContainerMount[]>;
  /** What the container left as its last words; empty when nothing. */
  terminationMessage(pod: Pod, container: Container, run: RuntimeContainer): Promise<string>;
  /** Deletes the pod's folder and logs. May be repeated. */
  remove(pod: RuntimePodRef): Promise<void>;
}

export interface ContainerFilesRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly podIps: readonly string[];
  readonly volumes: ReadonlyMap<string, string>;
  readonly env: ReadonlyMap<string, string>;
}

export interface ProbeTarget {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

export interface ProbeResult {
  readonly ok: boolean;
  /** What went wrong, for the event; empty when ok. */
  readonly output: string;
  /** Well, but something is to be told about it. */
  readonly warning?: string;
}

/** Asks a container whether it is well. A rejection is no answer: it is told of, and changes nothing. */
export interface ProbeRunner {
  /** True: every answer is a success, so one is enough and no time is spent on more. */
  readonly alwaysWell: boolean;
  run(probe: Probe, target: ProbeTarget, timeoutMs: number): Promise<ProbeResult>;
}

/** A pod of one of the nodes behind a kubelet's door. */
export interface DoorPod {
  readonly pod: Pod;
  readonly nodeName: string;
  readonly runtime: ContainerRuntime;
}
