/**
 * Discovery in Kubernetes' protobuf: the messages of `meta/v1` and `apidiscovery`, by the numbers in their `generated.proto`.
 * They are in no schema of kinds, as nothing of them is stored.
 */
import { getOwn, type JsonObject } from '@kubets/api';
import { encodeEnvelope } from '../protobuf/encode.ts';
import {
  delimited,
  flag,
  many,
  message,
  messageBytes,
  type Shape,
  text,
  type Write,
  wrapped,
} from './message-writer.ts';

const GROUP_VERSION: Shape = { groupVersion: [1, text], version: [2, text] };
const groupVersion = message(() => GROUP_VERSION);
const ADDRESS: Shape = { clientCIDR: [1, text], serverAddress: [2, text] };
const address = message(() => ADDRESS);

const GROUP: Shape = {
  name: [1, text],
  versions: [2, many(groupVersion)],
  preferredVersion: [3, groupVersion],
  serverAddressByClientCIDRs: [4, many(address)],
};

/** Verbs are a message of their own, which may be empty. */
const verbs = wrapped(1, many(text));

const RESOURCE: Shape = {
  name: [1, text],
  namespaced: [2, flag],
  kind: [3, text],
  verbs: [4, verbs],
  shortNames: [5, many(text)],
  singularName: [6, text],
  categories: [7, many(text)],
  group: [8, text],
  version: [9, text],
  storageVersionHash: [10, text],
};

const KIND: Shape = { group: [1, text], version: [2, text], kind: [3, text] };
const kind = message(() => KIND);

const SUBRESOURCE: Shape = {
  subresource: [1, text],
  responseKind: [2, kind],
  acceptedTypes: [3, many(kind)],
  verbs: [4, many(text)],
};

const DISCOVERED: Shape = {
  resource: [1, text],
  responseKind: [2, kind],
  scope: [3, text],
  singularResource: [4, text],
  verbs: [5, many(text)],
  shortNames: [6, many(text)],
  categories: [7, many(text)],
  subresources: [8, many(message(() => SUBRESOURCE))],
};

const VERSION: Shape = {
  version: [1, text],
  resources: [2, many(message(() => DISCOVERED))],
  freshness: [3, text],
};

/** A time that is not set is a message without anything. */
const noTime: Write = (number) => delimited(number, '');
const METADATA: Shape = { name: [1, text], creationTimestamp: [8, noTime] };
const DISCOVERED_GROUP: Shape = {
  metadata: [1, message(() => METADATA)],
  versions: [2, many(message(() => VERSION))],
};
const NOTHING: Shape = {};

/** The messages by kind. */
const KINDS: Readonly<Record<string, Shape>> = {
  APIVersions: { versions: [1, many(text)], serverAddressByClientCIDRs: [2, many(address)] },
  APIGroup: GROUP,
  APIGroupList: { groups: [1, many(message(() => GROUP))] },
  APIResourceList: { groupVersion: [1, text], resources: [2, many(message(() => RESOURCE))] },
  APIGroupDiscoveryList: {
    metadata: [1, message(() => NOTHING)],
    items: [2, many(message(() => DISCOVERED_GROUP))],
  },
};

/** A discovery document in its envelope; undefined when its kind has no message. */
export function discoveryProtobuf(document: object): Buffer | undefined {
  const { kind: name, apiVersion, ...fields } = document as JsonObject;
  const shape = typeof name === 'string' ? getOwn(KINDS, name) : undefined;
  if (shape === undefined) return undefined;
  const type = { apiVersion: String(apiVersion ?? 'v1'), kind: String(name) };
  return encodeEnvelope(type, messageBytes(shape, fields));
}
