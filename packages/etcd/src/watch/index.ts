/** Watchers: matching changes to intervals, catching up, delivery. */

export { WatchHub } from './hub.ts';
export type { HeaderOf, SharedMessage } from './messages.ts';
export type { WatchSink, WatchStream } from './stream.ts';
