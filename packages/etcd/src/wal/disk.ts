/**
 * The file operations the log needs, as a port: the simulator substitutes a disk that forgets unsynced writes.
 * Nothing is durable before the matching `sync` (of a file's bytes) or `syncDir` (of names) has resolved.
 */
export interface Disk {
  /** Keeps other processes out of a directory until the release is called or the process dies. @throws DataDirLockedError */
  lock(dir: string): Promise<() => Promise<void>>;
  makeDir(dir: string): Promise<void>;
  /** Names in a directory, sorted; empty when there is no such directory. */
  list(dir: string): Promise<string[]>;
  read(path: string): Promise<Buffer>;
  /** Opens for writing; creates an empty file or empties an existing one when `create`. */
  open(path: string, options: { readonly create: boolean }): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  syncDir(dir: string): Promise<void>;
}

export interface DiskFile {
  write(bytes: Uint8Array, position: number): Promise<void>;
  truncate(size: number): Promise<void>;
  sync(): Promise<void>;
  /** The same, for what nobody waits for: never on the event loop. */
  syncAside(): Promise<void>;
  close(): Promise<void>;
}
