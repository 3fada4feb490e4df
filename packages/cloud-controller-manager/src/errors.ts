/** Faults of the loops and providers; faults of the API are `ApiError` from `@kubets/api`. */

/** No address can be given now: none is left, or the one asked for is another's or out of reach. */
export class AddressError extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'AddressError';
  }
}

/** `--cloud-config` cannot be read, or does not say what it should. Nothing is known of any machine meanwhile. */
export class InventoryError extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'InventoryError';
  }
}
