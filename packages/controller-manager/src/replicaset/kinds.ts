import {
  type KubeObject,
  labelSelectorOf,
  labelSetSelector,
  type ParsedLabelSelector,
  type PodTemplateSpec,
  type ReplicaSet,
  type ReplicationController,
} from '@kubets/api';
import type { Informer } from '@kubets/client';
import type { SharedInformers } from '../host/informers.ts';
import type { OwnerKind } from '../objects/meta.ts';

/** Either kind a replica controller keeps: same status, nearly the same spec. */
export type ReplicaOwner = ReplicaSet | ReplicationController;

/** What differs between ReplicaSet and ReplicationController. */
export interface ReplicaKind extends OwnerKind {
  controller: string;
  /** What its queue is called in figures. */
  queueName: string;
  component: string;
  resource: string;
  informer(informers: SharedInformers): Informer<ReplicaOwner>;
  /** `undefined` selects nothing. */
  selectorOf(owner: ReplicaOwner): ParsedLabelSelector | undefined;
}

export const REPLICA_SET: ReplicaKind = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  controller: 'replicaset-controller',
  queueName: 'replicaset',
  component: 'replicaset-controller',
  resource: 'replicasets',
  informer: (informers) => informers.replicaSets as unknown as Informer<ReplicaOwner>,
  selectorOf: (owner) => {
    const selector = (owner as ReplicaSet).spec?.selector;
    return selector === undefined ? undefined : labelSelectorOf(selector);
  },
};

export const REPLICATION_CONTROLLER: ReplicaKind = {
  apiVersion: 'v1',
  kind: 'ReplicationController',
  controller: 'replicationcontroller-controller',
  queueName: 'replicationmanager',
  component: 'replication-controller',
  resource: 'replicationcontrollers',
  informer: (informers) => informers.replicationControllers as unknown as Informer<ReplicaOwner>,
  selectorOf: (owner) => {
    const selector = (owner as ReplicationController).spec?.selector;
    return selector === undefined ? undefined : labelSetSelector(selector);
  },
};

/** The template; an owner without one cannot make pods. */
export function templateOf(owner: KubeObject): PodTemplateSpec | undefined {
  return (owner as ReplicaOwner).spec?.template;
}
