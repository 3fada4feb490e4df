/** Limits of the log on disk, in bytes. */
export interface WalLimits {
  /**
   * A segment is closed once it would grow beyond this. A batch larger than this gets a segment of its own. Segments go as
   * a whole, so this is also about what a restart reads for nothing.
   */
  readonly segmentBytes: number;
  /**
   * How far a segment that was not made ahead is filled with zeros before the writes, so that most syncs change no file size. The
   * next sync has to write it all.
   */
  readonly allocateBytes: number;
}

export const DEFAULT_WAL_LIMITS: WalLimits = {
  segmentBytes: 16 * 1024 * 1024,
  allocateBytes: 1024 * 1024,
};
