import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '@kubets/platform';
import { readAuthentication } from './settings.ts';
import { compileAuthentication } from './validate.ts';

const HEAD = { apiVersion: 'apiserver.config.k8s.io/v1beta1', kind: 'AuthenticationConfiguration' };

const issuer = (more: object = {}) => ({ url: 'https://a.example', audiences: ['k'], ...more });
const username = { claim: 'sub', prefix: '' };
const one = (more: object = {}) => ({ issuer: issuer(), claimMappings: { username }, ...more });
const mapped = (mappings: object) => one({ claimMappings: { username, ...mappings } });

function problemOf(config: object, taken: readonly string[] = []): string {
  try {
    compileAuthentication(readAuthentication(JSON.stringify({ ...HEAD, ...config })), taken);
    return '';
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
}

const jwt = (...jwt: object[]) => ({ jwt });
const RESERVED = 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use';

describe('an AuthenticationConfiguration', () => {
  const table: readonly [string, object, string][] = [
    ['without issuers', jwt(), ''],
    ['with a plain one', jwt(one()), ''],
    [
      'with an unknown field',
      { jwt: [{ ...one(), nope: 1 }] },
      'strict decoding error: unknown field "jwt[0].nope"',
    ],
    [
      'of one issuer twice',
      jwt(one(), one()),
      'jwt[1].issuer.url: Duplicate value: "https://a.example"',
    ],
    [
      'without an address',
      jwt(one({ issuer: issuer({ url: '' }) })),
      'jwt[0].issuer.url: Required value',
    ],
    [
      'in the clear',
      jwt(one({ issuer: issuer({ url: 'http://a' }) })),
      'jwt[0].issuer.url: Invalid value: "http://a": URL scheme must be https',
    ],
    [
      'with a name and a question',
      jwt(one({ issuer: issuer({ url: 'https://u:p@a?x=y#z' }) })),
      '[jwt[0].issuer.url: Invalid value: "https://u:p@a?x=y#z": URL must not contain a username or password, jwt[0].issuer.url: Invalid value: "https://u:p@a?x=y#z": URL must not contain a query, jwt[0].issuer.url: Invalid value: "https://u:p@a?x=y#z": URL must not contain a fragment]',
    ],
    [
      'with no address at all',
      jwt(one({ issuer: issuer({ url: '://a' }) })),
      'jwt[0].issuer.url: Invalid value: "://a": parse "://a": missing protocol scheme',
    ],
    [
      'discovered where it is',
      jwt(one({ issuer: issuer({ discoveryURL: 'https://a.example/' }) })),
      'jwt[0].issuer.discoveryURL: Invalid value: "https://a.example/": discoveryURL must be different from URL',
    ],
    [
      'without audiences',
      jwt(one({ issuer: issuer({ audiences: [] }) })),
      'jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required',
    ],
    [
      'with several, and no policy',
      jwt(one({ issuer: issuer({ audiences: ['a', 'b'] }) })),
      'jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences',
    ],
    [
      'with several',
      jwt(one({ issuer: issuer({ audiences: ['a', 'b'], audienceMatchPolicy: 'MatchAny' }) })),
      '',
    ],
    [
      'with an unknown policy',
      jwt(one({ issuer: issuer({ audienceMatchPolicy: 'MatchAll' }) })),
      'jwt[0].issuer.audienceMatchPolicy: Invalid value: "MatchAll": audienceMatchPolicy must be empty or MatchAny for single audience',
    ],
    [
      'with an authority that is none',
      jwt(one({ issuer: issuer({ certificateAuthority: 'x' }) })),
      'jwt[0].issuer.certificateAuthority: Invalid value: "<omitted>": data does not contain any valid RSA or ECDSA certificates',
    ],
    [
      'with a rule of nothing',
      jwt(one({ claimValidationRules: [{}] })),
      'jwt[0].claimValidationRules[0]: Required value: claim or expression is required',
    ],
    [
      'with a rule of both',
      jwt(one({ claimValidationRules: [{ claim: 'a', expression: 'true' }] })),
      'jwt[0].claimValidationRules[0]: Invalid value: "a": claim and expression can\'t both be set',
    ],
    [
      'with a claim twice',
      jwt(one({ claimValidationRules: [{ claim: 'a' }, { claim: 'a', message: 'm' }] })),
      '[jwt[0].claimValidationRules[1].message: Invalid value: "m": may not be specified when claim is set, jwt[0].claimValidationRules[1].claim: Duplicate value: "a"]',
    ],
    [
      'with an expression twice',
      jwt(
        one({
          claimValidationRules: [
            { expression: 'true' },
            { expression: 'true', requiredValue: 'x' },
          ],
        }),
      ),
      '[jwt[0].claimValidationRules[1].requiredValue: Invalid value: "x": may not be specified when expression is set, jwt[0].claimValidationRules[1].expression: Duplicate value: "true"]',
    ],
    [
      'with a rule that is no truth',
      jwt(one({ claimValidationRules: [{ expression: 'claims.a' }] })),
      'jwt[0].claimValidationRules[0].expression: Invalid value: "claims.a": must evaluate to bool',
    ],
    [
      'with a rule about the user',
      jwt(one({ claimValidationRules: [{ expression: "user.username == 'a'" }] })),
      "jwt[0].claimValidationRules[0].expression: Invalid value: \"user.username == 'a'\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'user' (in container '')\n | user.username == 'a'\n | ^",
    ],
    [
      'without a name',
      jwt({ issuer: issuer() }),
      'jwt[0].claimMappings.username: Required value: claim or expression is required',
    ],
    [
      'without a prefix',
      jwt(mapped({ username: { claim: 'sub' } })),
      'jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing',
    ],
    [
      'with a prefix of an expression',
      jwt(mapped({ groups: { expression: 'claims.g', prefix: 'p' } })),
      'jwt[0].claimMappings.groups.prefix: Invalid value: "p": may not be specified when expression is set',
    ],
    [
      'with two uids',
      jwt(mapped({ uid: { claim: 'a', expression: 'claims.a' } })),
      'jwt[0].claimMappings.uid: Invalid value: "": claim and expression can\'t both be set',
    ],
    [
      'with an unproven address',
      jwt(mapped({ username: { expression: 'claims.email' } })),
      'jwt[0].claimMappings.username.expression: Invalid value: "claims.email": claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression',
    ],
    [
      'with a proven one',
      jwt({
        ...mapped({ username: { expression: 'claims.email' } }),
        claimValidationRules: [{ expression: 'claims.?email_verified.orValue(true) == true' }],
      }),
      '',
    ],
    [
      'with a bare key',
      jwt(mapped({ extra: [{ key: 'foo', valueExpression: 'claims.a' }] })),
      'jwt[0].claimMappings.extra[0].key: Invalid value: "foo": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
    [
      'with a key of ours',
      jwt(mapped({ extra: [{ key: 'x.k8s.io/a', valueExpression: 'claims.a' }] })),
      `jwt[0].claimMappings.extra[0].key: Invalid value: "x.k8s.io/a": ${RESERVED}`,
    ],
    [
      'with a key that shouts',
      jwt(mapped({ extra: [{ key: 'a.io/A', valueExpression: 'claims.a' }] })),
      'jwt[0].claimMappings.extra[0].key: Invalid value: "a.io/A": must be lowercase',
    ],
    [
      'with a key of nothing',
      jwt(mapped({ extra: [{ key: 'a.io/a' }] })),
      'jwt[0].claimMappings.extra[0].valueExpression: Required value',
    ],
    [
      'with a rule of a user that has no such field',
      jwt(one({ userValidationRules: [{ expression: 'user.x' }] })),
      'jwt[0].userValidationRules[0].expression: Invalid value: "user.x": compilation failed: ERROR: <input>:1:5: undefined field \'x\'\n | user.x\n | ....^',
    ],
    [
      'with a rule of a user that has',
      jwt(
        one({
          userValidationRules: [
            {
              expression:
                "!user.username.startsWith('system:') && user.groups.all(g, g != 'x') && !('a/b' in user.extra)",
            },
          ],
        }),
      ),
      '',
    ],
    [
      'without anybody unnamed, but paths for them',
      { anonymous: { enabled: false, conditions: [{ path: '/x' }] } },
      'anonymous.conditions: Invalid value: []apiserver.AnonymousAuthCondition{apiserver.AnonymousAuthCondition{Path:"/x"}}: enabled should be set to true when conditions are defined',
    ],
  ];
  for (const [what, config, problem] of table) {
    it(`${what} is ${problem === '' ? 'fine' : 'refused'}`, () => {
      assert.equal(problemOf(config), problem);
    });
  }

  it('may not have the issuers of this server', () => {
    assert.equal(
      problemOf(jwt(one()), ['https://a.example']),
      'jwt[0].issuer.url: Invalid value: "https://a.example": URL must not overlap with disallowed issuers: [https://a.example]',
    );
  });

  it('has 64 issuers at most', () => {
    const many = Array.from({ length: 65 }, (_none, i) =>
      one({ issuer: issuer({ url: `https://${i}` }) }),
    );
    assert.equal(problemOf(jwt(...many)), 'jwt: Too many: 65: must have at most 64 items');
  });

  it('is of a known kind and version', () => {
    assert.match(
      problemOf({ kind: 'Other' }),
      /^expected apiserver.config.k8s.io\/v1beta1, Kind=AuthenticationConfiguration, got/,
    );
    assert.equal(problemOf({ apiVersion: 'apiserver.config.k8s.io/v1alpha1' }), '');
    assert.match(problemOf({ apiVersion: 'apiserver.config.k8s.io/v1' }), /^expected/);
    assert.throws(() => readAuthentication(''), /empty config data/);
  });
});
