/** What `--cloud-config` says of the machines. Pure. */
import type { NodeAddress } from '@kubets/api';
import { InventoryError } from '../errors.ts';
import type { InstanceState } from '../ports.ts';

/** One machine, by the name of its node. */
export interface Machine {
  readonly state: InstanceState;
  readonly instanceType: string | undefined;
  readonly zone: string | undefined;
  readonly region: string | undefined;
  readonly addresses: readonly NodeAddress[] | undefined;
}

export interface Inventory {
  /** For machines that name none. */
  readonly zone: string | undefined;
  readonly region: string | undefined;
  readonly machines: ReadonlyMap<string, Machine>;
}

/** Without a file every node's machine is there and runs. */
export const EMPTY_INVENTORY: Inventory = {
  zone: undefined,
  region: undefined,
  machines: new Map(),
};

const STATES: readonly InstanceState[] = ['running', 'stopped', 'gone'];
const TOP_KEYS = ['region', 'zone', 'nodes'];
const MACHINE_KEYS = ['state', 'instanceType', 'zone', 'region', 'addresses'];
/** What the API takes as the value of a label. */
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

type Fields = Record<string, unknown>;

function fieldsOf(value: unknown, where: string, known: readonly string[]): Fields {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new InventoryError(`${where} must be a mapping`);
  }
  const stranger = Object.keys(value).find((key) => known.length > 0 && !known.includes(key));
  if (stranger === undefined) return value as Fields;
  throw new InventoryError(`${where}: "${stranger}" is none of ${known.join(', ')}`);
}

function text(fields: Fields, key: string, where: string): string | undefined {
  const value = fields[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && LABEL_VALUE.test(value)) return value;
  throw new InventoryError(`${where}.${key} must be text that can be the value of a label`);
}

function stateOf(fields: Fields, where: string): InstanceState {
  const value = fields.state ?? 'running';
  const state = STATES.find((one) => one === value);
  if (state !== undefined) return state;
  throw new InventoryError(`${where}.state must be one of ${STATES.join(', ')}`);
}

function addressesOf(fields: Fields, where: string): NodeAddress[] | undefined {
  const list = fields.addresses;
  if (list === undefined || list === null) return undefined;
  if (!Array.isArray(list)) throw new InventoryError(`${where}.addresses must be a list`);
  return list.map((one, at) => {
    const { type, address } = fieldsOf(one, `${where}.addresses[${at}]`, ['type', 'address']);
    if (typeof type === 'string' && typeof address === 'string') return { type, address };
    throw new InventoryError(`${where}.addresses[${at}] needs a type and an address`);
  });
}

/** @param content the parsed file. @throws InventoryError naming the field */
export function readInventory(content: unknown): Inventory {
  const top = fieldsOf(content, 'the file', TOP_KEYS);
  const nodes = Object.entries(fieldsOf(top.nodes, 'nodes', []));
  const machines = nodes.map(([name, value]): [string, Machine] => {
    const where = `nodes.${name}`;
    const fields = fieldsOf(value, where, MACHINE_KEYS);
    const machine = {
      state: stateOf(fields, where),
      instanceType: text(fields, 'instanceType', where),
      zone: text(fields, 'zone', where),
      region: text(fields, 'region', where),
      addresses: addressesOf(fields, where),
    };
    return [name, machine];
  });
  const zone = text(top, 'zone', 'the file');
  return { zone, region: text(top, 'region', 'the file'), machines: new Map(machines) };
}
