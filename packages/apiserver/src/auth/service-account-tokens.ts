import { createHash } from 'node:crypto';
import { goQuote, type KubeObject, type Secret } from '@kubets/api';
import type { Clock } from '@kubets/platform';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import { LIMITS } from '../edge-limits.ts';
import type { UserInfo } from '../ports.ts';
import { EXTRA_KEYS, serviceAccountGroups, serviceAccountUsername } from './identity.ts';
import { TokenRefused } from './jwt/refused.ts';
import type { SigningKey, VerifyingKey } from './keys.ts';
import {
  dayOf,
  holdsToken,
  isMarkedInvalid,
  LEGACY_ISSUER,
  looksLegacy,
  readLegacyClaims,
} from './legacy-tokens.ts';

/** An object a token lives and dies with. */
export interface BoundObject {
  readonly name: string;
  readonly uid?: string;
}

/** The private claims of a bound service-account token. */
export interface KubernetesClaims {
  readonly namespace: string;
  readonly serviceaccount: { readonly name: string; readonly uid: string };
  readonly pod?: BoundObject;
  readonly secret?: BoundObject;
  readonly node?: BoundObject;
  /** Epoch seconds after which use of a token with a prolonged life is remarkable. */
  readonly warnafter?: number;
}

/** What a token is issued for. */
export interface TokenDraft {
  readonly claims: KubernetesClaims;
  readonly audiences: readonly string[];
  readonly lifetimeSeconds: number;
  readonly tokenId: string;
}

/** A verified token. */
export interface VerifiedToken {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

/** Live objects a token may be bound to; undefined when there is none. */
export interface BoundObjects {
  find(
    kind: 'serviceaccounts' | 'pods' | 'secrets' | 'nodes',
    namespace: string,
    name: string,
  ): Promise<KubeObject | undefined>;
  /** Notes in a Secret, some time, that its token was used on a day; nobody waits for that. */
  noteUse(secret: Secret, day: string): void;
}

interface Checked {
  readonly claims: KubernetesClaims;
  readonly audiences: readonly string[];
  readonly tokenId: string;
  readonly expiresMs: number;
  /** The Secret a token of the older kind has to be in. */
  readonly heldBy?: string;
}

/** Signs service-account tokens. */
export class TokenIssuer {
  readonly #key: SigningKey;
  readonly #issuer: string;
  readonly #clock: Clock;

  constructor(o: { key: SigningKey; issuer: string; clock: Clock }) {
    this.#key = o.key;
    this.#issuer = o.issuer;
    this.#clock = o.clock;
  }

