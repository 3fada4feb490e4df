import {
  type CustomResourceDefinition,
  type KubeObject,
  type OwnerReference,
  parseApiVersion,
} from '@kubets/api';
import type { Informer } from '@kubets/client';
import { customKindOf } from '../objects/custom-kinds.ts';
import type { ExtensionKind } from '../objects/extension-kinds.ts';
import { nameOf } from '../objects/meta.ts';
import type { KindRef } from './graph.ts';

export interface CustomKindEvents {
  follow(kind: KindRef): Informer<KubeObject>;
  /** @param isDeleted the definition is gone, which it only is after all of its objects are */
  unfollow(kind: KindRef, isDeleted: boolean): void;
}

/** The kinds that are defined or of extension servers at the moment, each followed in one of its versions. */
export class CustomKinds {
  readonly #events: CustomKindEvents;
  /** By the name of the definition, or the APIService and the resource. */
  readonly #kinds = new Map<string, KindRef>();
  readonly #informers = new Map<string, Informer<KubeObject>>();

  constructor(events: CustomKindEvents) {
    this.#events = events;
  }

  /** Begins to follow what is defined. @returns how to stop looking at definitions */
  start(definitions: Informer<CustomResourceDefinition>): () => void {
    return definitions.on({
      add: (definition) => this.#set(nameOf(definition), customKindOf(definition)),
      update: (_old, definition) => this.#set(nameOf(definition), customKindOf(definition)),
      delete: (definition) => this.#end(nameOf(definition), true),
    });
  }

  /** What an extension server has by now. */
  setExtension(service: string, kinds: readonly ExtensionKind[]): void {
    const next = new Map(
      kinds.filter(isCollectable).map((kind) => [`${service}/${kind.resource}`, kind]),
    );
    for (const name of [...this.#kinds.keys()]) {
      if (name.startsWith(`${service}/`) && !next.has(name)) this.#end(name, false);
    }
    for (const [name, kind] of next) this.#set(name, kind);
  }

  /** Where an owner of a custom kind is found, whichever of the kind's versions the reference names. */
  kindOf(ref: OwnerReference): KindRef | undefined {
    const { group } = parseApiVersion(ref.apiVersion);
    for (const kind of this.#kinds.values()) {
      if (kind.kind === ref.kind && parseApiVersion(kind.gv).group === group) return kind;
    }
    return undefined;
  }

  /** When all that is followed now has its first list. */
  async whenSynced(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.whenSynced()));
  }

  #set(name: string, next: KindRef | undefined): void {
    const present = this.#kinds.get(name);
    if (present !== undefined && next !== undefined && isSame(present, next)) return;
    this.#end(name, false);
    if (next === undefined) return;
    this.#kinds.set(name, next);
    this.#informers.set(name, this.#events.follow(next));
  }

  #end(name: string, isDeleted: boolean): void {
    const kind = this.#kinds.get(name);
    if (kind === undefined) return;
    this.#kinds.delete(name);
    this.#informers.delete(name);
    this.#events.unfollow(kind, isDeleted);
  }
}

const NEEDED = ['get', 'list', 'watch', 'delete'];

function isCollectable({ verbs }: ExtensionKind): boolean {
  return NEEDED.every((verb) => verbs.includes(verb));
}

function isSame(a: KindRef, b: KindRef): boolean {
  return a.gv === b.gv && a.resource === b.resource && a.kind === b.kind;
}
