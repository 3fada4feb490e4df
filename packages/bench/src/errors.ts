/** What went wrong and what to do, in one line for the user. */
export class BenchError extends Error {
  override readonly name = 'BenchError';
}

/** An API server said no, or nothing. */
export class RestFault extends Error {
  override readonly name = 'RestFault';
  /** 0: no answer came. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}
