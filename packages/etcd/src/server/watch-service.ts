/** The Watch service: one stream of any number of watchers a call. */

import { errorMessage, type Logger } from '@kubets/platform';
import type { WatchCreateRequest, WatchRequest, WatchResponse } from '../codec/index.ts';
import { CODE, EtcdError, etcdError, statusError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { WatchStream } from '../watch/index.ts';
import type { Access } from './access.ts';
import type { StreamCall } from './calls.ts';
import type { FrameSharing } from './frame-sharing.ts';
import type { LeaderGuard } from './leader-guard.ts';
import type { Member } from './member.ts';

type WatchCall = StreamCall<WatchRequest, WatchResponse>;

const FIRST_KEY = Buffer.of(0);

/** What all watch calls of a member have in common. */
export interface WatchParts {
  readonly member: Member;
  readonly guard: LeaderGuard;
  readonly frames: FrameSharing;
}

/** Serves a watch call. Half-closing does not end it: events go on until the client leaves. */
export function serveWatch({ member, guard, frames }: WatchParts, call: WatchCall): void {
  const { hub, log } = member.parts;
  const stream = hub.open({
    send(message) {
      call.send(message);
      return call.backlogBytes < LIMITS.watchBufferBytes;
    },
    sendToEach(message, watchIds) {
      const { bytes, done } = frames.lend(message, watchIds);
      call.sendFrames(bytes, done);
      return call.backlogBytes < LIMITS.watchBufferBytes;
    },
    end: () => call.end(etcdError('stopped')),
  });
  const guarded = new GuardedRequests(member.access, { stream, call, log });
  call.onMessage((request) => {
    if (member.access.open && guarded.waiting === 0) carryOut(stream, request);
    else guarded.take(request);
  });
  call.onDrain(() => stream.drained());
  call.onClose(() => stream.close());
  guard.watch(call);
}

function carryOut(stream: WatchStream, request: WatchRequest): void {
  if (request.createRequest) stream.create(request.createRequest);
  else if (request.cancelRequest) stream.cancel(request.cancelRequest.watchId);
  else if (request.progressRequest) stream.requestProgress();
}

interface GuardedCall {
  readonly stream: WatchStream;
  readonly call: WatchCall;
  readonly log: Logger;
}

/** Requests of a stream while authentication is on: finding out who asks may take a while, and their order must stay. */
class GuardedRequests {
  waiting = 0;
  private readonly access: Access;
  private readonly guarded: GuardedCall;
  private last: Promise<void> = Promise.resolve();

  constructor(access: Access, guarded: GuardedCall) {
    this.access = access;
    this.guarded = guarded;
  }

  take(request: WatchRequest): void {
    const { call, log } = this.guarded;
    this.waiting++;
    if (this.waiting > LIMITS.watchRequestsWaiting) {
      call.end(etcdError('tooManyRequests'));
      return;
    }
    this.last = this.last
      .then(async () => {
        await this.decide(request);
        this.waiting--;
      })
      .catch((error: unknown) => {
        log.error({ err: error }, 'watch request failed');
        call.end(statusError(CODE.internal, errorMessage(error)));
      });
  }

  private async decide(request: WatchRequest): Promise<void> {
    const { stream } = this.guarded;
    const reason = request.createRequest && (await this.whyNot(request.createRequest));
    if (reason === undefined) carryOut(stream, request);
    else stream.refuse(reason);
  }

  /** @returns the refusal as clients of this service expect it */
  private async whyNot({ key, rangeEnd }: WatchCreateRequest): Promise<string | undefined> {
    try {
      const from = key.length === 0 ? FIRST_KEY : key;
      await this.access.checkKeys(this.guarded.call, 'read', { key: from, rangeEnd });
      return undefined;
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      return `rpc error: code = ${CODE_NAMES[error.code] ?? 'Unknown'} desc = ${error.message}`;
    }
  }
}

const CODE_NAMES: Readonly<Record<number, string>> = {
  [CODE.invalidArgument]: 'InvalidArgument',
  [CODE.permissionDenied]: 'PermissionDenied',
  [CODE.unauthenticated]: 'Unauthenticated',
  [CODE.unavailable]: 'Unavailable',
};
