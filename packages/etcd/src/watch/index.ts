/** Watchers: matching changes to intervals, catching up, delivery. */

export { WatchHub } from './hub.ts';
export type { HeaderOf } from './messages.ts';
export type { WatchSink, WatchStream } from './stream.ts';
