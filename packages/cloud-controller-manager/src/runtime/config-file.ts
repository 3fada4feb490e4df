import { readFile, stat } from 'node:fs/promises';
import { errorMessage, yamlLibrary } from '@kubets/platform';
import { InventoryError } from '../errors.ts';
import { MAX_CONFIG_BYTES } from '../limits.ts';
import { EMPTY_INVENTORY, type Inventory, readInventory } from '../local/inventory.ts';

/**
 * The inventory in a file, read again when the file has changed.
 * @param file '': there is none, and every machine runs
 * @returns rejects with InventoryError while the file cannot be read or is wrong
 */
export function inventoryFile(file: string): () => Promise<Inventory> {
  if (file === '') return () => Promise.resolve(EMPTY_INVENTORY);
  let known: { stamp: string; inventory: Inventory } | undefined;
  return async () => {
    try {
      const { mtimeMs, size, ino } = await stat(file);
      const stamp = `${mtimeMs} ${size} ${ino}`;
      if (known?.stamp === stamp) return known.inventory;
      if (size > MAX_CONFIG_BYTES)
        throw new InventoryError(`longer than ${MAX_CONFIG_BYTES} bytes`);
      const inventory = readInventory(yamlLibrary().parse(await readFile(file, 'utf8')));
      known = { stamp, inventory };
      return inventory;
    } catch (error) {
      throw new InventoryError(`--cloud-config: ${file}: ${errorMessage(error)}`);
    }
  };
}
