/** The vocabulary: what is broken (a target), how (a fault), and what is written down about it. */

/** One member of a store, as clients and faults see it. */
export interface Member {
  readonly name: string;
  /** `http://HOST:PORT`. */
  readonly clientUrl: string;
  /** Address of the member among its peers; undefined when all share one. */
  readonly address: string | undefined;
}

/** What a target can be broken by. */
export type Ability = 'processes' | 'network' | 'disks' | 'clocks' | 'certificates' | 'membership';

/** A file system of one member that can be made slow, full, failing, or lose power. */
export interface MemberDisk {
  readonly mount: string;
  readonly image: string;
  /** What the image lies on: when it is full, writes fail although the file system has space. */
  readonly backing: string;
  /** `MAJOR:MINOR` of the block device. */
  readonly device: string;
}

/** PEM files of one member's peer door. */
export interface MemberCertificates {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** The same member's, of yesterday. */
  readonly expiredCert: string;
  readonly expiredKey: string;
}

/** A running store that may be broken. */
export interface Target extends AsyncDisposable {
  /** What it is, for people: `kubets`, `stock etcd 3.4.23`. */
  readonly title: string;
  readonly abilities: ReadonlySet<Ability>;
  readonly members: readonly Member[];
  /** The member's process, or undefined while there is none. */
  pid(member: string): number | undefined;
  /** Prefix of a command that runs inside the member's network, such as `nsenter --net=… --`. */
  inNetwork(member: string): string;
  disk(member: string): MemberDisk | undefined;
  /** SIGKILL, and waits until the process is gone. */
  kill(member: string): Promise<void>;
  /** Starts a member that does not run, with the data it had. Does not wait until it serves. */
  start(member: string, extra?: StartChange): Promise<void>;
  /** SIGTERM, and waits until the process is gone. */
  stop(member: string): Promise<void>;
  /** Where the member keeps its data. */
  dataDir(member: string): string;
  /** The last words of a member, for reports of what went wrong. */
  output(member: string): string;
  /** The member's address among its peers. */
  peerUrl(member: string): string;
  /** Removes everything the member has: it must not run. */
  wipe(member: string): void;
  /** Mounts the member's disk anew, as it is: the member must not run. */
  remount(member: string): Promise<void>;
  /** Good and expired certificates of the member; undefined when it has none. */
  certificates(member: string): MemberCertificates | undefined;
  /** A file whose number of milliseconds is added to the member's clock; undefined when its clock cannot be moved. */
  clockFile(member: string): string | undefined;
}

/** What is different at one start of a member. */
export interface StartChange {
  /** Replaces the value of flags, or adds them. */
  readonly flags?: Readonly<Record<string, string>>;
}

export type FaultKind =
  | 'kill'
  | 'stop'
  | 'restart'
  | 'isolate'
  | 'halves'
  | 'one-way-in'
  | 'one-way-out'
  | 'loss'
  | 'delay'
  | 'slow-disk'
  | 'failing-disk'
  | 'full-disk'
  | 'power-loss'
  | 'blackout'
  | 'clock-step'
  | 'expired-certificate'
  | 'replace-member';

/** Whom a fault hits: decided when it is made, for who leads is not known before. */
export type Victim = 'leader' | 'follower' | 'any';

/** One fault of a plan. */
export interface PlannedFault {
  readonly kind: FaultKind;
  readonly victim: Victim;
  /** How long it lasts; 0: until the cluster has overcome it. */
  readonly holdMs: number;
  /** Quiet time after it has been undone and overcome. */
  readonly settleMs: number;
  /** Chooses among what is possible when the fault is made; in [0, 1). */
  readonly dice: number;
}

/** A fault that was made. Times are those of the run's clock. */
export interface FaultRecord {
  readonly number: number;
  readonly kind: FaultKind;
  readonly member: string;
  readonly wasLeader: boolean;
  readonly startMs: number;
  /** When it was undone. */
  readonly undoneMs: number;
  /** When every member served again. */
  readonly recoveredMs: number;
  /** From the fault to the acknowledgement of the first write begun after it. */
  readonly withoutWritesMs: number;
  readonly detail: string;
}

/** Who led, as the members said. `leader` empty: nobody, or they did not say. */
export interface LeaderSample {
  readonly atMs: number;
  readonly leader: string;
  readonly term: number;
}

/** The life of one lease as its owner saw it. */
export interface LeaseRecord {
  readonly lease: string;
  readonly ttlMs: number;
  /** The last grant or renewal that was confirmed: when it was asked for. */
  renewedMs: number;
  /** Whether its owner asked for its end. */
  revoked: boolean;
  /** The keys that hang on it. */
  readonly keys: readonly string[];
}
