/** Which nodes have which images. */
import type { ContainerImage, Pod } from '@kubets/api';

/** The image as nodes report it: one without a tag is the latest. */
export function imageName(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name;
}

/** Images of a pod, init containers included, one for each container. */
export function imagesOf({ spec }: Pod): string[] {
  const all = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return all.map(({ image = '' }) => imageName(image));
}

export class ImageIndex {
  /** Bytes by slot, by the names of an image. */
  readonly #sizes = new Map<string, Map<number, number>>();
  readonly #names = new Map<number, string[]>();

  get isEmpty(): boolean {
    return this.#sizes.size === 0;
  }

  /** The nodes that have an image, with its size in bytes there. */
  nodesWith(image: string): ReadonlyMap<number, number> | undefined {
    return this.#sizes.get(image);
  }

  /** What a node has from now on. */
  set(slot: number, images: readonly ContainerImage[] | undefined): void {
    this.drop(slot);
    if (images === undefined || images.length === 0) return;
    const names: string[] = [];
    for (const { names: all = [], sizeBytes = 0 } of images) {
      for (const name of all) {
        const sizes = this.#sizes.get(name) ?? new Map<number, number>();
        this.#sizes.set(name, sizes.set(slot, sizeBytes));
        names.push(name);
      }
    }
    this.#names.set(slot, names);
  }

  drop(slot: number): void {
    for (const name of this.#names.get(slot) ?? []) {
      const sizes = this.#sizes.get(name);
      sizes?.delete(slot);
      if (sizes?.size === 0) this.#sizes.delete(name);
    }
    this.#names.delete(slot);
  }
}
