/** A token of somebody this server takes tokens from, but not a good one. What it says is shown by TokenReview. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}
