/** What stands between a known caller and the work: how many requests run at once, and whose come first. */
import type { AnyResponse, RequestInfo, UserInfo } from './ports.ts';

/** The right to run; opaque to the doors. */
export type Pass = object;

export interface GateRequest {
  readonly user: UserInfo;
  readonly info: RequestInfo;
  readonly query?: URLSearchParams | undefined;
  /** Gets headers that say where the request belongs; when it goes away, so does a request that waits. */
  readonly response?: AnyResponse | undefined;
}

export interface Gate {
  /** At once when there is room, later when the request had to wait. @throws ApiError TooManyRequests */
  enter(request: GateRequest): Pass | Promise<Pass>;
  leave(pass: Pass): void;
}
