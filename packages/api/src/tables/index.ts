/** `Table` answers: what kubectl shows, computed by the server. */
import { createRequire } from 'node:module';
import { badRequest } from '../errors.ts';
import type { Event, ListMeta, ObjectMeta, Pod } from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import type { KubeObject } from '../meta.ts';
import type { KindDef } from '../registry.ts';
import type { Cell } from './cells.ts';
import * as core from './core.ts';
import * as network from './network.ts';
import * as others from './others.ts';
import { podCells, podRowConditions } from './pod.ts';
import * as workloads from './workloads.ts';

export interface TableColumn {
  name: string;
  type: string;
  format: string;
  description: string;
  /** 0 is always shown, more only with `-o wide`. */
  priority: number;
}

export interface TableRow {
  cells: Cell[];
  conditions?: Record<string, string>[];
  object: unknown;
}

/** `meta.k8s.io/v1` Table. */
export interface TableObject {
  kind: 'Table';
  apiVersion: 'meta.k8s.io/v1' | 'meta.k8s.io/v1beta1';
  metadata: ListMeta;
  columnDefinitions: TableColumn[];
  /** Null when there are none of a kind without columns of its own, as the stock server writes it. */
  rows: TableRow[] | null;
}

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  nowMs: number;
  /** What each row carries of its object; default `Metadata`. */
  includeObject?: IncludeObject;
  /** Of the table and of the partial objects in its rows; default `v1`. */
  metaVersion?: 'v1' | 'v1beta1';
  metadata?: ListMeta;
}

type Printer = (object: never, nowMs: number) => Cell[];

const PRINTERS: Readonly<Record<string, Printer>> = {
  'v1/componentstatuses': core.componentCells,
  'v1/configmaps': core.configMapCells,
  'v1/endpoints': network.endpointsCells,
  'v1/events': (e: Event, nowMs: number) => core.eventCells(core.coreEventParts(e), nowMs),
  'v1/namespaces': core.namespaceCells,
  'v1/nodes': core.nodeCells,
  'v1/persistentvolumeclaims': core.claimCells,
  'v1/persistentvolumes': core.volumeCells,
  'v1/pods': podCells,
  'v1/podtemplates': workloads.podTemplateCells,
  'v1/replicationcontrollers': workloads.replicationControllerCells,
  'v1/resourcequotas': core.quotaCells,
  'v1/secrets': core.secretCells,
  'v1/serviceaccounts': core.serviceAccountCells,
  'v1/services': network.serviceCells,
  'apiregistration.k8s.io/v1/apiservices': others.apiServiceCells,
  'apps/v1/controllerrevisions': workloads.controllerRevisionCells,
  'apps/v1/daemonsets': workloads.daemonSetCells,
  'apps/v1/deployments': workloads.deploymentCells,
  'apps/v1/replicasets': workloads.replicaSetCells,
  'apps/v1/statefulsets': workloads.statefulSetCells,
  'events.k8s.io/v1/events': others.newEventCells,
  'autoscaling/v1/scales': workloads.scaleCells,
  'autoscaling/v1/horizontalpodautoscalers': others.oldAutoscalerCells,
  'autoscaling/v2/horizontalpodautoscalers': others.autoscalerCells,
  'batch/v1/cronjobs': workloads.cronJobCells,
  'batch/v1/jobs': workloads.jobCells,
  'certificates.k8s.io/v1/certificatesigningrequests': others.signingRequestCells,
  'networking.k8s.io/v1/ingressclasses': network.ingressClassCells,
  'networking.k8s.io/v1/ingresses': network.ingressCells,
  'networking.k8s.io/v1/networkpolicies': network.networkPolicyCells,
  'policy/v1/poddisruptionbudgets': others.disruptionBudgetCells,
  'rbac.authorization.k8s.io/v1/clusterrolebindings': others.bindingCells,
  'rbac.authorization.k8s.io/v1/rolebindings': others.bindingCells,
  'storage.k8s.io/v1/csidrivers': others.csiDriverCells,
  'storage.k8s.io/v1/csinodes': others.csiNodeCells,
  'storage.k8s.io/v1/storageclasses': others.storageClassCells,
  'storage.k8s.io/v1/volumeattachments': others.attachmentCells,
  'admissionregistration.k8s.io/v1/mutatingwebhookconfigurations': others.webhookCells,
  'admissionregistration.k8s.io/v1/validatingwebhookconfigurations': others.webhookCells,
  'admissionregistration.k8s.io/v1/validatingadmissionpolicies': others.admissionPolicyCells,
  'admissionregistration.k8s.io/v1/validatingadmissionpolicybindings': others.admissionBindingCells,
  'scheduling.k8s.io/v1/priorityclasses': others.priorityClassCells,
  'coordination.k8s.io/v1/leases': others.leaseCells,
  'node.k8s.io/v1/runtimeclasses': others.runtimeClassCells,
  'discovery.k8s.io/v1/endpointslices': network.endpointSliceCells,
  'flowcontrol.apiserver.k8s.io/v1/flowschemas': others.flowSchemaCells,
  'flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations': others.priorityLevelCells,
};

type ColumnFact = [name: string, type: string, format: string, priority: number, text: number];

interface TableFacts {
  readonly texts: readonly string[];
  readonly tables: Readonly<Record<string, readonly ColumnFact[]>>;
}

/** A kind whose columns are those of every kind without its own. */
const PLAIN_KIND = 'v1/limitranges';

let facts: TableFacts | undefined;

