/**
 * The heavy half of the package, loaded when first used: only the API server needs all of it, and every other
 * process that imports the package should not pay for schemas, validators and printers.
 */
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

/** Calls through to a function of a module that is loaded at the first call. */
function later<M>(path: string): () => M {
  let module: M | undefined;
  return () => {
    module ??= load(path) as M;
    return module;
  };
}

type Defaults = typeof import('./defaults/index.ts');
const defaults = later<Defaults>('./defaults/index.ts');
export const defaultObject: Defaults['defaultObject'] = (def, object) => {
  if (def.rules?.setDefaults) def.rules.setDefaults(object);
  else defaults().defaultObject(def, object);
};

type Convert = typeof import('./convert.ts');
const convert = later<Convert>('./convert.ts');
export const convertObject: Convert['convertObject'] = (...args) =>
  convert().convertObject(...args);

type Decode = typeof import('./schema/decode.ts');
const decode = later<Decode>('./schema/decode.ts');
export const cannotBeHandled: Decode['cannotBeHandled'] = (...args) =>
  decode().cannotBeHandled(...args);
export const decodeObject: Decode['decodeObject'] = (...args) => decode().decodeObject(...args);
export const decodeStrict: Decode['decodeStrict'] = (...args) => decode().decodeStrict(...args);
export const decodeType: Decode['decodeType'] = (...args) => decode().decodeType(...args);
export const duplicateFields: Decode['duplicateFields'] = (...args) =>
  decode().duplicateFields(...args);
export const numberError: Decode['numberError'] = (...args) => decode().numberError(...args);
export const parseJson: Decode['parseJson'] = (...args) => decode().parseJson(...args);
export const strictErrorsOfText: Decode['strictErrorsOfText'] = (...args) =>
  decode().strictErrorsOfText(...args);
export const repeatedKeysText: Decode['repeatedKeysText'] = (lines) =>
  decode().repeatedKeysText(lines);

type Schema = typeof import('./schema/schema.ts');
const schema = later<Schema>('./schema/schema.ts');
export const findType: Schema['findType'] = (...args) => schema().findType(...args);
export const typeDef: Schema['typeDef'] = (...args) => schema().typeDef(...args);
export const typeNames: Schema['typeNames'] = (...args) => schema().typeNames(...args);

type WebhookClient = typeof import('./validation/webhook-client.ts');
const webhookClient = later<WebhookClient>('./validation/webhook-client.ts');
export const validateWebhookClient: WebhookClient['validateWebhookClient'] = (...args) =>
  webhookClient().validateWebhookClient(...args);

type Kinds = typeof import('./kinds/index.ts');
const kinds = later<Kinds>('./kinds/index.ts');
export const optionalKinds: Kinds['optionalKinds'] = () => kinds().optionalKinds();

type Pods = typeof import('./strategy/pod.ts');
const pods = later<Pods>('./strategy/pod.ts');
export const bindPod: Pods['bindPod'] = (...args) => pods().bindPod(...args);
export const podQosClass: Pods['podQosClass'] = (...args) => pods().podQosClass(...args);

type Scale = typeof import('./strategy/scale.ts');
const scale = later<Scale>('./strategy/scale.ts');
export const scaleOf: Scale['scaleOf'] = (...args) => scale().scaleOf(...args);
export const validateScale: Scale['validateScale'] = (...args) => scale().validateScale(...args);
export const withScale: Scale['withScale'] = (...args) => scale().withScale(...args);

type Selectable = typeof import('./strategy/selectable.ts');
const selectable = later<Selectable>('./strategy/selectable.ts');
export const fieldSelectorFor: Selectable['fieldSelectorFor'] = (...args) =>
  selectable().fieldSelectorFor(...args);
export const selectableFields: Selectable['selectableFields'] = (...args) =>
  selectable().selectableFields(...args);

type Strategy = typeof import('./strategy/strategy.ts');
const strategy = later<Strategy>('./strategy/strategy.ts');
export const prepareForCreate: Strategy['prepareForCreate'] = (def, object) => {
  strategy().prepareForCreate(def, object);
  def.rules?.prepareForCreate?.(object);
};
export const prepareForUpdate: Strategy['prepareForUpdate'] = (def, object, old, subresource) => {
  strategy().prepareForUpdate(def, object, old, subresource);
  def.rules?.prepareForUpdate?.(object, old, subresource ?? '');
};

type StampTimes = typeof import('./strategy/stamp-times.ts');
const times = later<StampTimes>('./strategy/stamp-times.ts');
export const stampTimes: StampTimes['stampTimes'] = (...args) => times().stampTimes(...args);

