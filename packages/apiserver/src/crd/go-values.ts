/** Values in messages, printed as Go prints them. */
import { fieldErrors, goQuote, isInt64, isJsonObject, isNumeric } from '@kubets/api';

/** `%v` of a float64: large and tiny ones with an exponent. */
export function goFloat(n: number): string {
  const [digits = '', power = '0'] = n.toExponential().split('e');
  const exponent = Number(power);
  const size = String(Math.abs(exponent)).padStart(2, '0');
  if (n === 0 || (exponent >= -4 && exponent < 6)) return String(n);
  return `${digits}e${exponent < 0 ? '-' : '+'}${size}`;
}

/** `%#v` of a JSON value. */
export function goSyntax(value: unknown): string {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (isJsonObject(value)) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    const members = entries.map(([k, v]) => `${goQuote(k)}:${goSyntax(v)}`);
    return `map[string]interface {}{${members.join(', ')}}`;
  }
  if (typeof value === 'string') return goQuote(value);
  if (typeof value === 'number' && !isInt64(value)) return goFloat(value);
  return value === null || value === undefined ? 'interface {}(nil)' : String(value);
}

/** A value for a FieldError, shown as the stock server shows it. */
export function shown(value: unknown): unknown {
  if (value === null || value === undefined) return new fieldErrors.GoText('"null"');
  return typeof value === 'object' ? new fieldErrors.GoText(goSyntax(value)) : value;
}

/** The type Go gives a value it decoded from JSON: `string`, `[]interface {}`, `int64`. */
export function goType(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (isNumeric(value)) return isInt64(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
