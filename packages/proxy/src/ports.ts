/** The vocabulary of the package. */

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** One address behind a service port. */
export interface ProxyEndpoint {
  readonly ip: string;
  readonly port: number;
  /** Takes new connections. */
  readonly ready: boolean;
  /** Still answers, though it is going away. */
  readonly servingTerminating: boolean;
  /** On this node. */
  readonly local: boolean;
  /** Meant for nodes of other zones: traffic that may go to any node leaves it out. */
  readonly elsewhere: boolean;
}

/** One port of one service, with everything that leads to it and stands behind it. */
export interface ProxyServicePort {
  /** `namespace/name:port`, without the colon for a port that has no name. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly clusterIP: string;
  readonly port: number;
  /** 0: none. */
  readonly nodePort: number;
  readonly externalIPs: readonly string[];
  readonly loadBalancerIPs: readonly string[];
  /** Who may come through the load balancer addresses; empty: everybody. */
  readonly sourceRanges: readonly string[];
  /** Traffic from within goes to endpoints of the same node only. */
  readonly internalLocal: boolean;
  /** Traffic from outside does. */
  readonly externalLocal: boolean;
  /** How long a client keeps its endpoint, in seconds; 0: not at all. */
  readonly affinitySeconds: number;
  readonly endpoints: readonly ProxyEndpoint[];
}

/** Runs commands of the system. */
export interface CommandRunner {
  /** @returns standard output. @throws CommandError */
  run(command: string, args: readonly string[], input?: string): Promise<string>;
}

/** Brings service ports into force. */
export interface Backend {
  readonly mode: 'iptables' | 'nftables' | 'userspace';
  /** @param full compare with the kernel too, not only with what was loaded last. @throws CommandError */
  apply(ports: readonly ProxyServicePort[], full: boolean): Promise<void>;
  /** Takes away everything the backend made. */
  cleanup(): Promise<void>;
}
