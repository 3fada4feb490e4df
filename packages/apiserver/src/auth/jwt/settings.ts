/** The shapes of an AuthenticationConfiguration, as its file has them. */
import { ConfigError } from '@kubets/platform';
import {
  type DocumentKind,
  listOf,
  optional,
  type Read,
  readDocument,
  struct,
  text,
  truth,
} from '../../settings/reader.ts';

const mapping = struct({ claim: text, prefix: optional(text), expression: text });

const authenticator = struct({
  issuer: struct({
    url: text,
    discoveryURL: text,
    certificateAuthority: text,
    audiences: listOf(text),
    audienceMatchPolicy: text,
  }),
  claimValidationRules: listOf(
    struct({ claim: text, requiredValue: text, expression: text, message: text }),
  ),
  claimMappings: struct({
    username: mapping,
    groups: mapping,
    uid: struct({ claim: text, expression: text }),
    extra: listOf(struct({ key: text, valueExpression: text })),
  }),
  userValidationRules: listOf(struct({ expression: text, message: text })),
});

const anonymous = struct({ enabled: truth, conditions: listOf(struct({ path: text })) });

const fields = { jwt: listOf(authenticator), anonymous: optional(anonymous) };

/** One issuer whose tokens are taken, and what they say about users. */
export type JwtSettings = Read<typeof authenticator>;

/** Who is let in without a credential; with conditions only to their paths. */
export type AnonymousSettings = Read<typeof anonymous>;

export interface AuthenticationSettings {
  readonly jwt: readonly JwtSettings[];
  readonly anonymous: AnonymousSettings | undefined;
}

const KIND: DocumentKind<typeof fields> = {
  kind: 'AuthenticationConfiguration',
  versions: ['v1beta1', 'v1alpha1'],
  fields,
};

/** One issuer, put together by this server itself. */
export const readJwt = (value: object): JwtSettings =>
  authenticator(value, 'jwt', (what) => {
    throw new ConfigError(what);
  });

/** Reads the text of a file. @throws ConfigError */
export const readAuthentication = (source: string): AuthenticationSettings =>
  readDocument(source, KIND);
