/** The bench cannot be run as asked: the message says why and what to do. */
export class BenchError extends Error {
  override readonly name = 'BenchError';
}
