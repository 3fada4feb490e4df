import { StorageError } from '../errors.ts';

/** A database file that is damaged, cut short, or none. */
export class DatabaseError extends StorageError {
  override name = 'DatabaseError';
}