  /** The compact token. The times are whole seconds, as the claims are. */
  async issue(draft: TokenDraft): Promise<{ token: string; expiresMs: number }> {
    const nowSeconds = Math.floor(this.#clock.now() / 1000);
    const expires = nowSeconds + draft.lifetimeSeconds;
    const { namespace, serviceaccount } = draft.claims;
    const token = await new SignJWT({ 'kubernetes.io': draft.claims })
      .setProtectedHeader({ alg: this.#key.algorithm, kid: this.#key.keyId })
      .setIssuer(this.#issuer)
      .setSubject(serviceAccountUsername(namespace, serviceaccount.name))
      .setAudience([...draft.audiences])
      .setIssuedAt(nowSeconds)
      .setNotBefore(nowSeconds)
      .setExpirationTime(expires)
      .setJti(draft.tokenId)
      .sign(this.#key.key);
    return { token, expiresMs: expires * 1000 };
  }
}

/**
 * Verifies service-account tokens: signature, issuer, times, audience, and that the account and the object
 * the token is bound to still are the ones it was issued for. Signatures are checked once a token; what it is
 * bound to is looked up every time.
 */
export class TokenVerifier {
  readonly #keys: Map<string, VerifyingKey>;
  readonly #issuers: string[];
  readonly #clock: Clock;
  readonly #objects: BoundObjects;
  readonly #apiAudiences: readonly string[];
  readonly #checked = new Map<string, Checked>();

  constructor(o: {
    keys: readonly VerifyingKey[];
    issuer: string;
    /** Issuers whose tokens are still good, but that issue none any more. */
    formerIssuers?: readonly string[] | undefined;
    /** What tokens without an audience are good for; the issuers when empty. */
    audiences?: readonly string[];
    clock: Clock;
    objects: BoundObjects;
  }) {
    this.#keys = new Map(o.keys.map((key) => [key.keyId, key]));
    this.#issuers = [o.issuer, ...(o.formerIssuers ?? [])];
    this.#clock = o.clock;
    this.#objects = o.objects;
    this.#apiAudiences = o.audiences?.length ? o.audiences : this.#issuers;
  }

  /**
   * @returns undefined for what is no token of this server
   * @throws TokenRefused for one that is not good, or for none of the audiences
   */
  async verify(token: string, audiences: readonly string[]): Promise<VerifiedToken | undefined> {
    const checked = await this.#check(token);
    if (!checked) return undefined;
    const common = audiences.filter((audience) => checked.audiences.includes(audience));
    if (common.length === 0) {
      const targets = quotedList(audiences);
      const why = `is invalid for the target audiences ${targets}`;
      throw new TokenRefused(`token audiences ${quotedList(checked.audiences)} ${why}`);
    }
    if (checked.expiresMs <= this.#clock.now()) throw new TokenRefused(EXPIRED);
    await this.#requireBound(checked.claims);
    if (!(await this.#stillHeld(checked, token))) throw new TokenRefused(INVALIDATED);
    return { user: userOf(checked), audiences: common };
  }

  async #check(token: string): Promise<Checked | undefined> {
    const cacheKey = createHash('sha256').update(token).digest('base64');
    const known = this.#checked.get(cacheKey);
    if (known) return known;
    const checked = await this.#checkSignature(token);
    if (!checked) return undefined;
    if (this.#checked.size >= LIMITS.verifiedTokens) {
      const [oldest] = this.#checked.keys();
      if (oldest !== undefined) this.#checked.delete(oldest);
    }
    this.#checked.set(cacheKey, checked);
    return checked;
  }

  async #checkSignature(token: string): Promise<Checked | undefined> {
    const isLegacy = looksLegacy(token);
    for (const key of this.#candidates(token)) {
      try {
        const { payload } = await jwtVerify(token, key.key, {
          algorithms: [key.algorithm],
          issuer: isLegacy ? LEGACY_ISSUER : this.#issuers,
          currentDate: new Date(this.#clock.now()),
          requiredClaims: isLegacy ? ['sub'] : ['exp', 'aud', 'sub'],
        });
        return isLegacy ? this.#legacy(payload) : readClaims(payload);
      } catch (error) {
        if (error instanceof errors.JWTExpired) throw new TokenRefused(EXPIRED, { cause: error });
        if (!(error instanceof errors.JOSEError)) throw error;
      }
    }
    return undefined;
  }

  #legacy(payload: Record<string, unknown>): Checked | undefined {
    const found = readLegacyClaims(payload);
    if (!found) return undefined;
    const { secretName: heldBy, ...claims } = found;
    const audiences = this.#apiAudiences;
    return { claims, audiences, tokenId: '', expiresMs: Number.POSITIVE_INFINITY, heldBy };
  }

  async #stillHeld({ claims, heldBy }: Checked, token: string): Promise<boolean> {
    if (heldBy === undefined) return true;
    const found = await this.#objects.find('secrets', claims.namespace, heldBy);
    const secret: Secret | undefined = found;
    if (!holdsToken(secret, token)) return false;
    this.#objects.noteUse(secret, dayOf(this.#clock.now()));
    return !isMarkedInvalid(secret);
  }

  #candidates(token: string): VerifyingKey[] {
    try {
      const { kid } = decodeProtectedHeader(token);
      const named = kid === undefined ? undefined : this.#keys.get(kid);
      return named ? [named] : [...this.#keys.values()];
    } catch {
      // Not a JSON Web Token at all: nothing here can verify it, another authenticator may.
      return [];
    }
  }

  /** @throws TokenRefused when the account, or what the token is bound to, is not the one any more */
  async #requireBound(claims: KubernetesClaims): Promise<void> {
    const { namespace, serviceaccount: own, pod, secret, node } = claims;
    const account = await this.#objects.find('serviceaccounts', namespace, own.name);
    if (!account) throw new TokenRefused(`serviceaccounts ${goQuote(own.name)} not found`);
    if (!this.#isThere(account)) {
      throw new TokenRefused(`service account ${namespace}/${own.name} has been deleted`);
    }
    const { uid = '' } = account.metadata;
    if (uid !== own.uid) {
      throw new TokenRefused(`service account UID (${uid}) does not match claim (${own.uid})`);
    }
    if (secret) await this.#requireAlive('secret', namespace, secret);
    if (pod) await this.#requireAlive('pod', namespace, pod);
    // A pod's token also names the node, for information; only a token bound to the node itself dies with it.
    else if (node) await this.#requireAlive('node', '', node);
  }

  async #requireAlive(
    kind: 'secret' | 'pod' | 'node',
    namespace: string,
    bound: BoundObject,
  ): Promise<void> {
    const object = await this.#objects.find(`${kind}s`, namespace, bound.name);
    if (!object || !this.#isThere(object)) throw new TokenRefused(INVALIDATED);
    const { uid = '' } = object.metadata;
    if (uid === bound.uid) return;
    const claim = `service account ${kind} ref claim (${bound.uid ?? ''})`;
    throw new TokenRefused(`${kind} UID (${uid}) does not match ${claim}`);
  }

  /** Whether an object is not deleted, or only just. */
  #isThere(object: KubeObject): boolean {
    const deleted = object.metadata.deletionTimestamp;
    if (!deleted) return true;
    return Date.parse(deleted) + LIMITS.deletedTokenLeewayMs > this.#clock.now();
  }
}

const EXPIRED = 'service account token has expired';
const INVALIDATED = 'service account token has been invalidated';

const quotedList = (texts: readonly string[]): string => `[${texts.map(goQuote).join(' ')}]`;

function readClaims(payload: Record<string, unknown>): Checked | undefined {
  const claims = payload['kubernetes.io'] as KubernetesClaims | undefined;
  if (!claims?.namespace || !claims.serviceaccount?.name) return undefined;
  if (payload.sub !== serviceAccountUsername(claims.namespace, claims.serviceaccount.name)) {
    return undefined;
  }
  const audiences = Array.isArray(payload.aud) ? payload.aud.map(String) : [String(payload.aud)];
  const tokenId = typeof payload.jti === 'string' ? payload.jti : '';
  return { claims, audiences, tokenId, expiresMs: Number(payload.exp) * 1000 };
}

function userOf({ claims, tokenId }: Checked): UserInfo {
  const { namespace, serviceaccount, pod, node } = claims;
  const extra: Record<string, string[]> = {};
  if (tokenId) extra[EXTRA_KEYS.credentialId] = [`JTI=${tokenId}`];
  if (pod) extra[EXTRA_KEYS.podName] = [pod.name];
  if (pod?.uid) extra[EXTRA_KEYS.podUid] = [pod.uid];
  if (node) extra[EXTRA_KEYS.nodeName] = [node.name];
  if (node?.uid) extra[EXTRA_KEYS.nodeUid] = [node.uid];
  return {
    name: serviceAccountUsername(namespace, serviceaccount.name),
    uid: serviceaccount.uid,
    groups: serviceAccountGroups(namespace),
    extra,
  };
}
