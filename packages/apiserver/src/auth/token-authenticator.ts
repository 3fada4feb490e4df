import type { UserInfo } from '../ports.ts';
import type { VerifiedToken } from './service-account-tokens.ts';

/**
 * One way to know who a bearer token belongs to. It has either `user`, for tokens that are good for the API and nothing
 * else, or `verify`, for tokens that say themselves what they are good for.
 */
export interface TokenAuthenticator {
  /** @returns undefined when the token is not one of this kind, or not good any more */
  user?(token: string): Promise<UserInfo | undefined>;
  /** @returns undefined also when the token is good for none of the audiences */
  verify?(token: string, audiences: readonly string[]): Promise<VerifiedToken | undefined>;
}

/** Asks one authenticator; tokens without an audience of their own are good for those of the API. */
export async function verifyToken(
  one: TokenAuthenticator,
  token: string,
  o: { audiences: readonly string[]; apiAudiences: readonly string[] },
): Promise<VerifiedToken | undefined> {
  const { audiences, apiAudiences } = o;
  if (one.verify) return one.verify(token, audiences);
  const user = await one.user?.(token);
  if (!user) return undefined;
  const common = audiences.filter((audience) => apiAudiences.includes(audience));
  return common.length === 0 && apiAudiences.length > 0 ? undefined : { user, audiences: common };
}
