/** The Watch service: one stream of any number of watchers a call. */

import type { WatchRequest, WatchResponse } from '../codec/index.ts';
import { etcdError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { WatchHub } from '../watch/index.ts';
import type { StreamCall } from './calls.ts';
import type { LeaderGuard } from './leader-guard.ts';

/** Serves a watch call. Half-closing does not end it: events go on until the client leaves. */
export function serveWatch(
  hub: WatchHub,
  guard: LeaderGuard,
  call: StreamCall<WatchRequest, WatchResponse>,
): void {
  const stream = hub.open({
    send(message) {
      call.send(message);
      return call.backlogBytes < LIMITS.watchBufferBytes;
    },
    end: () => call.end(etcdError('stopped')),
  });
  call.onMessage((request) => {
    if (request.createRequest) stream.create(request.createRequest);
    else if (request.cancelRequest) stream.cancel(request.cancelRequest.watchId);
    else if (request.progressRequest) stream.requestProgress();
  });
  call.onDrain(() => stream.drained());
  call.onClose(() => stream.close());
  guard.watch(call);
}