type Validation = typeof import('./validation/index.ts');
const validation = later<Validation>('./validation/index.ts');
export const validateCreate: Validation['validateCreate'] = (def, object, options) => [
  ...validation().validateCreate(def, object, options),
  ...(def.rules?.validateCreate?.(object) ?? []),
];
export const validateUpdate: Validation['validateUpdate'] = (def, object, old, options = {}) => {
  const o = typeof options === 'string' ? { subresource: options } : options;
  return [
    ...validation().validateUpdate(def, object, old, options),
    ...(def.rules?.validateUpdate?.(object, old, o.subresource ?? '', o.warn ?? unheard) ?? []),
  ];
};
/** Nobody listens to warnings. */
const unheard = (): void => {};

type Warnings = typeof import('./validation/warnings.ts');
const warnings = later<Warnings>('./validation/warnings.ts');
export const objectWarnings: Warnings['objectWarnings'] = (...args) =>
  warnings().objectWarnings(...args);

type Patch = typeof import('./patch/index.ts');
const patch = later<Patch>('./patch/index.ts');
export const applyJsonPatch: Patch['applyJsonPatch'] = (...args) => patch().applyJsonPatch(...args);
export const applyMergePatch: Patch['applyMergePatch'] = (...args) =>
  patch().applyMergePatch(...args);
export const applyPatch: Patch['applyPatch'] = (...args) => patch().applyPatch(...args);
export const applyStrategicMergePatch: Patch['applyStrategicMergePatch'] = (...args) =>
  patch().applyStrategicMergePatch(...args);

type ManagedFields = typeof import('./managed-fields/index.ts');
const managedFields = later<ManagedFields>('./managed-fields/index.ts');
export const mergeConfiguration: ManagedFields['mergeConfiguration'] = (...args) =>
  managedFields().mergeConfiguration(...args);
export const applyConfiguration: ManagedFields['applyConfiguration'] = (...args) =>
  managedFields().applyConfiguration(...args);
export const applyScale: ManagedFields['applyScale'] = (...args) =>
  managedFields().applyScale(...args);
export const managerOfUserAgent: ManagedFields['managerOfUserAgent'] = (...args) =>
  managedFields().managerOfUserAgent(...args);
export const trackScale: ManagedFields['trackScale'] = (...args) =>
  managedFields().trackScale(...args);
export const trackUpdate: ManagedFields['trackUpdate'] = (...args) =>
  managedFields().trackUpdate(...args);

type Tables = typeof import('./tables/index.ts');
const tables = later<Tables>('./tables/index.ts');
export const ageDescription: Tables['ageDescription'] = () => tables().ageDescription();
export const parseIncludeObject: Tables['parseIncludeObject'] = (...args) =>
  tables().parseIncludeObject(...args);
export const tableColumns: Tables['tableColumns'] = (...args) => tables().tableColumns(...args);
export const tableFor: Tables['tableFor'] = (...args) => tables().tableFor(...args);
export const scaleKind: Tables['scaleKind'] = (def) => tables().scaleKind(def);
export const tableRows: Tables['tableRows'] = (...args) => tables().tableRows(...args);

type PodTable = typeof import('./tables/pod.ts');
const podTable = later<PodTable>('./tables/pod.ts');
export const podStatusText: PodTable['podStatusText'] = (...args) =>
  podTable().podStatusText(...args);

type Discovery = typeof import('./discovery/discovery.ts');
const discovery = later<Discovery>('./discovery/discovery.ts');
export const aggregatedDiscovery: Discovery['aggregatedDiscovery'] = (...args) =>
  discovery().aggregatedDiscovery(...args);
export const apiGroup: Discovery['apiGroup'] = (...args) => discovery().apiGroup(...args);
export const apiGroupList: Discovery['apiGroupList'] = (...args) =>
  discovery().apiGroupList(...args);
export const apiResourceList: Discovery['apiResourceList'] = (...args) =>
  discovery().apiResourceList(...args);
export const legacyApiVersions: Discovery['legacyApiVersions'] = (...args) =>
  discovery().legacyApiVersions(...args);

type Openapi = typeof import('./discovery/openapi.ts');
const openapi = later<Openapi>('./discovery/openapi.ts');
export const openApiV2: Openapi['openApiV2'] = (...args) => openapi().openApiV2(...args);
export const openApiV3Document: Openapi['openApiV3Document'] = (...args) =>
  openapi().openApiV3Document(...args);
export const openApiV3Index: Openapi['openApiV3Index'] = (...args) =>
  openapi().openApiV3Index(...args);
export const openApiV3Path: Openapi['openApiV3Path'] = (...args) =>
  openapi().openApiV3Path(...args);

type SchemaShape = typeof import('./managed-fields/schema-shape.ts');
const schemaShape = later<SchemaShape>('./managed-fields/schema-shape.ts');
export const nameSchema: SchemaShape['nameSchema'] = (...args) => schemaShape().nameSchema(...args);

type Shapes = typeof import('./managed-fields/shape.ts');
const shapes = later<Shapes>('./managed-fields/shape.ts');
export const forgetShape: Shapes['forgetShape'] = (...args) => shapes().forgetShape(...args);
