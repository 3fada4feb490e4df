/** EncryptionConfiguration: which resources are encrypted in the store, by which providers and keys. */
import { readFileSync } from 'node:fs';
import { aggregateText, isJsonObject } from '@kubets/api';
import { ConfigError, errorMessage, yamlLibrary } from '@kubets/platform';
import { type KmsSettings, kmsSettings } from './kms/config.ts';
import { CIPHERS, IDENTITY, keyedProvider, type Provider, type ProviderKey } from './providers.ts';
import { namedResource, resourceErrors } from './resource-names.ts';

/** The providers of some resources: the first writes, all read. */
export interface Rule {
  matches(group: string, resource: string): boolean;
  readonly providers: readonly Provider[];
}

const FLAG = '--encryption-provider-config';
type Part = Readonly<Record<string, unknown>>;

/** @throws ConfigError */
export function readEncryptionFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${FLAG}: cannot read ${file}: ${errorMessage(error)}`);
  }
}

/** Makes the provider that asks a service for keys. */
export type KmsFactory = (settings: KmsSettings) => Provider;

/** What the parts of a file are read with. */
interface Reading {
  readonly kmsOf: KmsFactory;
  /** Services must have names of their own: values in the store are marked with them. */
  readonly kmsNames: Set<string>;
}

/** The rules of a file's text, in its order. @throws ConfigError naming what is wrong; never shows a key */
export function parseEncryption(text: string, file: string, kmsOf: KmsFactory): readonly Rule[] {
  const fail = (what: string): never => {
    throw new ConfigError(`${FLAG}: ${file}: ${what}`);
  };
  const config = parsed(text, fail);
  const isOurs = config.kind === 'EncryptionConfiguration' || config.kind === 'EncryptionConfig';
  const isVersion =
    config.apiVersion === 'apiserver.config.k8s.io/v1' || config.apiVersion === 'v1';
  if (!isOurs || !isVersion) {
    fail('want kind EncryptionConfiguration of apiserver.config.k8s.io/v1');
  }
  const { resources } = config;
  if (!Array.isArray(resources) || resources.length === 0) return fail('there are no resources');
  const reading = { kmsOf, kmsNames: new Set<string>() };
  return resources.map((part: unknown, at) => {
    const where = (what: string): never => fail(`resources[${at}]: ${what}`);
    return isJsonObject(part) ? ruleOf(part, { at, reading }, where) : where('this is no object');
  });
}

function parsed(text: string, fail: (what: string) => never): Part {
  let value: unknown;
  try {
    value = yamlLibrary().parse(text, { maxAliasCount: 0 });
  } catch {
    // The parser's message would show a piece of the text, and the text holds keys.
    return fail('this is no YAML');
  }
  return isJsonObject(value) ? value : fail('this is no object');
}

function ruleOf(
  part: Part,
  { at, reading }: { readonly at: number; readonly reading: Reading },
  fail: (what: string) => never,
): Rule {
  const names = Array.isArray(part.resources) ? part.resources.map(String) : [];
  const providers = Array.isArray(part.providers) ? part.providers : [];
  if (names.length === 0) fail('resources must name at least one');
  if (providers.length === 0) fail('providers must name at least one');
  const errors = resourceErrors(`resources[${at}].resources`, names);
  if (errors.length > 0) fail(aggregateText(errors));
  const matchers = names.map((name) => matcherOf(name, fail));
  return {
    matches: (group, resource) => matchers.some((one) => one(group, resource)),
    providers: providers.map((one: unknown, at) => {
      const where = (what: string): never => fail(`providers[${at}]: ${what}`);
      return isJsonObject(one) ? providerOf(one, reading, where) : where('this is no object');
    }),
  };
}

function matcherOf(name: string, fail: (what: string) => never): Rule['matches'] {
  const { group, resource } = namedResource(name);
  if (resource === '' || name.includes('/')) fail(`"${name}" names no resource`);
  return (g, r) => (group === '*' || group === g) && (resource === '*' || resource === r);
}

function providerOf(part: Part, reading: Reading, fail: (what: string) => never): Provider {
  const [kind = '', ...more] = Object.keys(part);
  if (more.length > 0) fail('more than one provider in one entry');
  if (kind === 'identity') return IDENTITY;
  if (kind === 'kms') return kmsOf(part.kms, reading, fail);
  const known = CIPHERS[kind];
  if (known === undefined) return fail(`"${kind}" is no provider`);
  const settings = part[kind];
  const keys = isJsonObject(settings) && Array.isArray(settings.keys) ? settings.keys : [];
  if (keys.length === 0) fail(`${kind} has no keys`);
  const read = keys.map((key: unknown, at) => {
    const where = (what: string): never => fail(`${kind}.keys[${at}]: ${what}`);
    return isJsonObject(key) ? keyOf(key, known.keyBytes, where) : where('this is no object');
  });
  if (new Set(read.map(({ name }) => name)).size < read.length) fail(`${kind}: a key name twice`);
  return keyedProvider(kind, read);
}

function kmsOf(kms: unknown, reading: Reading, fail: (what: string) => never): Provider {
  const settings = kmsSettings(isJsonObject(kms) ? kms : {}, fail);
  if (reading.kmsNames.has(settings.name)) {
    fail(`duplicate KMS provider name ${settings.name}, names must be unique`);
  }
  reading.kmsNames.add(settings.name);
  return reading.kmsOf(settings);
}

function keyOf(key: Part, keyBytes: readonly number[], fail: (what: string) => never): ProviderKey {
  const { name, secret } = key;
  if (typeof name !== 'string' || name === '' || name.includes(':')) {
    return fail('the name must be a text without a colon');
  }
  if (typeof secret !== 'string') return fail('the secret must be a text');
  const bytes = Buffer.from(secret, 'base64');
  if (!keyBytes.includes(bytes.length)) {
    return fail(`the secret must be ${keyBytes.join(', ')} bytes in base64, not ${bytes.length}`);
  }
  return { name, secret: bytes };
}
