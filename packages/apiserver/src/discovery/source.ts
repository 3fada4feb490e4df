/** The documents that say what this server has; made from the kinds, as plain JSON values. */
export interface DiscoverySource {
  /** Cheap text that changes whenever any of the documents would. */
  signature(): string;
  /** `/api`: the versions of the legacy group. */
  apiVersions(): object;
  /** `/apis`: all other groups. */
  groupList(): object;
  /** One group; undefined when there is none. */
  group(name: string): object | undefined;
  /** The resources of a version; undefined when there is none. */
  resourceList(group: string, version: string): object | undefined;
  /** All groups with all resources at once. `root` tells the legacy group from the others. */
  aggregated(root: 'api' | 'apis', version: 'v2' | 'v2beta1'): object;
  /** Group and version of each OpenAPI v3 document. */
  groupVersions(): readonly { group: string; version: string }[];
  /** Versions that extension servers have, and the paths under which those have OpenAPI v3 documents of them. */
  extensionVersions?(): readonly {
    group: string;
    version: string;
    openApi: string | undefined;
  }[];
  openApiV3(group: string, version: string): object;
  openApiV2(): object;
}
