/** All that expressions of Kubernetes 1.32 may call: the language's own functions and those of its libraries. */
import { Library } from '../signature.ts';
import { addAuthorizationFunctions } from './authorization.ts';
import { addConversions } from './conversions.ts';
import { addFormatFunctions } from './formats.ts';
import { addListFunctions, addSetFunctions } from './lists.ts';
import { addNetworkFunctions } from './network.ts';
import { addOperators } from './operators.ts';
import { addOptionals } from './optionals.ts';
import { addQuantities } from './quantities.ts';
import { addTextFunctions } from './strings.ts';
import { addTimeFunctions } from './times.ts';
import { addUrlFunctions } from './urls.ts';

let made: Library | undefined;

/** The library; made when it is first asked for. */
export function library(): Library {
  if (made !== undefined) return made;
  made = new Library();
  addAll(made);
  return made;
}

/** Adds all that expressions of every sort may call. */
export function addAll(all: Library): void {
  addOperators(all);
  addConversions(all);
  addTimeFunctions(all);
  addTextFunctions(all);
  addListFunctions(all);
  addSetFunctions(all);
  addOptionals(all);
  addUrlFunctions(all);
  addQuantities(all);
  addNetworkFunctions(all);
  addFormatFunctions(all);
  addAuthorizationFunctions(all);
}
