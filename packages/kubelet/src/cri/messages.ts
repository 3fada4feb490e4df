/** The parts of CRI messages the adapter reads, as proto-loader shows them: enums by name, 64-bit numbers as text. */

export interface CriSandboxMetadata {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly attempt: number;
}

export interface CriSandboxItem {
  readonly id: string;
  readonly metadata: CriSandboxMetadata | null;
  readonly state: string;
  readonly created_at: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface CriSandboxStatus extends CriSandboxItem {
  readonly network: {
    readonly ip: string;
    readonly additional_ips: readonly { readonly ip: string }[];
  } | null;
  readonly linux: {
    readonly namespaces: { readonly options: { readonly network: string } | null } | null;
  } | null;
}

export interface CriContainerItem {
  readonly id: string;
  readonly pod_sandbox_id: string;
  readonly metadata: { readonly name: string; readonly attempt: number } | null;
  readonly state: string;
  readonly created_at: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface CriContainerStatus {
  readonly id: string;
  readonly metadata: { readonly name: string; readonly attempt: number } | null;
  readonly state: string;
  readonly created_at: string;
  readonly started_at: string;
  readonly finished_at: string;
  readonly exit_code: number;
  readonly image: { readonly image: string } | null;
  readonly image_ref: string;
  readonly reason: string;
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly log_path: string;
}

export interface CriImage {
  readonly id: string;
  readonly repo_tags: readonly string[];
  readonly repo_digests: readonly string[];
  readonly size: string;
  readonly uid: { readonly value: string } | null;
  readonly username: string;
}

export interface CriStatus {
  readonly status: {
    readonly conditions: readonly {
      readonly type: string;
      readonly status: boolean;
      readonly reason: string;
      readonly message: string;
    }[];
  } | null;
}

export interface CriContainerStats {
  readonly attributes: {
    readonly id: string;
    readonly labels: Readonly<Record<string, string>>;
  } | null;
  readonly cpu: {
    readonly timestamp: string;
    readonly usage_core_nano_seconds: { readonly value: string } | null;
  } | null;
  readonly memory: { readonly working_set_bytes: { readonly value: string } | null } | null;
}
