import { createHash } from 'node:crypto';
import type { KubeObject, Secret } from '@kubets/api';
import type { Clock } from '@kubets/platform';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import { LIMITS } from '../edge-limits.ts';
import type { UserInfo } from '../ports.ts';
import { EXTRA_KEYS, serviceAccountGroups, serviceAccountUsername } from './identity.ts';
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

  /** @returns undefined when the token is not good for any of the audiences, for whatever reason */
  async verify(token: string, audiences: readonly string[]): Promise<VerifiedToken | undefined> {
    const checked = await this.#check(token);
    if (!checked || checked.expiresMs <= this.#clock.now()) return undefined;
    const common = audiences.filter((audience) => checked.audiences.includes(audience));
    if (common.length === 0) return undefined;
    if (!(await this.#stillBound(checked.claims))) return undefined;
    if (!(await this.#stillHeld(checked, token))) return undefined;
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

  async #stillBound(claims: KubernetesClaims): Promise<boolean> {
    const { namespace, serviceaccount, pod, secret, node } = claims;
    const account = await this.#objects.find('serviceaccounts', namespace, serviceaccount.name);
    if (!this.#isAlive(account, serviceaccount.uid)) return false;
    if (pod && !this.#isAlive(await this.#objects.find('pods', namespace, pod.name), pod.uid)) {
      return false;
    }
    if (secret) {
      const found = await this.#objects.find('secrets', namespace, secret.name);
      if (!this.#isAlive(found, secret.uid)) return false;
    }
    // A pod's token also names the node, for information; only a token bound to the node itself dies with it.
    if (!node || pod) return true;
    return this.#isAlive(await this.#objects.find('nodes', '', node.name), node.uid);
  }

  #isAlive(object: KubeObject | undefined, uid: string | undefined): boolean {
    if (!object || object.metadata.uid !== uid) return false;
    const deleted = object.metadata.deletionTimestamp;
    if (!deleted) return true;
    return Date.parse(deleted) + LIMITS.deletedTokenLeewayMs > this.#clock.now();
  }
}

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
