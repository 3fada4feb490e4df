import {
  isNotFound,
  type Pod,
  type ServiceAccountTokenProjection,
  type TokenRequest,
} from '@kubets/api';
import type { Api } from '@kubets/client';
import type { Clock } from '@kubets/platform';
import { nameOf, namespaceOf, specOf, uidOf } from '../../core/pod.ts';
import { VolumeFault } from '../../errors.ts';
import { TOKEN_REFRESH_SHARE, TOKEN_SECONDS } from '../../limits.ts';

interface Token {
  readonly text: string;
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
}

/** Service account tokens bound to pods; asked for when needed, replaced before they expire. */
export class PodTokens {
  readonly #api: Api;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, Token>();

  constructor(api: Api, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** @throws VolumeFault when the service account does not exist */
  async token(pod: Pod, projection: ServiceAccountTokenProjection): Promise<string> {
    const { audience = '', expirationSeconds = TOKEN_SECONDS } = projection;
    const key = `${uidOf(pod)}/${audience}/${expirationSeconds}`;
    const known = this.#tokens.get(key);
    const nowMs = this.#clock.now();
    if (known !== undefined && nowMs < known.refreshAtMs) return known.text;
    try {
      const fresh = await this.#request(pod, audience, expirationSeconds);
      this.#tokens.set(key, fresh);
      return fresh.text;
    } catch (error) {
      // The old one is still good for a while.
      if (known !== undefined && nowMs < known.expiresAtMs) return known.text;
      if (isNotFound(error)) {
        const account = specOf(pod).serviceAccountName ?? 'default';
        const where = `${namespaceOf(pod)}/${account}`;
        throw new VolumeFault(`failed to fetch token: serviceaccount ${where} not found`);
      }
      throw error;
    }
  }

  forget(podUid: string): void {
    for (const key of this.#tokens.keys()) {
      if (key.startsWith(`${podUid}/`)) this.#tokens.delete(key);
    }
  }

  async #request(pod: Pod, audience: string, seconds: number): Promise<Token> {
    const account = specOf(pod).serviceAccountName || 'default';
    const body: TokenRequest = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience === '' ? [] : [audience],
        expirationSeconds: seconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: nameOf(pod), uid: uidOf(pod) },
      },
    };
    const accounts = this.#api.resource('v1', 'serviceaccounts');
    const answer = await accounts.createSubresource<TokenRequest>(
      namespaceOf(pod),
      account,
      'token',
      body,
    );
    const nowMs = this.#clock.now();
    const expiresAtMs = Date.parse(answer.status?.expirationTimestamp ?? '') || nowMs;
    const refreshAtMs = nowMs + (expiresAtMs - nowMs) * TOKEN_REFRESH_SHARE;
    return { text: answer.status?.token ?? '', refreshAtMs, expiresAtMs };
  }
}