function tableFacts(): TableFacts {
  facts ??= createRequire(import.meta.url)('../generated/tables.json') as TableFacts;
  return facts;
}

function columnFacts(key: string): readonly ColumnFact[] {
  const { tables } = tableFacts();
  return (PRINTERS[key] && tables[key]) || tables[PLAIN_KIND] || [];
}

/** The columns of a kind. */
export function tableColumns(def: KindDef): TableColumn[] {
  if (def.rules?.columns) return [...nameColumn(def), ...def.rules.columns];
  return ownColumns(def);
}

/** The first column of every kind. */
function nameColumn(def: KindDef): TableColumn[] {
  return ownColumns(def).filter((column) => column.name === 'Name');
}

/** The kind of a workload's scale, which is read under the workload's own name. */
export function scaleKind({ rules: _rules, ...workload }: KindDef): KindDef {
  const scale = { group: 'autoscaling', version: 'v1', apiVersion: 'autoscaling/v1' };
  return { ...workload, ...scale, kind: 'Scale', listKind: 'ScaleList', resource: 'scales' };
}

/** Of scales: the facts, which list resources, have none of them. */
function scaleColumns(): TableColumn[] {
  const column = (name: string, type: string, description: string): TableColumn => ({
    ...{ name, type, format: '', description, priority: 0 },
  });
  const name = columnsOf(PLAIN_KIND).find((one) => one.name === 'Name');
  return [
    column('Name', 'string', name?.description ?? ''),
    column('Desired', 'integer', 'How many pods there should be.'),
    column('Available', 'integer', 'How many pods there are.'),
    column('Age', 'string', ageDescription()),
  ];
}

function ownColumns(def: KindDef): TableColumn[] {
  const key = `${def.apiVersion}/${def.resource}`;
  return PRINTERS[key] === workloads.scaleCells ? scaleColumns() : columnsOf(key);
}

function columnsOf(key: string): TableColumn[] {
  const { texts } = tableFacts();
  return columnFacts(key).map((fact) => {
    const [name, type, format, priority, text] = fact;
    return { name, type, format, description: texts[text] ?? '', priority };
  });
}

/** What the column of ages is described as, whatever the kind. */
export function ageDescription(): string {
  const age = columnFacts('v1/pods').find(([name]) => name === 'Age');
  return tableFacts().texts[age?.[4] ?? -1] ?? '';
}

const metaVersion = (o: TableOptions) => `meta.k8s.io/${o.metaVersion ?? 'v1'}` as const;

function rowObject(def: KindDef, object: KubeObject, o: TableOptions): unknown {
  const include = o.includeObject ?? 'Metadata';
  if (include === 'None') return null;
  if (include === 'Object') return { kind: def.kind, apiVersion: def.apiVersion, ...object };
  const kind = 'PartialObjectMetadata';
  return { kind, apiVersion: metaVersion(o), metadata: shownMetadata(def, object) };
}

/** The annotation that stands for a DaemonSet's template generation is no part of its metadata. */
function shownMetadata(def: KindDef, object: KubeObject): ObjectMeta {
  const key = 'deprecated.daemonset.template.generation';
  if (def.kind !== 'DaemonSet' || !object.metadata.annotations?.[key]) return object.metadata;
  const { [key]: _generation, ...annotations } = object.metadata.annotations;
  const { annotations: _all, ...rest } = object.metadata;
  return Object.keys(annotations).length === 0 ? rest : { ...rest, annotations };
}

/** The `includeObject` parameter of a Table request. Throws ApiError when it is none of the three. */
export function parseIncludeObject(text: string | null | undefined): IncludeObject {
  if (!text) return 'Metadata';
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  const why = `includeObject: Invalid value: ${goQuote(text)}: must be 'Metadata', 'Object', 'None', or empty`;
  throw badRequest(`Unable to convert to Table as requested: ${why}`);
}

function defaultCells(object: KubeObject): Cell[] {
  return [object.metadata.name ?? '', object.metadata.creationTimestamp ?? null];
}

function cellsOf(def: KindDef, object: KubeObject, nowMs: number): Cell[] {
  const own = def.rules?.cells;
  if (own) return [object.metadata.name ?? '', ...own(object, nowMs)];
  const printer = PRINTERS[`${def.apiVersion}/${def.resource}`];
  return printer ? printer(object as never, nowMs) : defaultCells(object);
}

/** The rows of objects of a kind, without the frame around them (watches send those). */
export function tableRows(
  def: KindDef,
  objects: readonly KubeObject[],
  o: TableOptions,
): TableRow[] {
  const key = `${def.apiVersion}/${def.resource}`;
  return objects.map((object) => {
    const cells = cellsOf(def, object, o.nowMs);
    const conditions = key === 'v1/pods' ? podRowConditions(object as Pod) : undefined;
    return {
      cells,
      ...(conditions ? { conditions } : {}),
      object: rowObject(def, object, o),
    };
  });
}

function hasPrinter(def: KindDef): boolean {
  if (def.rules?.cells) return true;
  return PRINTERS[`${def.apiVersion}/${def.resource}`] !== undefined;
}

/** A Table of objects of one kind. */
export function tableFor(
  def: KindDef,
  objects: readonly KubeObject[],
  o: TableOptions,
): TableObject {
  return {
    kind: 'Table',
    apiVersion: metaVersion(o),
    metadata: o.metadata ?? {},
    columnDefinitions: tableColumns(def),
    rows: objects.length === 0 && !hasPrinter(def) ? null : tableRows(def, objects, o),
  };
}
