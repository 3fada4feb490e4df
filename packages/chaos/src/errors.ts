/** The target cannot be set up, or a fault cannot be made or undone, on this machine. Says what to do next. */
export class ChaosError extends Error {
  override readonly name = 'ChaosError';
}
