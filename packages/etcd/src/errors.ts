/**
 * The errors of the etcd v3 API: one table of kind → gRPC code and text. The text is part of the wire contract (clients
 * know an error by it), so both our server and our client take it from here.
 */

/** gRPC status codes this package uses. */
export const CODE = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

const TABLE = {
  emptyKey: [CODE.invalidArgument, 'etcdserver: key is not provided'],
  keyNotFound: [CODE.invalidArgument, 'etcdserver: key not found'],
  valueProvided: [CODE.invalidArgument, 'etcdserver: value is provided'],
  leaseProvided: [CODE.invalidArgument, 'etcdserver: lease is provided'],
  tooManyOps: [CODE.invalidArgument, 'etcdserver: too many operations in txn request'],
  duplicateKey: [CODE.invalidArgument, 'etcdserver: duplicate key given in txn request'],
  invalidSortOption: [CODE.invalidArgument, 'etcdserver: invalid sort option'],
  compacted: [CODE.outOfRange, 'etcdserver: mvcc: required revision has been compacted'],
  futureRevision: [CODE.outOfRange, 'etcdserver: mvcc: required revision is a future revision'],
  noSpace: [CODE.resourceExhausted, 'etcdserver: mvcc: database space exceeded'],

  leaseNotFound: [CODE.notFound, 'etcdserver: requested lease not found'],
  leaseExists: [CODE.failedPrecondition, 'etcdserver: lease already exists'],
  leaseTtlTooLarge: [CODE.outOfRange, 'etcdserver: too large lease TTL'],

  memberExists: [CODE.failedPrecondition, 'etcdserver: member ID already exist'],
  peerUrlExists: [CODE.failedPrecondition, 'etcdserver: Peer URLs already exists'],
  // The original, too, names no code for this one.
  memberNotEnoughStarted: [
    CODE.unknown,
    'etcdserver: re-configuration failed due to not enough started members',
  ],
  memberBadUrls: [CODE.invalidArgument, 'etcdserver: given member URLs are invalid'],
  memberNotFound: [CODE.notFound, 'etcdserver: member not found'],
  memberNotLearner: [CODE.failedPrecondition, 'etcdserver: can only promote a learner member'],
  learnerNotReady: [
    CODE.failedPrecondition,
    'etcdserver: can only promote a learner member which is in sync with leader',
  ],
  tooManyLearners: [CODE.failedPrecondition, 'etcdserver: too many learner members in cluster'],

  requestTooLarge: [CODE.invalidArgument, 'etcdserver: request is too large'],
  tooManyRequests: [CODE.resourceExhausted, 'etcdserver: too many requests'],

  noLeader: [CODE.unavailable, 'etcdserver: no leader'],
  notLeader: [CODE.failedPrecondition, 'etcdserver: not leader'],
  leaderChanged: [CODE.unavailable, 'etcdserver: leader changed'],
  badLeaderTransferee: [CODE.failedPrecondition, 'etcdserver: bad leader transferee'],
  notCapable: [CODE.unavailable, 'etcdserver: not capable'],
  stopped: [CODE.unavailable, 'etcdserver: server stopped'],
  timeout: [CODE.unavailable, 'etcdserver: request timed out'],
  timeoutLeaderFail: [
    CODE.unavailable,
    'etcdserver: request timed out, possibly due to previous leader failure',
  ],
  unhealthy: [CODE.unavailable, 'etcdserver: unhealthy cluster'],
  corrupt: [CODE.dataLoss, 'etcdserver: corrupt cluster'],
  notSupportedForLearner: [CODE.unavailable, 'etcdserver: rpc not supported for learner'],

  authNotEnabled: [CODE.failedPrecondition, 'etcdserver: authentication is not enabled'],
  permissionDenied: [CODE.permissionDenied, 'etcdserver: permission denied'],
  rootUserMissing: [CODE.failedPrecondition, 'etcdserver: root user does not exist'],
  rootRoleMissing: [CODE.failedPrecondition, 'etcdserver: root user does not have root role'],
  userExists: [CODE.failedPrecondition, 'etcdserver: user name already exists'],
  userEmpty: [CODE.invalidArgument, 'etcdserver: user name is empty'],
  userNotFound: [CODE.failedPrecondition, 'etcdserver: user name not found'],
  roleExists: [CODE.failedPrecondition, 'etcdserver: role name already exists'],
  roleNotFound: [CODE.failedPrecondition, 'etcdserver: role name not found'],
  roleEmpty: [CODE.invalidArgument, 'etcdserver: role name is empty'],
  authFailed: [
    CODE.invalidArgument,
    'etcdserver: authentication failed, invalid user ID or password',
  ],
  noPasswordUser: [
    CODE.unknown,
    'auth: authentication failed, password was given for no password user',
  ],
  permissionNotGiven: [CODE.invalidArgument, 'etcdserver: permission not given'],
  roleNotGranted: [CODE.failedPrecondition, 'etcdserver: role is not granted to the user'],
  permissionNotGranted: [
    CODE.failedPrecondition,
    'etcdserver: permission is not granted to the role',
  ],
  jwtVerifyOnly: [CODE.unknown, 'auth: token signing attempted with verify-only key'],
  invalidAuthToken: [CODE.unauthenticated, 'etcdserver: invalid auth token'],
  invalidAuthManagement: [CODE.invalidArgument, 'etcdserver: invalid auth management'],
  authOldRevision: [CODE.invalidArgument, 'etcdserver: revision of auth store is old'],
} as const satisfies Record<string, readonly [number, string]>;

/** What went wrong, independent of its wording. `other`: an error this table does not know. */
export type EtcdErrorKind = keyof typeof TABLE | 'other';

const kindOfText = new Map<string, EtcdErrorKind>(
  Object.entries(TABLE).map(([kind, [, text]]) => [text, kind as EtcdErrorKind]),
);

/** An answer of the store that is not a result. */
export class EtcdError extends Error {
  override name = 'EtcdError';
  readonly kind: EtcdErrorKind;
  /** gRPC status code. */
  readonly code: number;

  constructor(kind: EtcdErrorKind, code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.code = code;
  }

  /** Reads what a server said. */
  static fromWire(code: number, details: string, options?: ErrorOptions): EtcdError {
    return new EtcdError(kindOfText.get(details) ?? 'other', code, details, options);
  }
}

/** The error of this kind, to be thrown. */
export function etcdError(kind: Exclude<EtcdErrorKind, 'other'>): EtcdError {
  const [code, text] = TABLE[kind];
  return new EtcdError(kind, code, text);
}

/** An error outside the table: a code and a text of our own. */
export function statusError(code: number, message: string): EtcdError {
  return new EtcdError('other', code, message);
}

/** True for an {@link EtcdError} of this kind, also when it is the cause of another error. */
export function isEtcdError(error: unknown, kind: EtcdErrorKind): error is EtcdError {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (e instanceof EtcdError && e.kind === kind) return true;
  }
  return false;
}

/**
 * A write whose fate is unknown: the connection broke, or the time ran out, after it was sent. It may have been applied,
 * may be applied yet, or never. Read before trying again, or make the write conditional on a revision.
 */
export class AmbiguousError extends EtcdError {
  override name = 'AmbiguousError';
}

/**
 * A call that was offered to every endpoint for all of its time. None took it, so a write surely was not applied. `message` tells
 * what each of them said last.
 */
export class NotTakenError extends EtcdError {
  override name = 'NotTakenError';
}

/** The data directory holds something that is not our state, or a damaged one. */
export class StorageError extends Error {
  override name = 'StorageError';
}
