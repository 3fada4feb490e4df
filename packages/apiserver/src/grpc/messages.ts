/** The messages of `proto/apiserver/resources.proto` as the loader gives them. */
import type { PatchType } from '../registry/patch.ts';

export interface Ref {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

export interface GetRequest {
  readonly ref: Ref | null;
}

export interface DiscoverRequest {
  readonly group: string;
  readonly version: string;
}

export interface ObjectReply {
  readonly object: Buffer;
}

export interface ListRequest {
  readonly ref: Ref | null;
  readonly label_selector: string;
  readonly field_selector: string;
  readonly resource_version: string;
  readonly limit: string | number;
  readonly continue_token: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface ListChunk {
  readonly resource_version: string;
  readonly items: readonly Buffer[];
  readonly continue_token: string;
}

export interface WatchRequest {
  readonly ref: Ref | null;
  readonly label_selector: string;
  readonly field_selector: string;
  readonly resource_version: string;
  readonly allow_bookmarks: boolean;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Buffer;
}

export interface WatchBatch {
  readonly events: readonly WatchEvent[];
}

export interface WriteRequest {
  readonly ref: Ref | null;
  readonly object: Buffer;
  readonly field_manager: string;
  readonly dry_run: boolean;
}

export interface CreateManyRequest {
  readonly items: readonly WriteRequest[];
}

export interface WriteResult {
  readonly status: Buffer;
}

export interface CreateManyReply {
  readonly results: readonly WriteResult[];
}

export interface PatchRequest {
  readonly ref: Ref | null;
  readonly type: string;
  readonly patch: Buffer;
  readonly field_manager: string;
  readonly dry_run: boolean;
}

export interface DeleteRequest {
  readonly ref: Ref | null;
  readonly options: Buffer;
}

/** PatchRequest.Type. */
export const PATCH_TYPES: Readonly<Record<string, PatchType>> = {
  JSON: 'json',
  MERGE: 'merge',
  STRATEGIC_MERGE: 'strategic',
};
