/** The vocabulary of the benchmark of nodes: what the coordinator and the processes of hollow nodes tell each other. */
import type { Packed } from '../report/histogram.ts';
import type { Access } from '../rest/kubeconfig.ts';

/** Certificates as text, since messages between processes are JSON. */
export interface PackedAccess {
  readonly server: string;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly token: string | undefined;
}

export interface WorkerOrders {
  readonly access: PackedAccess;
  readonly run: string;
  /** The first node's number, and how many there are. */
  readonly first: number;
  readonly count: number;
  /** Whether nodes write the events a kubelet writes. */
  readonly events: boolean;
  /** Time from seeing a pod to its containers running. */
  readonly startMs: number;
}

export type ToWorker =
  | { readonly kind: 'start'; readonly orders: WorkerOrders }
  /** Forget the nodes in the API, then end. */
  | { readonly kind: 'drain' }
  /** End at once; the nodes stay in the API. */
  | { readonly kind: 'stop' };

/** How a process of hollow nodes is. Latencies are those since the last report. */
export interface WorkerReport {
  readonly kind: 'report';
  readonly registered: number;
  /** Nodes that pods may be placed on. */
  readonly ready: number;
  readonly pods: number;
  readonly watches: number;
  /** Requests that wait for their turn in the process. */
  readonly waiting: number;
  readonly api: Readonly<Record<string, Packed>>;
  readonly failures: Readonly<Record<string, number>>;
  readonly nodesLeft: number;
}

export const packAccess = ({ server, ca, cert, key, token }: Access): PackedAccess => ({
  server,
  ca: ca?.toString(),
  cert: cert?.toString(),
  key: key?.toString(),
  token,
});

const bytes = (text: string | undefined): Buffer | undefined =>
  text === undefined ? undefined : Buffer.from(text);

export const unpackAccess = ({ server, ca, cert, key, token }: PackedAccess): Access => ({
  ...{ server, ca: bytes(ca), cert: bytes(cert), key: bytes(key), token },
});
